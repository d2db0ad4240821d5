"""Tests of what images are built from, of the programs around it, and of the compose file."""
