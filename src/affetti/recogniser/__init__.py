"""Training of the recogniser of emotion in piano pieces: presets, fitting, export."""
