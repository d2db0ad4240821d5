"""Tests of what is done about parked values."""
