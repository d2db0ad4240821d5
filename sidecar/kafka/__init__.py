"""The log itself, over librdkafka: what Dapr's API can't tell.

Used to make and check the topic, and behind the port that reads the log. Commands, queries and delivery have no
business here; an import rule says so.
"""
