"""What every adapter checks before it begins."""

from collections.abc import Sequence
from typing import Final

from sidecar.records import Delete, NewRecord, Put

MAX_KEY_CHARACTERS: Final = 1000


def check_records(records: Sequence[NewRecord]) -> None:
    """Check that the records are ones that the port allows.

    Raises:
        ValueError: one has an empty value, or a key that is not ASCII.
    """
    for record in records:
        if not record.key.isascii():
            raise ValueError(f"the key {record.key!r} is not ASCII")
        if not record.value:
            raise ValueError(f"the record of {record.key!r} is empty")


def check_operations(operations: Sequence[Put | Delete]) -> None:
    """Check that the operations are ones that the port allows.

    Raises:
        ValueError: a key is empty, too long, holds `||` or NUL, or comes twice; or a value is empty.
    """
    seen: set[str] = set()
    for operation in operations:
        key = operation.key
        if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
            raise ValueError(f"a key has 1 to {MAX_KEY_CHARACTERS} characters, this one has {len(key)}")
        if "||" in key or "\0" in key:
            raise ValueError(f"the key {key!r} contains '||' or NUL")
        if key in seen:
            raise ValueError(f"the key {key!r} comes twice in one transaction")
        if isinstance(operation, Put) and not operation.value:
            raise ValueError(f"the document {key!r} is empty")
        seen.add(key)
