"""Replays as a program runs them: worker processes, progress, signs of life, and what to do in which order."""
