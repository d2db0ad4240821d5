"""Short hashes of log records: what a document keeps to recognise the log that it was folded from."""

from events.identity import short_hash


def seal(offset: int, appended_at_ms: int, value: bytes) -> str:
    """A short hash of a record's position, log time and value (see `events.identity.short_hash`)."""
    return short_hash(f"{offset}:{appended_at_ms}:".encode() + value)
