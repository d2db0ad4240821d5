"""What a projector does besides taking deliveries: make sure of its generation, start, and never fall behind unseen."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from learnflow.sidecar import Sidecar
from projector.engine import Engine
from projector.errors import LogUnfit, NotDelivered, OnHold, StillBehind
from projector.troubles import in_words, is_expected
from sidecar.errors import SidecarError
from sidecar.records import PartitionBounds

logger = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 1.0
"""Between two attempts to begin."""
FIRST_SECONDS: Final = 2.0
"""How long the first attempt may keep whoever started it waiting; a log that is away must not keep a service from
telling so."""
WATCH_SECONDS: Final = 10.0
"""How often it is looked for partitions that delivery has left behind."""
LOOKS: Final = 3
"""So many in a row are no rebalance any more: a consumer that was killed is missed for 15 s."""


@dataclass
class _Looks:
    """What the last look at the log has found.

    Attributes:
        checkpoints: by partition.
        left_behind: how many looks in a row have found that delivery had left a partition behind.
    """

    checkpoints: dict[int, int] = field(default_factory=dict)
    left_behind: dict[int, int] = field(default_factory=dict)


class Projection:
    """Folds the log for as long as it runs."""

    def __init__(self, engine: Engine, sidecar: Sidecar, *, watch_seconds: float = WATCH_SECONDS) -> None:
        self._engine = engine
        self._sidecar = sidecar
        self._watch_seconds = watch_seconds
        self._trouble: str | None = "not started yet"
        self._tried = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Project from now, or from when log and documents fit, until the end of the block."""
        working = asyncio.create_task(self._work(), name="projection")
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._tried.wait(), FIRST_SECONDS)
            yield
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await self._sidecar.delivery.stop()

    async def trouble(self) -> str | None:
        """What keeps events from being folded; `None` if nothing does."""
        return self._trouble or self._engine.trouble

    async def _work(self) -> None:
        while await self._attempt(self._begin) is not None:
            self._tried.set()
            await asyncio.sleep(PAUSE_SECONDS)
        self._tried.set()
        looks = _Looks()
        failure: Exception | None = None
        while True:
            # What is only away is looked for again soon, so that it does not show as trouble longer than it is one.
            soon = isinstance(failure, SidecarError)
            await asyncio.sleep(min(PAUSE_SECONDS, self._watch_seconds) if soon else self._watch_seconds)
            failure = await self._attempt(lambda: self._watch(looks))

    async def _begin(self) -> None:
        await self._check_settings()
        await self._engine.establish()
        await self._sidecar.delivery.start(self._engine.handle)

    async def _check_settings(self) -> None:
        faults = await self._sidecar.log_reader.faults()
        if faults:
            raise LogUnfit(faults)

    async def _watch(self, looks: "_Looks") -> None:
        """Check that log and documents still fit, and catch up with partitions that stand still behind the log's end.

        Delivery does not bring again what its consumer group has passed: where documents were restored from an older
        copy or thrown away, nothing else would fold what is behind. Where that is so time and again, as with a consumer
        that has not understood that its topic was made anew, it is told.
        """
        await self._engine.establish()
        failures: list[Exception] = []
        for partition, bounds in (await self._sidecar.log_reader.bounds()).items():
            # What is wrong with one partition is no reason to leave the others behind.
            try:
                await self._look_at(partition, bounds, looks)
            except Exception as failure:  # noqa: BLE001 - raised below
                failures.append(failure)
        if failures:
            raise failures[0]
        undelivered = sorted(number for number, times in looks.left_behind.items() if times >= LOOKS)
        if undelivered:
            raise NotDelivered(undelivered)
        await self._check_settings()

    async def _look_at(self, partition: int, bounds: PartitionBounds, looks: "_Looks") -> None:
        checkpoint = await self._engine.checkpoint(partition)
        before = looks.checkpoints.get(partition)
        looks.checkpoints[partition] = checkpoint
        if checkpoint + 1 >= bounds.end or (before is not None and checkpoint > before):
            looks.left_behind.pop(partition, None)
            self._engine.forget_trouble(partition)
            return
        if before is None:
            return
        logger.warning("partition %s has stood still at offset %s; catching up", partition, checkpoint)
        looks.left_behind[partition] = looks.left_behind.get(partition, 0) + 1
        with suppress(StillBehind, OnHold):
            await self._engine.catch_up(partition)
        looks.checkpoints[partition] = await self._engine.checkpoint(partition)
        self._engine.forget_trouble(partition)

    async def _attempt(self, step: Callable[[], Awaitable[None]]) -> Exception | None:
        """Take a step; what keeps it from succeeding is returned, and shown until it does."""
        try:
            await step()
        except Exception as failure:
            trouble = in_words(failure)
            if trouble != self._trouble:
                logger.warning("projecting: %s", failure, exc_info=None if is_expected(failure) else failure)
            self._trouble = trouble
            return failure
        self._trouble = None
        return None
