"""The Dapr adapter's own doings, those that need no sidecar to be seen."""
