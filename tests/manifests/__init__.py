"""Kubernetes manifests, offline: against the schemas of what they name, and against this project's rules for them."""
