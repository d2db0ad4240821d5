"""What is particular to the embedded adapter."""
