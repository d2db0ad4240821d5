"""The port through which events enter the log."""

from collections.abc import Sequence
from typing import Protocol

from sidecar.records import NewRecord


class EventAppender(Protocol):
    """Appends to the log."""

    async def append(self, records: Sequence[NewRecord], *, timeout_seconds: float) -> None:
        """Append all records; on return every one is durable and will be delivered.

        Records of one key keep their order if nothing fails. After a failure some may be in the log, in any
        order, and some may come twice: repeat with the same event ids, readers count an id once.

        Raises:
            AppendRefused: the log has none of them.
            AppendUnconfirmed: it may have some, also when `timeout_seconds` ran out.
            ValueError: a record is empty, or its key is not ASCII; the log has none of them.
            MessageTooLarge: a record, or all of them together, is more than the log takes; it has none of them.
        """
        ...
