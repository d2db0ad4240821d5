"""What a builder writes at once where that was too much, in size or in time: less, and after a while more again."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import groupby, pairwise
from math import ceil, log2
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from projector.engine import Engine
from projector.replay.builder import BuildLimits, PartitionBuilder
from projector.replay.runs import Runner, begin
from read_models import codec, keys
from read_models.documents import ParkedDocument, PartitionDocument
from sidecar.errors import MessageTooLarge, SidecarUnavailable
from sidecar.records import Delete, Put
from tests.projector.harness import REPORT
from tests.projector.world import MemoryLog, MemoryState
from tests.strategies import Request, value_of

AMPLE: Final = 1 << 30
SPARED: Final = 2
"""So many transactions in a row may go unanswered before it is taken for a matter of how much was asked."""
ANSWERED: Final = 10
"""So many in a row are answered before twice as much is tried."""
FULL: Final = 0.8
DOCUMENTS: Final = 16
BYTES: Final = 16_384


pytestmark = pytest.mark.usefixtures("quick_and_quiet")


@dataclass(frozen=True)
class Attempt:
    """A transaction that a builder asked for."""

    documents: int
    size: int
    checkpoint: int
    outcome: str


@dataclass
class Watched(MemoryState):
    """Notes what is asked of it, and carries in turn as much as `carries` says."""

    attempts: list[Attempt] = field(default_factory=list)
    carries: list[int] = field(default_factory=list)
    max_bytes: int = AMPLE

    @override
    async def transact(self, operations: Sequence[Put | Delete]) -> None:
        puts = [one for one in operations if isinstance(one, Put)]
        size = sum(len(one.value) for one in puts)
        asked = Attempt(len(puts), size, -1, "answered")
        if puts[0].key != keys.CONTROL:
            asked = replace(asked, checkpoint=codec.decode(puts[0].value, PartitionDocument).checkpoint)
        always = self.max_bytes
        self.max_bytes = self.carries.pop(0) if self.carries else always
        try:
            await super().transact(operations)
        except MessageTooLarge:
            asked = replace(asked, outcome="refused")
            raise
        except SidecarUnavailable:
            asked = replace(asked, outcome="unanswered")
            raise
        finally:
            self.max_bytes = always
            self.attempts.append(asked)


@dataclass(frozen=True)
class Built:
    """What has come of a build."""

    attempts: list[Attempt]
    values: dict[str, bytes]

    @property
    def answered(self) -> list[Attempt]:
        return [one for one in self.attempts if one.outcome == "answered"]


def log_of(learners: int) -> MemoryLog:
    """One event of each learner, so that every record makes a document of its own."""
    log = MemoryLog(1)
    for number in range(learners):
        log.append(0, value_of(replace(REPORT, event_id=f"e-{number:05}", learner_id=f"l-{number:05}")))
    return log


def of_generation(values: Mapping[str, bytes], generation: int) -> dict[str, bytes]:
    prefix = f"g{generation}/"
    return {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}


def by_the_engine(log: MemoryLog, max_bytes: int = AMPLE) -> dict[str, bytes]:
    async def run() -> dict[str, bytes]:
        state = MemoryState(max_bytes=max_bytes)
        engine = Engine(log=log, reader=state, writer=state)
        await engine.establish()
        await engine.catch_up(0)
        return of_generation(state.values(), 1)

    return asyncio.run(run())


def built(
    log: MemoryLog,
    limits: BuildLimits,
    *,
    faults: Sequence[str] = (),
    carries: Sequence[int] = (),
    max_bytes: int = AMPLE,
) -> Built:
    """Have a partition built by a builder; faults and what is carried are met in turn, one a transaction."""

    def ignore(_: object) -> None:
        """Nobody looks."""

    async def run() -> Built:
        state = Watched(max_bytes=max_bytes)
        mine = await begin(log, state, state, Runner("elsewhere", 7))
        state.attempts.clear()
        state.write_faults, state.carries = list(faults), list(carries)
        builder = PartitionBuilder(
            0,
            log=log,
            reader=state,
            writer=state,
            target=mine.target(),
            limits=limits,
            progress=ignore,
            told=ignore,
        )
        await builder.build(len(log.contents[0]))
        return Built(state.attempts, of_generation(state.values(), mine.generation))

    return asyncio.run(run())


@dataclass(frozen=True)
class Recorded:
    """A log of so many learners, and what comes of it undisturbed."""

    log: MemoryLog
    values: dict[str, bytes]

    @property
    def last(self) -> int:
        return len(self.log.contents[0]) - 1

    @property
    def largest(self) -> int:
        return max(map(len, self.values.values()))

    @property
    def ratio(self) -> float:
        """Of documents to records. An estimate begins with 1, so that the first transaction may be off by that."""
        return sum(map(len, self.values.values())) / sum(len(one.value) for one in self.log.records(0))


@cache
def recorded(learners: int) -> Recorded:
    log = log_of(learners)
    return Recorded(log, by_the_engine(log))


def halvings(attempts: Sequence[Attempt], most: int) -> list[int]:
    """Before each attempt, how often what is asked at once is halved, of `most` times that it can be."""
    times, found = 0, []
    for outcome, run in groupby(attempts, lambda one: one.outcome):
        for place, _ in enumerate(run, start=1):
            found.append(times)
            if outcome == "unanswered" and place > SPARED:
                times = min(times + 1, most)
            elif outcome == "answered" and place % ANSWERED == 0:
                times = max(times - 1, 0)
    return found


outages = st.lists(
    st.tuples(st.sampled_from(["unavailable", "lost ack"]), st.integers(1, 6), st.integers(0, 25)), max_size=4
).map(lambda found: [one for kind, away, fine in found for one in [kind] * away + ["none"] * fine])


@settings(max_examples=60)
@given(faults=outages)
def test_documents_at_once_halve_with_what_goes_unanswered_and_double_with_what_is_answered(faults: list[str]) -> None:
    given = recorded(300)
    found = built(given.log, BuildLimits(batch_records=1, flush_bytes=AMPLE, flush_documents=DOCUMENTS), faults=faults)
    assert found.values == given.values
    for attempt, times in zip(found.attempts, halvings(found.attempts, int(log2(DOCUMENTS))), strict=True):
        # A record's document goes with its partition's, however little is asked for.
        due = max(DOCUMENTS >> times, 2)
        at_the_end = attempt.checkpoint == given.last
        assert attempt.documents == due or (at_the_end and attempt.documents < due)


@settings(max_examples=60)
@given(faults=outages, batch=st.integers(1, 3))
def test_bytes_at_once_do_likewise(faults: list[str], batch: int) -> None:
    given = recorded(400)
    found = built(given.log, BuildLimits(batch_records=batch, flush_bytes=BYTES), faults=faults)
    assert found.values == given.values
    step = (batch + 1) * given.largest
    for attempt, times in zip(found.attempts, halvings(found.attempts, int(log2(BYTES))), strict=True):
        due = BYTES >> times
        assert attempt.size <= due * given.ratio + step
        assert attempt.size >= due * FULL or attempt.checkpoint == given.last


@pytest.mark.parametrize("kind", ["unavailable", "lost ack"])
@pytest.mark.parametrize("away", range(1, 9))
def test_after_an_outage_however_long_it_is_as_much_as_before(kind: str, away: int) -> None:
    log = recorded(900).log
    limits = BuildLimits(batch_records=1, flush_documents=DOCUMENTS)
    undisturbed, found = built(log, limits), built(log, limits, faults=[kind] * away)
    assert found.values == undisturbed.values
    most = max(one.documents for one in undisturbed.attempts)
    since = [one.documents for one in found.answered]
    assert since == sorted(since[:-1]) + since[-1:]
    assert since[0] == max(2, most >> max(0, away - SPARED))
    back = since.index(most)
    # From a single record, two documents, it is not seen how often it was halved to get there.
    assert back == ANSWERED * min(max(0, away - SPARED), int(log2(DOCUMENTS)))


def assert_each_is_less_than_what_was_refused(attempts: Sequence[Attempt]) -> None:
    for before, after in pairwise(attempts):
        if before.outcome == "refused":
            assert after.checkpoint < before.checkpoint
            assert after.documents < before.documents


@settings(max_examples=60)
@given(
    carries=st.lists(
        st.tuples(st.integers(1, 15), st.sampled_from([1500, 3000, 6000, 12_000])).map(
            lambda one: [one[1]] * one[0],
        ),
        max_size=4,
    ).map(lambda found: [size for some in found for size in some]),
    batch=st.sampled_from([1, 3, 16, 100]),
)
def test_what_is_refused_for_its_size_goes_in_less_and_later_in_as_much_as_before(
    carries: list[int], batch: int
) -> None:
    given = recorded(900)
    found = built(given.log, BuildLimits(batch_records=batch, flush_bytes=BYTES), carries=carries)
    assert found.values == given.values
    assert_each_is_less_than_what_was_refused(found.attempts)
    halved = log2(BYTES) + log2(max(2, batch))
    for outcome, run in groupby(found.attempts, lambda one: one.outcome):
        assert outcome == "answered" or len(list(run)) <= halved
    # With nothing refused any more it takes ten for each doubling. Where single steps were refused, which do not show
    # how little was asked for, there may be as many of these as there can be.
    since = found.attempts[len(carries) :]
    least = min(one.size for one in found.attempts) if batch == 1 else 1
    due = ANSWERED * (ceil(log2(BYTES / least)) + 2)
    if len(since) > due + 1:
        assert max(one.size for one in since[: due + 1]) >= BYTES * FULL


def test_a_step_that_is_refused_is_halved_and_doubles_with_every_ten_that_are_answered() -> None:
    """Where so little is asked for that a transaction is one step; with its records' documents goes the partition's."""
    given = recorded(400)
    batch = 16
    halves = [batch >> times for times in range(int(log2(batch)) + 1)]
    alone = given.largest * 2
    found = built(given.log, BuildLimits(batch_records=batch, flush_bytes=1), carries=[alone] * len(halves))
    assert found.values == given.values
    # The first answered is the one of a single record; with every tenth from then on it is twice as much.
    due = [*halves, *[1] * (ANSWERED - 1), *(size for size in halves[-2::-1] for _ in range(ANSWERED))]
    assert [one.documents - 1 for one in found.attempts[: len(due)]] == due


def test_where_far_more_is_allowed_than_there_is_it_is_half_of_what_was_refused_that_is_tried() -> None:
    given = recorded(300)
    carried = sum(map(len, given.values.values())) * 2 // 3
    found = built(given.log, BuildLimits(batch_records=1, flush_bytes=AMPLE), max_bytes=carried)
    assert found.values == given.values
    assert [one.outcome for one in found.attempts[:2]] == ["refused", "answered"]


@pytest.mark.parametrize("batch", [1, 2, 4])
@pytest.mark.parametrize("carried", [5000, 9000, 15_000])
def test_what_stays_too_much_is_not_tried_too_often(batch: int, carried: int) -> None:
    """As long as a step, which is a batch, is well within what is carried."""
    given = recorded(900)
    found = built(given.log, BuildLimits(batch_records=batch, flush_bytes=BYTES), max_bytes=carried)
    assert found.values == given.values
    refused = len(found.attempts) - len(found.answered)
    assert 0 < refused <= ceil(log2(BYTES / carried)) + 1 + len(found.answered) / ANSWERED
    # It is not settled for much less than is carried either.
    assert max(one.size for one in found.answered) >= carried * FULL / 2


def test_after_a_record_that_can_not_be_carried_it_is_as_much_as_before() -> None:
    learners, batch, carried = 400, 2, 3200
    log = log_of(learners)
    big = Request("big", "ada", REPORT.at, "x" * 480, "beginner")
    with pytest.MonkeyPatch.context() as patched:
        # So that what is parked can be carried.
        patched.setattr("projector.fold.PARKED_INLINE_BYTES", 1000)
        log.append(0, value_of(big))
        for number in range(learners):
            log.append(0, value_of(replace(REPORT, event_id=f"f-{number:05}", learner_id=f"m-{number:05}")))
        limits = BuildLimits(batch_records=batch, flush_bytes=2800)
        found = built(log, limits, max_bytes=carried)
        expected = by_the_engine(log, carried)
    assert found.values == expected
    parked = [codec.decode(value, ParkedDocument) for key, value in found.values.items() if key.startswith("parked/")]
    assert [(one.offset, one.reason) for one in parked] == [(learners, "too-large")]
    before = [one.size for one in found.answered if one.checkpoint < learners]
    after = [one.size for one in found.answered if one.checkpoint > learners]
    assert max(after[: int(log2(batch)) + 1]) >= max(before) * FULL


@st.composite
def disturbances(draw: st.DrawFn) -> tuple[list[str], list[int]]:
    """Refusals for size and missing answers, in any order."""
    faults = draw(st.lists(st.sampled_from(["none", "none", "unavailable", "lost ack"]), max_size=60))
    carries = draw(st.lists(st.sampled_from([1500, 3000, 20_000, AMPLE]), max_size=60))
    return faults, carries


@settings(max_examples=80)
@given(
    disturbed=disturbances(),
    batch=st.sampled_from([1, 2, 7, 50]),
    flush_bytes=st.sampled_from([1, 4000, BYTES]),
    flush_documents=st.sampled_from([1, 5, 20_000]),
    learners=st.integers(1, 200),
)
def test_whatever_was_too_much_the_documents_are_those_of_an_undisturbed_build(
    disturbed: tuple[list[str], list[int]], batch: int, flush_bytes: int, flush_documents: int, learners: int
) -> None:
    log = log_of(learners)
    log.append_nothing(0)
    log.append(0, b"junk")
    limits = BuildLimits(batch_records=batch, flush_bytes=flush_bytes, flush_documents=flush_documents)
    faults, carries = disturbed
    found = built(log, limits, faults=faults, carries=carries)
    given = Recorded(log, by_the_engine(log))
    assert found.values == given.values == built(log, limits).values
    # However it went: never more at once than it is set to, but for a step.
    assert all(one.documents <= flush_documents + batch + 1 for one in found.attempts)
    assert all(one.size <= flush_bytes * given.ratio + (batch + 1) * given.largest for one in found.attempts)
