"""Tests of replay: runs, building, the switch, and all of it at once."""
