"""What Kubernetes manifests are rendered with, and what they are held against, without a cluster."""
