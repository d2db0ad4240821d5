"""Tests of the real stack on one machine."""
