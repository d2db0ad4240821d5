"""Logs and stores that fail, hang, or change while they are asked."""

import asyncio
from collections.abc import Callable, Collection, Mapping

from typing_extensions import override

from sidecar.errors import SidecarUnavailable
from sidecar.records import LogSlice, PartitionBounds, StoredDocument
from tests.projector.world import MemoryLog, MemoryState


class FailingLog(MemoryLog):
    """Fails where `failing` names the call, after so many `answers`; `hangs` has it say nothing instead.

    One read goes through `reach` offsets at most.
    """

    failing: str = ""
    hangs: bool = False
    answers: int = 0
    reach: int = 1000

    @override
    async def bounds(self) -> Mapping[int, PartitionBounds]:
        await self._perhaps("bounds")
        return await super().bounds()

    @override
    async def read(self, partition: int, first: int, until: int, *, max_records: int, max_bytes: int) -> LogSlice:
        await self._perhaps("read")
        until = min(until, first + self.reach)
        return await super().read(partition, first, until, max_records=max_records, max_bytes=max_bytes)

    async def _perhaps(self, call: str) -> None:
        if self.failing == call:
            self.answers -= 1
            if self.answers >= 0:
                return
            if self.hangs:
                await asyncio.Event().wait()
            raise SidecarUnavailable("log", "out for a walk")


class SlowLog(MemoryLog):
    """Takes its time for every read, be there a record or none."""

    read_seconds: float = 0.0

    @override
    async def read(self, partition: int, first: int, until: int, *, max_records: int, max_bytes: int) -> LogSlice:
        await asyncio.sleep(self.read_seconds)
        return await super().read(partition, first, until, max_records=max_records, max_bytes=max_bytes)


class ChangingState(MemoryState):
    """Calls `between` after each read."""

    between: Callable[[], None] | None = None
    hangs: bool = False

    @override
    async def read(self, keys: Collection[str], *, confirm_absence: bool = True) -> Mapping[str, StoredDocument]:
        if self.hangs:
            await asyncio.Event().wait()
        found = await super().read(keys, confirm_absence=confirm_absence)
        if self.between is not None:
            self.between()
        return found
