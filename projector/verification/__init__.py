"""Is what is stored what the log makes it? Generations compared, with each other and with the log, and audited."""
