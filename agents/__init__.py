"""Agents: what a language model may do for a learner, what it is told, and what of its answer is taken.

Nothing in here knows Dapr. What a model writes is a stranger's text until `agents.prose` or `agents.advice` passes it.
"""
