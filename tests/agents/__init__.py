"""Agents: what is told to a model, what of its answer is taken, and how often it is asked."""
