"""HTTP conventions that both APIs share: problems, request limits, preferences, tracing."""
