"""The port that reads the log directly: for its identity, for holes, for replay."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from sidecar.records import LogIdentity, LogSlice, PartitionBounds


class LogReader(Protocol):
    """Reads the log without being a consumer of it: nothing is committed, nothing moves."""

    async def identity(self) -> LogIdentity:
        """Which log this is.

        Raises:
            SidecarUnavailable: the log does not answer.
        """
        ...

    async def faults(self) -> Sequence[str]:
        """What in the log's own settings would lose or disorder what it holds, a sentence each; empty if nothing.

        Raises:
            SidecarUnavailable: the log does not answer.
        """
        ...

    async def bounds(self) -> Mapping[int, PartitionBounds]:
        """What every partition holds now, empty ones too.

        Raises:
            SidecarUnavailable: the log does not answer.
            StorageDamaged: the log can't read what it holds.
        """
        ...

    async def read(self, partition: int, first: int, until: int, *, max_records: int, max_bytes: int) -> LogSlice:
        """Read what is there of `first <= offset < until`, up to `max_records` records or about `max_bytes` of values.

        At least one record is read if there is one, however large. `next_offset` is `first` where the log ends there.

        Raises:
            SidecarUnavailable: the log does not answer.
            StorageDamaged: the log can't read what it holds.
            ValueError: there is no such partition.
        """
        ...

    async def delivered(self) -> Mapping[int, int]:
        """By partition, the offset that delivery to the projector's consumer group would begin at if it began anew.

        That is what the group has committed, which is never past a batch that was not settled and may be some seconds
        behind the last one that was. A partition for which nothing was committed yet is not there.

        Raises:
            SidecarUnavailable: the log does not answer.
        """
        ...
