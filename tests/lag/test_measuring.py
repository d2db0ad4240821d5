"""What is asked of log and documents, and what is made of their answers: in memory with faults, and embedded."""

import asyncio
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from projector.engine import Engine
from projector.lag import measure
from projector.lag_judging import LagReport, PartitionLag, PartitionState, TroubleKind, Watcher, judge
from read_models import codec, keys
from read_models.control import BuildingDocument, ControlDocument
from read_models.documents import PartitionDocument
from sidecar.delivery import Verdict
from sidecar.embedded import EmbeddedSidecar
from sidecar.records import StoredDocument
from tests.lag.sources import ChangingState, FailingLog, SlowLog
from tests.projector.harness import REPORT, World, switch
from tests.projector.world import LOGGED_AT_MS, MemoryLog
from tests.strategies import value_of

NOW_MS = LOGGED_AT_MS + 60_000
PATIENCE_SECONDS = 0.2
"""Of a source that hangs in a test."""
MANY_PARTITIONS = 100


@dataclass(frozen=True)
class Sick:
    """A world whose log and store can be made to fail."""

    world: World
    log: FailingLog
    state: ChangingState


@pytest.fixture
async def folded() -> Sick:
    """Both partitions folded: two values in partition 0, one in partition 1."""
    world, log, state = World(), FailingLog(), ChangingState()
    world.log, world.state = log, state
    world.engine = world.new_engine()
    await world.engine.establish()
    for number in (0, 0, 1):
        log.append(number, value_of(REPORT), "ada")
    await world.fold_all()
    return Sick(world, log, state)


async def report_of(world: World | Sick, generation: int | None = None, *, compare_seals: bool = False) -> LagReport:
    look = await measure(
        world.log,
        world.state,
        generation=generation,
        compare_seals=compare_seals,
        source_seconds=PATIENCE_SECONDS,
        now_ms=lambda: NOW_MS,
    )
    return judge(None, look)


def waiting(world: World | Sick, partition: int) -> int:
    """Append a value that nobody folds; when it was logged."""
    offset = world.log.append(partition, value_of(REPORT), "ada")
    record = world.log.contents[partition][offset]
    assert record is not None
    return record.appended_at_ms


def control_of(world: Sick) -> ControlDocument:
    return codec.decode(world.state.documents[keys.CONTROL].value, ControlDocument)


def put(world: Sick, key: str, document: ControlDocument | PartitionDocument) -> None:
    world.state.documents[key] = StoredDocument(codec.encode(document), "put by the test")


def states(report: LagReport) -> list[PartitionState]:
    return [part.state for part in report.partitions]


async def test_nothing_behind(folded: Sick) -> None:
    report = await report_of(folded, compare_seals=True)
    assert states(report) == [PartitionState.CURRENT] * 2
    assert (report.events, report.seconds, report.troubles) == (0, 0, ())
    assert (report.generation, report.active, report.building) == (1, 1, None)


async def test_events_are_counted_and_seconds_are_of_the_first_that_waits(folded: Sick) -> None:
    first = waiting(folded, 0)
    waiting(folded, 0)
    other = waiting(folded, 1)
    report = await report_of(folded)
    assert [(part.events, part.seconds) for part in report.partitions] == [
        (2, (NOW_MS - first) / 1000),
        (1, (NOW_MS - other) / 1000),
    ]
    assert report.events == 3


@pytest.mark.parametrize("reach", [1, 1000])
async def test_a_record_behind_a_hole_is_the_one_that_waits(folded: Sick, reach: int) -> None:
    folded.log.reach = reach
    folded.log.append_nothing(0)
    folded.log.append_nothing(0)
    after = waiting(folded, 0)
    part = (await report_of(folded)).partitions[0]
    assert (part.events, part.seconds) == (3, (NOW_MS - after) / 1000)


async def test_offsets_without_a_record_are_behind_and_nobody_waits(folded: Sick) -> None:
    folded.log.append_nothing(0)
    part = (await report_of(folded)).partitions[0]
    assert (part.state, part.events, part.seconds) == (PartitionState.LAGGING, 1, 0)


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_log_that_fails_does_not_hide_the_documents(folded: Sick, *, hangs: bool) -> None:
    folded.log.failing, folded.log.hangs = "bounds", hangs
    began = time.monotonic()
    report = await report_of(folded)
    assert time.monotonic() - began < 10 * PATIENCE_SECONDS
    assert [trouble.kind for trouble in report.troubles] == [TroubleKind.LOG_UNREADABLE]
    assert states(report) == [PartitionState.UNKNOWN] * 2
    assert [part.accounts.checkpoint for part in report.partitions if part.accounts] == [1, 0]
    assert (report.events, report.seconds) == (None, None)


async def test_a_log_that_tells_its_ends_and_no_more_leaves_the_time_unknown(folded: Sick) -> None:
    waiting(folded, 0)
    folded.log.failing = "read"
    report = await report_of(folded)
    assert report.has(TroubleKind.LOG_UNREADABLE)
    behind, current = report.partitions
    assert (behind.state, behind.events, behind.seconds) == (PartitionState.UNKNOWN, 1, None)
    assert current.state is PartitionState.CURRENT


async def test_a_log_that_answers_slowly_is_readable_and_leaves_the_time_open(folded: Sick) -> None:
    waiting(folded, 0)
    waiting(folded, 1)
    folded.log.failing, folded.log.hangs, folded.log.answers = "read", True, 1
    report = await report_of(folded)
    assert report.troubles == ()
    assert states(report) == [PartitionState.LAGGING] * 2
    assert [(part.events, part.seconds is None) for part in report.partitions] == [(1, False), (1, True)]
    # What hangs at the first question is not slow.
    folded.log.answers = 0
    assert (await report_of(folded)).has(TroubleKind.LOG_UNREADABLE)


@pytest.mark.parametrize("behind", [False, True])
async def test_more_partitions_than_there_is_time_for_are_no_fault_of_the_log(*, behind: bool) -> None:
    world = World()
    log = world.log = SlowLog(MANY_PARTITIONS)
    world.engine = world.new_engine()
    await world.engine.establish()
    for number in range(MANY_PARTITIONS):
        log.append(number, value_of(REPORT), "ada")
    await world.fold_all()
    for number in range(MANY_PARTITIONS):
        if behind:
            waiting(world, number)
    rewrite(log, 0)
    log.read_seconds = PATIENCE_SECONDS / 20
    report = await report_of(world, compare_seals=True)
    assert report.troubles == ()
    assert len(report.partitions) == MANY_PARTITIONS
    if behind:
        # All the time went into asking what waits.
        assert set(states(report)) == {PartitionState.LAGGING}
        assert 0 < sum(part.seconds is None for part in report.partitions) < MANY_PARTITIONS
    else:
        assert states(report) == [PartitionState.REWRITTEN, *[PartitionState.CURRENT] * (MANY_PARTITIONS - 1)]
    # What does not answer a single question is not slow.
    log.read_seconds = 100 * PATIENCE_SECONDS
    assert (await report_of(world, compare_seals=True)).has(TroubleKind.LOG_UNREADABLE)


def rewrite(log: MemoryLog, partition: int) -> None:
    """Have the log hold another record than was folded first."""
    record = log.contents[partition][0]
    assert record is not None
    log.contents[partition][0] = record._replace(value=b"another")


async def test_what_waits_since_nobody_knows_when_is_stuck_by_standing_still(folded: Sick) -> None:
    waiting(folded, 0)
    waiting(folded, 1)
    folded.log.failing, folded.log.hangs = "read", True
    watcher = Watcher()
    found = []
    for at in (0.0, 5.0, 10.0):
        folded.log.answers = 1
        look = await measure(folded.log, folded.state, source_seconds=PATIENCE_SECONDS)
        found.append(watcher.judge(replace(look, at_seconds=at)).partitions[1].state)
    assert found == [PartitionState.LAGGING, PartitionState.LAGGING, PartitionState.STUCK]


@pytest.mark.parametrize("faults", [["unavailable"], ["", "unavailable"], "hangs"])
async def test_documents_that_fail_do_not_hide_the_log(folded: Sick, faults: list[str] | str) -> None:
    folded.state.hangs = faults == "hangs"
    folded.state.read_faults = [] if folded.state.hangs else list(faults)
    report = await report_of(folded)
    assert [trouble.kind for trouble in report.troubles] == [TroubleKind.DOCUMENTS_UNREADABLE]
    assert [(part.state, part.end) for part in report.partitions] == [
        (PartitionState.UNKNOWN, 2),
        (PartitionState.UNKNOWN, 1),
    ]


async def test_both_away(folded: Sick) -> None:
    folded.log.failing, folded.state.read_faults = "bounds", ["unavailable"]
    report = await report_of(folded)
    assert {trouble.kind for trouble in report.troubles} == {
        TroubleKind.LOG_UNREADABLE,
        TroubleKind.DOCUMENTS_UNREADABLE,
    }
    assert report.partitions == ()


async def test_a_partition_without_a_document_or_with_a_damaged_one_does_not_hide_the_others(folded: Sick) -> None:
    stored = folded.state.documents.pop(keys.partition(1, 0))
    assert states(await report_of(folded)) == [PartitionState.NO_ACCOUNTS, PartitionState.CURRENT]
    folded.state.documents[keys.partition(1, 0)] = StoredDocument(stored.value[:-5], "cut")
    report = await report_of(folded)
    assert report.has(TroubleKind.DOCUMENTS_UNREADABLE)
    assert states(report) == [PartitionState.UNKNOWN, PartitionState.CURRENT]


async def test_nothing_projected_yet() -> None:
    world = World()
    waiting(world, 1)
    report = await report_of(world)
    assert [trouble.kind for trouble in report.troubles] == [TroubleKind.NOTHING_PROJECTED]
    assert [(part.state, part.events) for part in report.partitions] == [(PartitionState.NO_ACCOUNTS, None)] * 2


async def test_another_log_is_no_lag_at_all(folded: Sick) -> None:
    folded.log.topic_id = "topic-2"
    report = await report_of(folded)
    assert [trouble.kind for trouble in report.troubles] == [TroubleKind.ANOTHER_LOG]
    assert "topic-1" in report.troubles[0].detail
    assert "topic-2" in report.troubles[0].detail
    assert states(report) == [PartitionState.ANOTHER_LOG] * 2
    assert (report.events, report.seconds) == (None, None)


async def test_a_log_restored_to_before_its_checkpoint(folded: Sick) -> None:
    del folded.log.contents[0][1:]
    report = await report_of(folded)
    assert states(report) == [PartitionState.BEYOND_LOG, PartitionState.CURRENT]
    assert report.partitions[0].events is None


async def test_a_log_that_was_restored_and_has_grown_again_is_told_by_its_last_folded_record(folded: Sick) -> None:
    last = folded.log.contents[0][1]
    assert last is not None
    del folded.log.contents[0][1:]
    folded.log.append(0, last.value + b" ", "ada")
    assert states(await report_of(folded)) == [PartitionState.CURRENT] * 2
    assert states(await report_of(folded, compare_seals=True)) == [PartitionState.REWRITTEN, PartitionState.CURRENT]


async def test_records_that_were_removed_before_they_were_folded(folded: Sick) -> None:
    waiting(folded, 0)
    folded.log.starts[0] = len(folded.log.contents[0])
    assert states(await report_of(folded)) == [PartitionState.HISTORY_GONE, PartitionState.CURRENT]


async def test_another_generation_than_the_active_one(folded: Sick) -> None:
    control = control_of(folded)
    built = ControlDocument(1, control.log, {**control.folds, "2": "x"}, building=BuildingDocument(2, "r", "host", 1))
    put(folded, keys.CONTROL, built)
    for number in range(2):
        put(folded, keys.partition(2, number), PartitionDocument(partition=number, log_start=0, checkpoint=-1))
    report = await report_of(folded, 2)
    assert (report.generation, report.active, report.building) == (2, 1, 2)
    assert [part.events for part in report.partitions] == [2, 1]
    missing = await report_of(folded, 3)
    assert [trouble.kind for trouble in missing.troubles] == [TroubleKind.NO_SUCH_GENERATION]
    assert states(missing) == [PartitionState.NO_ACCOUNTS] * 2


async def test_a_switch_between_two_reads_is_followed(folded: Sick) -> None:
    def between() -> None:
        folded.state.between = None
        switch(folded.world)

    folded.state.between = between
    report = await report_of(folded)
    assert (report.generation, report.active) == (2, 2)
    assert states(report) == [PartitionState.CURRENT] * 2


async def test_documents_thrown_away_between_two_reads(folded: Sick) -> None:
    folded.state.between = folded.state.documents.clear
    report = await report_of(folded)
    assert [trouble.kind for trouble in report.troubles] == [TroubleKind.NOTHING_PROJECTED]


async def test_what_is_folded_while_it_is_asked_is_never_beyond_the_log(folded: Sick) -> None:
    waiting(folded, 0)

    async def fold_on() -> None:
        for _ in range(50):
            folded.log.append(0, value_of(REPORT), "ada")
            assert await folded.world.engine.handle(folded.log.records(0)) is Verdict.SETTLED

    folding = asyncio.create_task(fold_on())
    while not folding.done():
        assert PartitionState.BEYOND_LOG not in states(await report_of(folded))
    await folding


async def test_on_the_embedded_adapter(tmp_path: Path) -> None:
    sidecar = EmbeddedSidecar.open(tmp_path / "data", partitions=2)
    try:
        engine = Engine(log=sidecar.log_reader, reader=sidecar.state, writer=sidecar.state)
        await engine.establish()
        await sidecar.log.append_to(0, "ada", value_of(REPORT))
        await engine.catch_up(0)
        began = time.time()
        await sidecar.log.append_to(1, "ada", value_of(REPORT))
        await sidecar.log.skip(0, 2)
        await asyncio.sleep(0.05)
        report = judge(None, await measure(sidecar.log_reader, sidecar.state, compare_seals=True))
        assert [(part.state, part.events) for part in report.partitions] == [
            (PartitionState.LAGGING, 2),
            (PartitionState.LAGGING, 1),
        ]
        assert 0.05 <= seconds_of(report.partitions[1]) <= time.time() - began + 0.01
        assert report.partitions[0].seconds == 0
        for number in range(2):
            await engine.catch_up(number)
        report = judge(None, await measure(sidecar.log_reader, sidecar.state, compare_seals=True))
        assert states(report) == [PartitionState.CURRENT] * 2
    finally:
        await sidecar.close()


def seconds_of(part: PartitionLag) -> float:
    assert part.seconds is not None
    return part.seconds
