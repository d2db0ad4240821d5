"""The acceptance scenarios of the feature specification as a program against a cluster."""
