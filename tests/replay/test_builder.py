"""What a builder makes of a partition is what the live engine makes of it, whatever is in its way."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from projector import learner_fold
from projector.engine import Engine
from projector.errors import HistoryGone, RunReplaced
from projector.replay import builder, patience
from projector.replay.builder import BuildLimits, PartitionBuilder
from projector.replay.runs import Run, Runner, begin, resume
from projector.workspace import Workspace
from read_models import codec, keys
from read_models.documents import LearnerDocument, ParkedDocument, PartitionDocument
from sidecar.delivery import Verdict
from sidecar.errors import MessageTooLarge, SidecarUnavailable, StateConflict
from sidecar.records import Delete, Put
from tests.projector.harness import REPORT
from tests.projector.reading import check_accounts, check_figures
from tests.projector.world import MemoryLog, MemoryState
from tests.strategies import Fact, Report, Request, histories, value_of

PARTITIONS = 2
ELSEWHERE = Runner("elsewhere", 7)
GARBAGE = (b"junk", b"{}", b'{"id":"g","source":"s"}', b"\x00" * 5000)
AMPLE = 4 * 1024 * 1024
TIGHT = 3200


pytestmark = pytest.mark.usefixtures("quick_and_quiet")


class Crashed(BaseException):
    """Not an exception that anybody would handle."""


@dataclass
class CrashingState(MemoryState):
    """Ends whoever writes at so many transactions, before or after they took effect; notes what was written."""

    crashes: list[tuple[int, bool]] = field(default_factory=list)
    written: list[tuple[int, int]] = field(default_factory=list)
    """Of each transaction of a builder, documents and bytes."""

    @override
    async def transact(self, operations: Sequence[Put | Delete]) -> None:
        crash = None
        if self.crashes:
            left, after = self.crashes[0]
            self.crashes[0] = (left - 1, after)
            if left <= 0:
                self.crashes.pop(0)
                crash = after
        if crash is False:
            raise Crashed
        await super().transact(operations)
        self.written.append((len(operations), sum(len(one.value) for one in operations if isinstance(one, Put))))
        if crash is True:
            raise Crashed


@dataclass(frozen=True)
class Recorded:
    """A log, and the facts that are in it."""

    log: MemoryLog
    facts: list[Fact]


@st.composite
def logs(draw: st.DrawFn, *, garbage: Sequence[bytes] = GARBAGE) -> Recorded:
    """Facts, some of them twice, with garbage, and offsets without a record, between them and in the end."""
    log = MemoryLog(PARTITIONS)
    facts = draw(histories())
    again = draw(st.lists(st.sampled_from(facts), max_size=3)) if facts else []
    for fact in facts + again:
        home = sum(map(ord, fact.learner_id)) % PARTITIONS
        disturb(draw, log, garbage)
        log.append(home, value_of(fact), fact.learner_id)
    disturb(draw, log, garbage)
    return Recorded(log, facts)


def disturb(draw: st.DrawFn, log: MemoryLog, garbage: Sequence[bytes]) -> None:
    for number in range(PARTITIONS):
        what = draw(st.sampled_from(["nothing", "nothing", "nothing", "hole", "garbage"]))
        if what == "hole":
            log.append_nothing(number)
        elif what == "garbage":
            log.append(number, draw(st.sampled_from(garbage)))


limits = st.builds(
    BuildLimits,
    batch_records=st.integers(1, 40),
    batch_bytes=st.sampled_from([1, 2000, AMPLE]),
    flush_bytes=st.sampled_from([1, 500, 3000, 20_000, AMPLE]),
    flush_documents=st.integers(1, 20) | st.just(20_000),
)


def of_generation(values: Mapping[str, bytes], generation: int) -> dict[str, bytes]:
    prefix = f"g{generation}/"
    return {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}


async def by_the_engine(log: MemoryLog, max_bytes: int = AMPLE) -> dict[str, bytes]:
    state = MemoryState(max_bytes=max_bytes)
    engine = Engine(log=log, reader=state, writer=state)
    await engine.establish()
    for number in range(PARTITIONS):
        await engine.catch_up(number)
    return of_generation(state.values(), 1)


def builders(log: MemoryLog, state: MemoryState, run: Run, limits: BuildLimits) -> list[PartitionBuilder]:
    def ignore(_: object) -> None:
        """Nobody looks."""

    return [
        PartitionBuilder(
            number,
            log=log,
            reader=state,
            writer=state,
            target=run.target(),
            limits=limits,
            progress=ignore,
            told=ignore,
        )
        for number in range(PARTITIONS)
    ]


async def build(log: MemoryLog, state: MemoryState, run: Run, limits: BuildLimits, *, together: bool = False) -> None:
    ends = [len(log.contents[number]) for number in range(PARTITIONS)]
    work = [one.build(end) for one, end in zip(builders(log, state, run, limits), ends, strict=True)]
    if together:
        await asyncio.gather(*work)
        return
    try:
        for one in work:
            await one
    finally:
        for one in work:
            one.close()


async def by_builders(log: MemoryLog, limits: BuildLimits, max_bytes: int = AMPLE) -> dict[str, bytes]:
    state = MemoryState(max_bytes=max_bytes)
    run = await begin(log, state, state, ELSEWHERE)
    await build(log, state, run, limits)
    return of_generation(state.values(), run.generation)


@given(recorded=logs(), limits=limits, together=st.booleans())
def test_whatever_the_limits_the_result_is_the_engines(recorded: Recorded, limits: BuildLimits, together: bool) -> None:
    async def run() -> None:
        state = MemoryState()
        mine = await begin(recorded.log, state, state, ELSEWHERE)
        await build(recorded.log, state, mine, limits, together=together)
        values = of_generation(state.values(), mine.generation)
        assert values == await by_the_engine(recorded.log)
        check_figures({"g1/" + key: value for key, value in values.items()}, recorded.facts, PARTITIONS)

    asyncio.run(run())


@given(
    recorded=logs(),
    limits=limits,
    crashes=st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=3),
    writes=st.lists(st.sampled_from(["none", "conflict", "unavailable", "lost ack"]), max_size=12),
    reads=st.lists(st.sampled_from(["none", "unavailable"]), max_size=12),
)
def test_faults_and_crashes_change_nothing(
    recorded: Recorded, limits: BuildLimits, crashes: list[tuple[int, bool]], writes: list[str], reads: list[str]
) -> None:
    async def run() -> None:
        state = CrashingState()
        mine = await begin(recorded.log, state, state, ELSEWHERE)
        state.crashes, state.write_faults, state.read_faults = list(crashes), list(writes), list(reads)
        for _ in range(len(crashes) + 1):
            try:
                await build(recorded.log, state, mine, limits)
            except Crashed:
                state.read_faults, state.write_faults = [], []
                left, state.crashes = state.crashes, []
                mine = await resume(recorded.log, state, state, Runner("another", 8))
                state.crashes = left
        for number in range(PARTITIONS):
            stored = state.documents[keys.partition(mine.generation, number)]
            check_accounts(codec.decode(stored.value, PartitionDocument))
        assert of_generation(state.values(), mine.generation) == await by_the_engine(recorded.log)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("projector.replay.runs.SILENCE_SECONDS", 0.0)
        asyncio.run(run())


def cost(log: MemoryLog) -> int:
    """More than the documents take of which one step consists."""
    return 3 * max((len(record.value) for number in range(PARTITIONS) for record in log.records(number)), default=0)


@given(recorded=logs(), limits=limits, max_bytes=st.integers(6000, 40_000))
def test_what_the_sidecar_does_not_carry_goes_in_less(recorded: Recorded, limits: BuildLimits, max_bytes: int) -> None:
    """As long as each record by itself can be carried nothing is parked for its size."""
    ample = asyncio.run(by_the_engine(recorded.log))
    # A record's transaction rewrites no more than its learner, its lesson, its page and its accounts.
    least = sum(sorted((len(value) for value in ample.values()), reverse=True)[:5]) + cost(recorded.log)
    assert asyncio.run(by_builders(recorded.log, limits, max(least, max_bytes))) == ample


def outsized(number: int) -> Request:
    """A request whose documents, taken together, exceed `TIGHT`; none of the others' do."""
    return Request(f"big-{number}", "ada", REPORT.at, "x" * 480, "beginner")


@given(
    what=st.lists(st.sampled_from(["report", "outsized", "junk", "hole"]), max_size=12),
    limits=limits,
)
@example(what=["outsized", "hole"], limits=BuildLimits())
def test_what_can_not_be_carried_at_all_is_parked_as_by_the_engine(what: list[str], limits: BuildLimits) -> None:
    log = MemoryLog(PARTITIONS)
    for number, one in enumerate(what):
        match one:
            case "report":
                log.append(0, value_of(replace(REPORT, event_id=f"e-{number}")), "ada")
            case "outsized":
                log.append(0, value_of(outsized(number)), "ada")
            case "junk":
                log.append(0, b"junk")
            case _:
                log.append_nothing(0)
    with pytest.MonkeyPatch.context() as patched:
        # So that what is parked can be carried.
        patched.setattr("projector.fold.PARKED_INLINE_BYTES", 1000)
        expected = asyncio.run(by_the_engine(log, TIGHT))
        found = asyncio.run(by_builders(log, limits, TIGHT))
    assert found == expected
    parked = [codec.decode(value, ParkedDocument) for key, value in found.items() if key.startswith("parked/")]
    sizes = sorted(one.offset for one in parked if one.reason == "too-large")
    assert sizes == [number for number, one in enumerate(what) if one == "outsized"]


async def test_what_can_not_even_be_parked_ends_the_build() -> None:
    log = MemoryLog(PARTITIONS)
    log.append(0, b"\x00" * 50_000)
    with pytest.raises(MessageTooLarge):
        await by_builders(log, BuildLimits(), 10_000)


@settings(max_examples=40)
@given(
    learners=st.integers(1, 60),
    events=st.integers(1, 200),
    documents=st.integers(1, 30),
    batch=st.integers(1, 25),
    flush=st.sampled_from([1, 3000, 10_000]),
)
def test_what_is_held_is_bounded(learners: int, events: int, documents: int, batch: int, flush: int) -> None:
    log = MemoryLog(PARTITIONS)
    for number in range(events):
        log.append(0, value_of(replace(REPORT, event_id=f"e-{number}", learner_id=f"l-{number % learners}")))
    held: list[tuple[int, int]] = []
    changes = Workspace.changes

    def noting(workspace: Workspace, first: str) -> list[Put]:
        held.append((workspace.touched, workspace.size()))
        return changes(workspace, first)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Workspace, "changes", noting)
        state = MemoryState()
        limits = BuildLimits(batch_records=batch, flush_bytes=flush, flush_documents=documents)

        async def run() -> None:
            mine = await begin(log, state, state, ELSEWHERE)
            await build(log, state, mine, limits)

        asyncio.run(run())
    # A step is a batch; each of its records is of one learner. With them goes the partition's document.
    assert max(one for one, _ in held) <= documents + batch + 1
    # A learner's document is never larger than the last one of all.
    largest = max(len(value) for value in state.values().values())
    assert max(size for _, size in held) <= 2 * flush + (batch + 1) * largest


async def test_an_event_on_which_a_fold_raises_is_parked_as_by_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(head: LearnerDocument, time_us: int, time_spent_ms: int) -> None:
        if time_spent_ms == 666:
            raise ZeroDivisionError("a fault of the fold")
        intact(head, time_us, time_spent_ms)

    intact = learner_fold._fold_day
    monkeypatch.setattr(learner_fold, "_fold_day", faulty)
    log = MemoryLog(PARTITIONS)
    facts: list[Fact] = []
    for number in range(12):
        report: Report = replace(REPORT, event_id=f"e-{number}", time_spent_ms=666 if number % 5 == 2 else number)
        log.append(0, value_of(report), "ada")
        facts += [] if report.time_spent_ms == 666 else [report]
    for batch in (1, 3, 100):
        values = await by_builders(log, BuildLimits(batch_records=batch))
        assert values == await by_the_engine(log)
        reasons = [
            codec.decode(values[keys.parked(1, 0, n).removeprefix("g1/")], ParkedDocument).reason for n in (0, 1)
        ]
        assert reasons == ["fold-failed", "fold-failed"]
        check_figures({"g1/" + key: value for key, value in values.items()}, facts, PARTITIONS)


@dataclass
class ShrinkingLog(MemoryLog):
    """Loses its beginning while it is read."""

    after: int = 3

    @override
    async def read(self, partition: int, first: int, until: int, *, max_records: int, max_bytes: int) -> Any:
        self.after -= 1
        if self.after == 0:
            self.contents[0][:-2] = [None] * (len(self.contents[0]) - 2)
            self.starts[0] = len(self.contents[0]) - 2
        return await super().read(partition, first, until, max_records=max_records, max_bytes=max_bytes)


@pytest.mark.parametrize("limits", [BuildLimits(batch_records=2), BuildLimits(batch_records=2, flush_bytes=1)])
async def test_a_log_that_loses_its_beginning_meanwhile_is_not_taken_for_empty(limits: BuildLimits) -> None:
    log = ShrinkingLog(PARTITIONS)
    for number in range(20):
        log.append(0, value_of(replace(REPORT, event_id=f"e-{number}")), "ada")
    state = MemoryState()
    run = await begin(log, state, state, ELSEWHERE)
    with pytest.raises(HistoryGone) as gone:
        await build(log, state, run, limits)
    assert (gone.value.partition, gone.value.start) == (0, 18)
    stored = state.documents[keys.partition(run.generation, 0)]
    assert codec.decode(stored.value, PartitionDocument).missing == 0


@dataclass
class TakenOver(MemoryState):
    """Another run takes over just before so many more transactions."""

    take: Callable[[], Awaitable[Run]] | None = None
    left: int = 0
    taken: Run | None = None

    @override
    async def transact(self, operations: Sequence[Put | Delete]) -> None:
        take, self.left = self.take, self.left - 1
        if take is not None and self.left < 0:
            self.take = None
            self.taken = await take()
        await super().transact(operations)


@pytest.mark.parametrize("at", range(6))
async def test_a_builder_whose_run_was_replaced_ends(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projector.replay.runs.SILENCE_SECONDS", 0.0)
    log = MemoryLog(PARTITIONS)
    for number in range(20):
        log.append(0, value_of(replace(REPORT, event_id=f"e-{number}")), "ada")
    state = TakenOver()
    first = await begin(log, state, state, ELSEWHERE)
    state.take, state.left = (lambda: resume(log, state, state, Runner("another", 8))), at
    with pytest.raises(RunReplaced):
        await build(log, state, first, BuildLimits(batch_records=2, flush_bytes=1))
    assert state.taken is not None
    stored = state.documents[keys.partition(2, 0)]
    assert codec.decode(stored.value, PartitionDocument).checkpoint == 2 * at - 1
    await build(log, state, state.taken, BuildLimits())
    assert of_generation(state.values(), 2) == await by_the_engine(log)


async def test_what_goes_on_being_a_conflict_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "CONFLICTS", 3)
    log = MemoryLog(PARTITIONS)
    log.append(0, value_of(REPORT), "ada")
    state = MemoryState()
    run = await begin(log, state, state, ELSEWHERE)
    state.write_faults = ["conflict"] * 10
    with pytest.raises(StateConflict):
        await build(log, state, run, BuildLimits())
    state.write_faults = ["conflict"] * 3
    await build(log, state, run, BuildLimits())
    assert of_generation(state.values(), 2) == await by_the_engine(log)


async def test_whoever_waits_is_told_for_what_and_that_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE_SECONDS", 0.001)
    said: list[str | None] = []
    answers: list[Callable[[], int]] = []

    def away() -> int:
        raise SidecarUnavailable("log", "out for a walk")

    answers = [away, away, lambda: 7]

    async def step() -> int:
        return answers.pop(0)()

    assert await patience.patiently(step, said.append) == 7
    assert said == ["log unavailable: out for a walk"] * 2 + [None]


async def test_the_live_engine_goes_on_with_what_was_built() -> None:
    """What a builder leaves is what an engine would have left: it may end anywhere."""
    log = MemoryLog(PARTITIONS)
    for number in range(10):
        log.append(0, value_of(replace(REPORT, event_id=f"e-{number}")), "ada")
    state = MemoryState()
    run = await begin(log, state, state, ELSEWHERE)
    await builders(log, state, run, BuildLimits())[0].build(6)
    engine = Engine(log=log, reader=state, writer=state, target=run.target())
    assert await engine.handle(log.records(0)) is Verdict.SETTLED
    assert of_generation(state.values(), 2) == await by_the_engine(log)
