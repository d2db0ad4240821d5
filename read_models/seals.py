"""Short hashes of log records: what a document keeps to recognise the log that it was folded from."""

import hashlib
from base64 import urlsafe_b64encode


def seal(offset: int, appended_at_ms: int, value: bytes) -> str:
    """The first 64 bits of SHA-256 over a record's position, log time and value, as 11 characters of base64url."""
    digest = hashlib.sha256(f"{offset}:{appended_at_ms}:".encode() + value).digest()
    return urlsafe_b64encode(digest[:8]).decode().rstrip("=")
