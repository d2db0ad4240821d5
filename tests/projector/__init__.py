"""Tests of the projector room."""
