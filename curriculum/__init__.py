"""Composes lessons: a request goes in, an outline to work through comes out. Pure, and the same every time."""
