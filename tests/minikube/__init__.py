"""Bringing LearnFlow up on Minikube, and verifying it there: the parts that need no cluster."""
