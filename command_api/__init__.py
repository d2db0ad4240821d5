"""The POST endpoints: they append an event, and do nothing else."""
