"""The port through which the log reaches a projector."""

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Protocol

from sidecar.records import LogRecord


class Verdict(Enum):
    """What became of a batch."""

    SETTLED = "settled"
    """Every record has had its effect, durably. The batch need not come again, and may."""
    RETRY = "retry"
    """Something is missing. Its records come again, perhaps cut otherwise, before any later one of the partition."""


BatchHandler = Callable[[Sequence[LogRecord]], Awaitable[Verdict]]
"""Takes records of one partition in offset order. An exception counts as `Verdict.RETRY`."""


class Delivery(Protocol):
    """Delivers the log, at least once.

    Delivery starts at the log's first record and goes on where the consumer group was last known to be. Batches of one
    partition come one after another, each at least once and possibly again after a crash or a change of owner; one
    batch that waits may make other partitions wait as well. For a short while two owners may get the same batch.
    """

    async def start(self, handler: BatchHandler) -> None:
        """Begin to deliver to `handler`; returns at once."""
        ...

    async def stop(self) -> None:
        """Let the running batch end, then deliver no more. Returns when that is so; may be called twice."""
        ...
