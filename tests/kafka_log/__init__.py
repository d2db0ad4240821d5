"""The adapter that reads the log, and the commands that look after its topic, against a real broker."""
