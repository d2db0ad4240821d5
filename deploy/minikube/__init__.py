"""LearnFlow on Minikube: bringing it up, verifying it, taking it down."""
