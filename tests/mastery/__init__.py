"""The model of what learners know."""
