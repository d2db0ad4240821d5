"""Appenders that note what they are given, and fail as they are told."""

import asyncio
from collections.abc import Callable, Sequence

from typing_extensions import override

from command_api.publisher import Publisher, PublisherLimits
from sidecar.errors import AppendUnconfirmed
from sidecar.records import NewRecord

Batch = list[NewRecord]


class Log:
    """An appender that notes what it is given, and does what the test says.

    Attributes:
        attempts: every append, as it was asked for.
        records: what the log has.
        act: called with each append before it is carried out; may raise.
        gate: appends wait while it is closed.
    """

    def __init__(self, act: Callable[[Batch], None] = lambda _: None) -> None:
        self.attempts: list[Batch] = []
        self.timeouts: list[float] = []
        self.records: Batch = []
        self.act = act
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()
        self.most_at_once = 0
        self._now = 0

    async def append(self, records: Sequence[NewRecord], *, timeout_seconds: float) -> None:
        self.attempts.append(list(records))
        self.timeouts.append(timeout_seconds)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        self.entered.set()
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            self.act(list(records))
            self.records += records
        finally:
            self._now -= 1


class HangingLog(Log):
    """A log of which one key's partition says nothing while the gate is closed, as it is in the beginning."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.gate.clear()
        self._key = key

    @override
    async def append(self, records: Sequence[NewRecord], *, timeout_seconds: float) -> None:
        self.entered.set()
        if any(record.key == self._key for record in records):
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self.gate.wait()
            except TimeoutError as error:
                raise AppendUnconfirmed("no answer in time") from error
        self.records += records


def record(number: int, key: str = "ada", size: int = 0) -> NewRecord:
    return NewRecord(key, f"{number}".encode().ljust(size))


async def started(log: Log, **limits: float) -> Publisher:
    publisher = Publisher(log, PublisherLimits(**limits))  # type: ignore[arg-type]
    await publisher.start()
    return publisher


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(50):
        await asyncio.sleep(0)


class OneKeyDown(Log):
    """Confirms no append with a record of the key `down`; one of such records alone gets no answer in time."""

    @override
    async def append(self, records: Sequence[NewRecord], *, timeout_seconds: float) -> None:
        down = [one for one in records if one.key == "down"]
        if down and len(records) == 1:
            self.entered.set()
            await asyncio.sleep(timeout_seconds)
        if down:
            raise AppendUnconfirmed("its partition has no leader")
        await super().append(records, timeout_seconds=timeout_seconds)
