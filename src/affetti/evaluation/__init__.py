"""What is measured on models and on what they compose, beside the papers' figures and real music."""
