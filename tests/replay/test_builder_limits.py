"""What a builder asks of a store that can do little, and of its own memory."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import pytest
from typing_extensions import override

from projector.replay.builder import BuildLimits
from projector.replay.runs import begin
from sidecar.errors import SidecarUnavailable
from sidecar.records import Delete, Put, StoredDocument
from tests.projector.harness import REPORT
from tests.projector.world import MemoryLog, MemoryState
from tests.replay.test_builder import ELSEWHERE, PARTITIONS, build, builders, by_builders, by_the_engine
from tests.strategies import value_of

LEARNERS = 40
LESSONS = 60


pytestmark = pytest.mark.usefixtures("quick_and_quiet")


@dataclass
class SlowState(MemoryState):
    """Gives no answer in time to more documents than `most` at once."""

    most: int = 20
    attempts: int = 0

    @override
    async def transact(self, operations: Sequence[Put | Delete]) -> None:
        self.attempts += 1
        if len(operations) > self.most:
            raise SidecarUnavailable("state store", "no answer in time")
        await super().transact(operations)


@dataclass
class WeighingState(MemoryState):
    """Notes how many bytes were read before each transaction."""

    read_before: list[int] = field(default_factory=list)
    _read: int = 0

    @override
    async def read(self, keys: Collection[str], *, confirm_absence: bool = True) -> Mapping[str, StoredDocument]:
        found = await super().read(keys, confirm_absence=confirm_absence)
        self._read += sum(len(one.value) for one in found.values())
        return found

    @override
    async def transact(self, operations: Sequence[Put | Delete]) -> None:
        self.read_before.append(self._read)
        self._read = 0
        await super().transact(operations)


def test_values_of_nothing_take_room_all_the_same() -> None:
    async def run() -> None:
        log = MemoryLog(PARTITIONS)
        for _ in range(60):
            log.append(0, b"")
        assert await by_builders(log, BuildLimits(), 10_000) == await by_the_engine(log, 10_000)

    asyncio.run(run())


def test_a_store_that_can_do_little_in_time_is_asked_for_little() -> None:
    async def run() -> None:
        log = MemoryLog(PARTITIONS)
        for number in range(200):
            log.append(0, value_of(replace(REPORT, event_id=f"e{number}", learner_id=f"l{number}")))
        state = SlowState()
        async with asyncio.timeout(30):
            await build(log, state, await begin(log, state, state, ELSEWHERE), BuildLimits(batch_records=100))
        assert state.attempts < 100

    asyncio.run(run())


def test_documents_that_are_read_and_not_changed_are_bounded_too() -> None:
    async def run() -> None:
        log = MemoryLog(PARTITIONS)
        reports = [
            replace(REPORT, event_id=f"e{lesson}", learner_id=f"l{learner}", lesson_id=f"lesson{lesson}")
            for lesson, learner in product(range(LESSONS), range(LEARNERS))
        ]
        for report in [*reports, *sorted(reports, key=lambda one: one.learner_id)]:
            log.append(0, value_of(report))
        state = WeighingState()
        run = await begin(log, state, state, ELSEWHERE)
        limits = BuildLimits(batch_records=5, flush_bytes=10_000)
        await builders(log, state, run, limits)[0].build(len(reports))
        state.read_before.clear()
        # All of these were counted before.
        await builders(log, state, run, limits)[0].build(2 * len(reports))
        largest = max(len(value) for value in state.values().values())
        assert max(state.read_before) < limits.flush_bytes + (limits.batch_records + 2) * largest

    asyncio.run(run())
