"""Measurements, each as a ratio to something run beside it."""
