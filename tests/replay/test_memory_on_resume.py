"""Documents that have grown count towards what a builder may hold: also those of a build that goes on."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from learnflow.replaying.options import BYTES_A_BYTE, MEBIBYTE, WORKER_BYTES, ReplayOptions
from learnflow.replaying.worker import SLOTS
from projector.engine import Engine
from projector.replay import patience, runs
from projector.replay.builder import BuildLimits, PartitionBuilder
from projector.replay.runs import Run, Runner, begin, resume
from read_models import codec, keys
from read_models.documents import PartitionDocument
from sidecar.records import Delete, Put, StoredDocument
from tests.projector.harness import REPORT
from tests.projector.world import MemoryLog, MemoryState
from tests.strategies import value_of

AMPLE: Final = 1 << 30
FULL: Final = 0.8


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Nobody waits for signs of life, nor for what is away."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(patience, "FIRST_PAUSE_SECONDS", 0.0)
        patched.setattr(runs, "SILENCE_SECONDS", 0.0)
        yield


@dataclass(frozen=True)
class Held:
    """What a builder had in hand when it asked for a transaction: bytes of documents as they were, and as they are."""

    loaded: int
    written: int
    checkpoint: int


@dataclass
class Weighed(MemoryState):
    """Weighs the documents of learners, and whatever else is not the accounts, between two transactions."""

    held: list[Held] = field(default_factory=list)
    given: dict[str, int] = field(default_factory=dict)

    @override
    async def read(self, keys: Collection[str], *, confirm_absence: bool = True) -> Mapping[str, StoredDocument]:
        found = await super().read(keys, confirm_absence=confirm_absence)
        self.given.update({key: len(one.value) for key, one in found.items() if counts(key)})
        return found

    @override
    async def transact(self, operations: Sequence[Put | Delete]) -> None:
        puts = [one for one in operations if isinstance(one, Put)]
        if puts[0].key != keys.CONTROL:
            written = sum(len(one.value) for one in puts if counts(one.key))
            checkpoint = codec.decode(puts[0].value, PartitionDocument).checkpoint
            self.held.append(Held(sum(self.given.values()), written, checkpoint))
        self.given.clear()
        await super().transact(operations)


def counts(key: str) -> bool:
    return key.startswith("g") and "/partition/" not in key


def log_of(learners: int, lessons: int) -> MemoryLog:
    """Learners in turn, each of whom reports about one lesson after another: what is known of them grows."""
    log = MemoryLog(1)
    for lesson in range(lessons):
        for learner in range(learners):
            fact = replace(REPORT, event_id=f"e-{lesson}", learner_id=f"l-{learner:03}", lesson_id=f"lesson-{lesson}")
            log.append(0, value_of(fact))
    return log


def of_generation(values: Mapping[str, bytes], generation: int) -> dict[str, bytes]:
    prefix = f"g{generation}/"
    return {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}


async def by_the_engine(log: MemoryLog) -> dict[str, bytes]:
    state = MemoryState(max_bytes=AMPLE)
    engine = Engine(log=log, reader=state, writer=state)
    await engine.establish()
    await engine.catch_up(0)
    return of_generation(state.values(), 1)


async def built(log: MemoryLog, state: Weighed, run: Run, limits: BuildLimits, until: int) -> None:
    def ignore(_: object) -> None:
        """Nobody looks."""

    builder = PartitionBuilder(
        0, log=log, reader=state, writer=state, target=run.target(), limits=limits, progress=ignore, told=ignore
    )
    await builder.build(until)


async def resumed_at(log: MemoryLog, stop: int, before: BuildLimits, limits: BuildLimits, *, max_bytes: int) -> Weighed:
    """Built up to an offset, by limits of its own, then gone on with by another run; what that one held."""
    state = Weighed(max_bytes=AMPLE)
    first = await begin(log, state, state, Runner("elsewhere", 7))
    await built(log, state, first, before, stop)
    second = await resume(log, state, state, Runner("another", 8))
    state.held.clear()
    state.given.clear()
    state.max_bytes = max_bytes
    await built(log, state, second, limits, len(log.contents[0]))
    assert of_generation(state.values(), second.generation) == await by_the_engine(log)
    return state


def largest(state: Weighed) -> int:
    """No document of a learner is ever larger than in the end."""
    return max(len(value) for key, value in state.values().items() if counts(key))


@settings(max_examples=60)
@given(
    learners=st.integers(1, 30),
    lessons=st.integers(2, 30),
    stop=st.floats(0.0, 0.95),
    batch=st.integers(1, 6),
    flush=st.sampled_from([1, 3000, 10_000, 40_000]),
)
def test_what_a_resumed_build_holds_is_bounded_whatever_has_grown_before(
    learners: int, lessons: int, stop: float, batch: int, flush: int
) -> None:
    log = log_of(learners, lessons)
    position = int(stop * len(log.contents[0]))
    limits = BuildLimits(batch_records=batch, flush_bytes=flush)
    state = asyncio.run(resumed_at(log, position, BuildLimits(), limits, max_bytes=AMPLE))
    # A step is a batch, and each of its records is of one learner.
    step = batch * largest(state)
    assert max(one.loaded for one in state.held) <= flush + step
    assert max(one.written for one in state.held) <= 2 * flush + step
    # Nor is it less than it may be, where there is more to come.
    end = len(log.contents[0]) - 1
    accounts = len(state.values()[keys.partition(2, 0)])
    assert all(one.written + accounts >= flush * FULL for one in state.held if one.checkpoint < end)


@settings(max_examples=30)
@given(
    learners=st.integers(5, 30),
    stop=st.integers(1, 19),
    flush=st.sampled_from([10_000, 40_000]),
    batch=st.integers(1, 6),
)
def test_a_resumed_build_holds_no_more_than_an_undisturbed_one_at_the_same_place(
    learners: int, stop: int, flush: int, batch: int
) -> None:
    """But for a step: transactions do not end at the same offsets."""
    log = log_of(learners, 20)
    limits = BuildLimits(batch_records=batch, flush_bytes=flush)
    state = asyncio.run(resumed_at(log, stop * learners, BuildLimits(), limits, max_bytes=AMPLE))
    undisturbed = asyncio.run(resumed_at(log, 0, limits, limits, max_bytes=AMPLE))
    there = [one for one in undisturbed.held if one.checkpoint >= stop * learners]
    step = batch * largest(state)
    assert max(one.loaded for one in state.held) <= max(flush, *(one.loaded for one in there)) + step
    assert max(one.written for one in state.held) <= max(flush, *(one.written for one in there)) + step


@settings(max_examples=30)
@given(learners=st.integers(5, 30), stop=st.integers(5, 19), messages=st.integers(2, 6), batch=st.integers(1, 6))
def test_what_takes_several_messages_to_read_counts_as_a_whole(
    learners: int, stop: int, messages: int, batch: int
) -> None:
    log = log_of(learners, 20)
    ample = asyncio.run(resumed_at(log, stop * learners, BuildLimits(), BuildLimits(), max_bytes=AMPLE))
    most, flush = (batch + messages) * largest(ample), 10_000
    limits = BuildLimits(batch_records=batch, flush_bytes=flush)
    state = asyncio.run(resumed_at(log, stop * learners, BuildLimits(), limits, max_bytes=max(most, 2 * flush)))
    assert max(one.loaded for one in state.held) <= flush + batch * largest(state)


@given(
    workers=st.integers(1, 64),
    more=st.integers(0, 1 << 20),
    message=st.integers(MEBIBYTE, 1024 * MEBIBYTE),
    batch=st.integers(1, 5000),
)
def test_all_partitions_under_way_take_no_more_than_the_memory(
    workers: int, more: int, message: int, batch: int
) -> None:
    """From the least on that so many workers need; less is refused before anything begins."""
    memory_mib = ReplayOptions(workers=workers).least_memory_mib + more
    limits = ReplayOptions(workers=workers, batch=batch, memory_mib=memory_mib).limits(message)
    under_way = workers * SLOTS * limits.flush_bytes * BYTES_A_BYTE
    assert under_way + workers * WORKER_BYTES <= memory_mib * MEBIBYTE
    assert limits.flush_bytes <= message
    assert limits.batch_records == batch
