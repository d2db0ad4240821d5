"""From the log to the documents: pure folds, and the engine that gives every offset its effect exactly once."""
