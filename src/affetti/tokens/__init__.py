"""Music as tokens: what the models read and write."""
