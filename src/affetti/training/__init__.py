"""Functions that the systems' training shares: recipes, checkpoints, run folders."""
