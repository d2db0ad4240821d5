"""The GET endpoints: they read projections, and nothing else."""
