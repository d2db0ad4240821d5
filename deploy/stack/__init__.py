"""Dapr, Kafka and Postgres on this machine, with LearnFlow's services on top; see README.md."""
