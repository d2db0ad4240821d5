"""What a service asks of its sidecar, as small ports, and the adapters that answer.

The ports are written for what Dapr over Kafka and Postgres can promise; one contract suite (`tests/contract`) holds
every adapter to it. Only the composition root knows an adapter.
"""
