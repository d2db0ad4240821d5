"""What the engine does in cases that a random walk seldom reaches."""

import base64
import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events.envelope import decode
from projector import learner_fold
from projector.engine import Engine
from projector.errors import CheckpointBeyondLog, ForeignFold, HistoryGone, LogMismatch, LogRewritten
from projector.pieces import PieceLimits
from projector.workspace import Workspace
from read_models import codec, keys
from read_models.documents import ControlDocument, LearnerDocument, ParkedDocument, ParkedEventDocument, Position
from sidecar.delivery import Verdict
from sidecar.records import LogIdentity, StoredDocument
from tests.projector.oracle import expected_learners
from tests.projector.reading import check_accounts, check_figures, learner_of, partitions_of
from tests.projector.world import LOGGED_AT_MS, MemoryLog, MemoryState
from tests.strategies import START, Report, Request, value_of

REPORT = Report("e-1", "ada", START, "l1", 500_000, 250_000, 1000, ("first",))


class World:
    """One log, one store, one engine."""

    def __init__(self, **limits: int) -> None:
        self.log = MemoryLog()
        self.state = MemoryState()
        self.engine = self.new_engine(**limits)

    def new_engine(self, **limits: int) -> Engine:
        return Engine(log=self.log, reader=self.state, writer=self.state, limits=PieceLimits(**limits))

    async def fold_all(self) -> None:
        for number in range(self.log.partitions):
            assert await self.engine.handle(self.log.records(number)) is Verdict.SETTLED, self.engine.trouble

    @property
    def values(self) -> dict[str, bytes]:
        return self.state.values()


def switch(world: World) -> None:
    """Make generation 2, a copy of generation 1, the active one."""
    for key, document in list(world.state.documents.items()):
        if key.startswith("g1/"):
            world.state.documents["g2/" + key.removeprefix("g1/")] = StoredDocument(document.value, f"copy of {key}")
    control = codec.decode(world.state.documents[keys.CONTROL].value, ControlDocument)
    control = ControlDocument(2, control.log, {**control.folds, "2": control.folds["1"]})
    world.state.documents[keys.CONTROL] = StoredDocument(codec.encode(control), "switched")


@pytest.fixture
def world() -> World:
    return World()


def reports_of(count: int, *, lessons: int) -> list[Report]:
    return [
        replace(
            REPORT,
            event_id=f"e-{number:05}",
            at=START + timedelta(minutes=37 * ((number * 7919) % count)),
            lesson_id=f"lesson-{number % lessons}",
            score_ppm=number * 13 % 1_000_001,
        )
        for number in range(count)
    ]


async def test_a_learner_of_very_many_events_is_split_and_stays_exact(world: World) -> None:
    facts = reports_of(1300, lessons=3)
    for fact in [*facts, *facts[::5]]:
        world.log.append(0, value_of(fact), fact.learner_id)
    await world.fold_all()
    check_figures(world.values, facts, 2)
    head = learner_of(world.values, "ada")
    assert head is not None
    assert head.counted_split
    assert head.counted == []
    assert partitions_of(world.values, 2)[0].duplicate == len(facts[::5])
    assert max(len(value) for key, value in world.values.items() if "/learner/" in key) < 10_000


async def test_a_learner_of_very_many_lessons_is_split_and_stays_exact(world: World) -> None:
    facts: list[Any] = reports_of(900, lessons=300)
    facts += [
        Request(f"r-{number}", "ada", START + timedelta(hours=number), "loops", "beginner") for number in range(150)
    ]
    for fact in facts:
        world.log.append(0, value_of(fact), fact.learner_id)
    await world.fold_all()
    expected = expected_learners(facts)["ada"]
    head = learner_of(world.values, "ada")
    assert head is not None
    assert head.lessons_split
    assert (head.totals.lessons_known, head.totals.lessons_requested) == (450, 150)
    assert head.totals.score_sum_ppm == sum(expected["scores"].values()) * 1_000_000
    last = {
        lesson: max(fact.at for fact in facts if fact.lesson_id == lesson) for lesson in {f.lesson_id for f in facts}
    }
    newest = sorted(last, key=lambda lesson: (last[lesson], lesson), reverse=True)[:100]
    assert set(head.lessons) == set(newest)
    shares = [json.loads(value)["lessons"] for key, value in world.values.items() if "/lessons/" in key]
    entries = {lesson: entry for share in shares for lesson, entry in share.items()}
    assert entries.keys() == last.keys()
    for lesson, entry in head.lessons.items():
        assert json.loads(codec.encode(LearnerDocument("x", lessons={"l": entry})))["lessons"]["l"] == entries[lesson]


@pytest.mark.parametrize("size", [1, 2, 7, 500])
async def test_splitting_does_not_depend_on_where_batches_are_cut(size: int) -> None:
    facts = reports_of(620, lessons=130)
    worlds = [World(), World(records=size)]
    for world in worlds:
        for fact in facts:
            world.log.append(0, value_of(fact), fact.learner_id)
        await world.fold_all()
    assert worlds[0].values == worlds[1].values


async def test_only_the_first_achievements_are_kept_and_counted(world: World) -> None:
    facts = [
        replace(
            REPORT,
            event_id=f"e-{number}",
            at=START + timedelta(minutes=(number * 7) % 30),
            achievements=tuple(f"a-{(number * 31 + one) % 700:03}" for one in range(50)),
        )
        for number in range(30)
    ]
    for fact in facts:
        world.log.append(0, value_of(fact), fact.learner_id)
    await world.fold_all()
    earned = {name: min(f.at for f in facts if name in f.achievements) for fact in facts for name in fact.achievements}
    first = sorted(earned, key=lambda name: (earned[name], name))[:500]
    head = learner_of(world.values, "ada")
    assert head is not None
    assert len(earned) > 500
    assert set(head.achievements) == set(first)
    assert head.totals.achievements == partitions_of(world.values, 2)[0].totals.achievements == 500


async def test_poison_is_parked_with_its_bytes_and_its_reason(world: World) -> None:
    world.log.append(0, value_of(REPORT), "ada")
    world.log.append(0, b"\xff\xfe", "ada")
    world.log.append(0, b'{"source":"s","id":"known","specversion":"9"}')
    world.log.append(0, b"x" * (2 * 1024 * 1024))
    world.log.append(0, value_of(replace(REPORT, event_id="e-2")), "ada")
    await world.fold_all()
    parked = [codec.decode(world.values[keys.parked(1, 0, index)], ParkedDocument) for index in range(3)]
    assert [(one.offset, one.reason, one.size) for one in parked] == [
        (1, "not-json", 2),
        (2, "not-a-cloudevent", 45),
        (3, "too-large", 2 * 1024 * 1024),
    ]
    assert parked[0].value == base64.b64encode(b"\xff\xfe").decode()
    assert parked[2].value is None
    note = world.values[keys.parked_event(1, str(parked[1].fingerprint))]
    assert codec.decode(note, ParkedEventDocument).index == 1
    check_figures(world.values, [REPORT, replace(REPORT, event_id="e-2")], 2)


async def test_the_same_poison_again_is_parked_again(world: World) -> None:
    for _ in range(3):
        world.log.append(0, b'{"source":"s","id":"known"}')
        await world.fold_all()
    assert partitions_of(world.values, 2)[0].parked == 3


async def test_an_event_on_which_a_fold_raises_is_parked_and_blocks_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(head: LearnerDocument, time_us: int, time_spent_ms: int) -> None:
        if time_spent_ms == 666:
            raise ZeroDivisionError("a fault of the fold")
        intact(head, time_us, time_spent_ms)

    intact = learner_fold._fold_day
    monkeypatch.setattr(learner_fold, "_fold_day", faulty)
    facts = [replace(REPORT, event_id=f"e-{number}", time_spent_ms=number) for number in range(5)]
    facts[2] = replace(facts[2], time_spent_ms=666)
    for fact in facts:
        world.log.append(0, value_of(fact), fact.learner_id)
    with caplog.at_level(logging.ERROR):
        await world.fold_all()
    assert "ZeroDivisionError" in caplog.text
    check_figures(world.values, facts[:2] + facts[3:], 2)
    assert codec.decode(world.values[keys.parked(1, 0, 0)], ParkedDocument).reason == "fold-failed"


async def test_what_the_sidecar_does_not_carry_goes_in_smaller_pieces(world: World) -> None:
    facts = [replace(REPORT, event_id=f"e-{number}", learner_id=f"learner-{number}") for number in range(200)]
    for fact in facts:
        world.log.append(0, value_of(fact), fact.learner_id)
    world.state.max_bytes = 6000
    await world.fold_all()
    accounts = partitions_of(world.values, 2)[0]
    assert (accounts.applied, accounts.parked, accounts.totals.learners) == (200, 0, 200)


async def test_an_event_whose_documents_are_too_large_is_parked_and_blocks_nobody(world: World) -> None:
    world.state.max_bytes = 12_000
    big = [
        replace(REPORT, event_id=f"e-{number}", achievements=tuple(f"{number}-{one}-{'x' * 85}" for one in range(20)))
        for number in range(12)
    ]
    for fact in big:
        world.log.append(0, value_of(fact), "ada")
    other = replace(REPORT, event_id="e-99", learner_id="ben")
    world.log.append(0, value_of(other), "ben")
    await world.fold_all()
    accounts = partitions_of(world.values, 2)[0]
    check_accounts(accounts)
    assert accounts.parked > 0
    assert codec.decode(world.values[keys.parked(1, 0, 0)], ParkedDocument).reason == "too-large"
    parked = {json.loads(world.values[keys.parked(1, 0, index)])["offset"] for index in range(accounts.parked)}
    check_figures(world.values, [*(fact for offset, fact in enumerate(big) if offset not in parked), other], 2)


async def test_a_hole_in_delivery_is_read_from_the_log(world: World) -> None:
    facts = [replace(REPORT, event_id=f"e-{number}") for number in range(30)]
    for fact in facts:
        world.log.append(0, value_of(fact), fact.learner_id)
    records = world.log.records(0)
    assert await world.engine.handle([records[11], records[29]]) is Verdict.SETTLED
    check_figures(world.values, facts, 2)


async def test_what_the_log_confirms_absent_is_counted_as_missing_and_alarms(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.log.append_nothing(0)
    world.log.append_nothing(0)
    world.log.append(0, value_of(REPORT), "ada")
    world.log.append_nothing(0)
    world.log.append(0, value_of(replace(REPORT, event_id="e-2")), "ada")
    with caplog.at_level(logging.ERROR):
        await world.fold_all()
    accounts = partitions_of(world.values, 2)[0]
    check_accounts(accounts)
    assert (accounts.missing, accounts.applied) == (3, 2)
    assert "offsets 0 to 1 are missing" in caplog.text


async def test_a_hole_that_the_log_does_not_reach_yet_waits(world: World) -> None:
    world.log.append(0, value_of(REPORT), "ada")
    (record,) = world.log.records(0)
    await world.fold_all()
    before = world.values
    assert await world.engine.handle([replace(record, offset=9)]) is Verdict.RETRY
    assert "does not reach it yet" in str(world.engine.trouble)
    assert world.values == before


async def test_an_outage_changes_nothing_and_is_told(world: World) -> None:
    await world.engine.establish()
    world.log.append(0, value_of(REPORT), "ada")
    before = world.values
    world.state.read_faults = ["unavailable"]
    assert await world.engine.handle(world.log.records(0)) is Verdict.RETRY
    assert "out for a walk" in str(world.engine.trouble)
    assert world.values == before
    await world.fold_all()
    assert world.engine.trouble is None


async def test_an_empty_batch_is_nothing(world: World) -> None:
    assert await world.engine.handle([]) is Verdict.SETTLED


async def test_a_log_made_anew_is_never_taken_for_already_applied(world: World) -> None:
    for number in range(3):
        world.log.append(0, value_of(replace(REPORT, event_id=f"e-{number}")), "ada")
    await world.fold_all()
    other = MemoryLog(topic_id="topic-2")
    other.append(0, value_of(replace(REPORT, event_id="new")), "ada")
    world.log.contents, world.log.topic_id = other.contents, other.topic_id
    before = world.values
    assert await world.engine.handle(other.records(0)) is Verdict.RETRY
    assert "this is log topic-2" in str(world.engine.trouble)
    with pytest.raises(LogMismatch):
        await world.new_engine().establish()
    assert world.values == before


async def test_a_log_restored_to_an_older_copy_is_refused(world: World) -> None:
    for number in range(3):
        world.log.append(0, value_of(replace(REPORT, event_id=f"e-{number}")), "ada")
    await world.fold_all()
    del world.log.contents[0][1:]
    with pytest.raises(CheckpointBeyondLog) as caught:
        await world.new_engine().establish()
    assert (caught.value.partition, caught.value.checkpoint, caught.value.end) == (0, 2, 1)


async def test_a_log_that_lost_what_was_never_folded_is_refused(world: World) -> None:
    await world.engine.establish()
    for number in range(3):
        world.log.append(1, value_of(replace(REPORT, event_id=f"e-{number}")), "ada")
    world.log.starts[1] = 2
    with pytest.raises(HistoryGone) as caught:
        await world.new_engine().establish()
    assert (caught.value.partition, caught.value.wanted, caught.value.start) == (1, 0, 2)
    world.state.documents.clear()
    with pytest.raises(HistoryGone):
        await world.new_engine().establish()
    assert world.values == {}


async def test_a_log_made_anew_under_a_running_consumer_is_never_folded(world: World) -> None:
    for number in range(3):
        world.log.append(0, value_of(replace(REPORT, event_id=f"e-{number}")), "ada")
    await world.fold_all()
    other = MemoryLog(topic_id="topic-2")
    for number in range(5):
        other.append(0, value_of(replace(REPORT, event_id=f"new-{number}")), "ada")
    world.log.contents, world.log.topic_id = other.contents, other.topic_id
    before = world.values
    # The consumer goes on behind the offsets that it has seen, as if nothing had happened.
    assert await world.engine.handle(other.records(0, 3)) is Verdict.RETRY
    assert "this is log topic-2" in str(world.engine.trouble)
    assert world.values == before


async def test_a_log_that_was_cut_and_grew_again_is_never_taken_for_already_applied(world: World) -> None:
    for number in range(5):
        world.log.append(0, value_of(replace(REPORT, event_id=f"e-{number}")), "ada")
    await world.fold_all()
    del world.log.contents[0][2:]
    for number in range(4):
        world.log.append(0, value_of(replace(REPORT, event_id=f"new-{number}")), "ada")
    before = world.values
    assert await world.engine.handle(world.log.records(0, 2, 5)) is Verdict.RETRY
    assert "holds another record at offset 4" in str(world.engine.trouble)
    with pytest.raises(LogRewritten) as caught:
        await world.new_engine().establish()
    assert (caught.value.partition, caught.value.offset) == (0, 4)
    assert world.values == before


async def test_a_log_cut_exactly_behind_the_checkpoint_is_whole(world: World) -> None:
    world.log.append(0, value_of(REPORT), "ada")
    world.log.append(0, value_of(replace(REPORT, event_id="e-2")), "ada")
    await world.engine.handle(world.log.records(0, 0, 1))
    del world.log.contents[0][1]
    await world.new_engine().establish()
    del world.log.contents[0][0]
    with pytest.raises(CheckpointBeyondLog):
        await world.new_engine().establish()


async def test_records_removed_before_they_were_folded_are_not_counted_as_missing(world: World) -> None:
    facts = [replace(REPORT, event_id=f"e-{number}") for number in range(5)]
    for fact in facts:
        world.log.append(0, value_of(fact), "ada")
    await world.engine.handle(world.log.records(0, 0, 1))
    world.log.starts[0] = 3
    world.log.contents[0][:3] = [None, None, None]
    assert await world.engine.handle(world.log.records(0)) is Verdict.RETRY
    assert "history is gone" in str(world.engine.trouble)
    assert partitions_of(world.values, 2)[0].missing == 0


async def test_what_delivery_will_not_bring_again_is_caught_up(world: World) -> None:
    facts = [replace(REPORT, event_id=f"e-{number}") for number in range(40)]
    for fact in facts:
        world.log.append(0, value_of(fact), "ada")
        world.log.append_nothing(0)
    engine = world.new_engine(records=7)
    await engine.establish()
    await engine.catch_up(0)
    await engine.catch_up(1)
    check_figures(world.values, facts, 2)
    accounts = partitions_of(world.values, 2)[0]
    check_accounts(accounts)
    assert (accounts.checkpoint, accounts.missing) == (79, 40)


async def test_documents_thrown_away_are_folded_again(world: World) -> None:
    world.log.append(0, value_of(REPORT), "ada")
    await world.fold_all()
    before = world.values
    world.state.documents.clear()
    assert await world.engine.handle(world.log.records(0)) is Verdict.RETRY
    await world.engine.establish()
    await world.engine.catch_up(0)
    assert world.values == before


async def test_the_trouble_of_one_partition_is_not_hidden_by_the_luck_of_another(world: World) -> None:
    world.log.append(0, value_of(REPORT), "ada")
    world.log.append(1, value_of(replace(REPORT, learner_id="ben")), "ben")
    await world.engine.establish()
    world.state.write_faults = ["unavailable"]
    assert await world.engine.handle(world.log.records(0)) is Verdict.RETRY
    assert await world.engine.handle(world.log.records(1)) is Verdict.SETTLED
    assert "nothing written" in str(world.engine.trouble)
    await world.fold_all()
    assert world.engine.trouble is None


async def test_a_fault_of_the_engine_is_shown_and_the_batch_comes_again(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.log.append(0, value_of(REPORT), "ada")
    await world.engine.establish()

    async def broken() -> LogIdentity:
        raise KeyError("a fault")

    with monkeypatch.context() as patched:
        patched.setattr(world.log, "identity", broken)
        for _ in range(3):
            assert await world.engine.handle(world.log.records(0)) is Verdict.RETRY
    assert "KeyError" in str(world.engine.trouble)
    assert caplog.text.count("is retried") == 1
    await world.fold_all()
    check_figures(world.values, [REPORT], 2)


async def test_an_event_from_the_future_is_parked(world: World) -> None:
    log_time = datetime.fromtimestamp(LOGGED_AT_MS / 1000, UTC)
    late, early = (
        replace(REPORT, event_id=name, at=log_time + timedelta(hours=hours)) for name, hours in (("a", 25), ("b", 23))
    )
    world.log.append(0, value_of(late), "ada")
    world.log.append(0, value_of(early), "ada")
    await world.fold_all()
    assert codec.decode(world.values[keys.parked(1, 0, 0)], ParkedDocument).reason == "from-the-future"
    check_figures(world.values, [early], 2)


async def test_the_same_garbage_in_two_partitions_gives_the_same_bytes_in_any_order() -> None:
    worlds = [World(), World()]
    for world in worlds:
        for partition in (1, 0):
            world.log.append(partition, b'{"source":"s","id":"known"}')
        await world.engine.establish()
    for world, order in zip(worlds, [(0, 1), (1, 0)], strict=True):
        for partition in order:
            await world.engine.handle(world.log.records(partition))
    assert worlds[0].values == worlds[1].values


async def test_a_piece_stays_within_its_limits(world: World) -> None:
    for number in range(60):
        world.log.append(0, value_of(replace(REPORT, event_id=f"e-{number}", learner_id=f"learner-{number}")), "x")
    engine = world.new_engine(documents=10)
    await engine.handle(world.log.records(0))
    assert world.state.transactions == 1 + 6
    world.state.documents.clear()
    size = max(len(record.value) for record in world.log.records(0))
    world.state.transactions = 0
    await world.new_engine(value_bytes=15 * size).handle(world.log.records(0))
    assert world.state.transactions == 1 + 4


async def test_a_long_way_is_gone_in_several_deliveries_each_keeping_what_it_reached(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projector.engine.BATCH_SECONDS", -1.0)
    facts = [replace(REPORT, event_id=f"e-{number}") for number in range(50)]
    for fact in facts:
        world.log.append(0, value_of(fact), "ada")
    engine = world.new_engine(records=10)
    verdicts = [await engine.handle(world.log.records(0, 49)) for _ in range(5)]
    assert verdicts == [Verdict.RETRY] * 4 + [Verdict.SETTLED]
    check_figures(world.values, facts, 2)


async def test_a_long_hole_is_healed_in_pieces(world: World) -> None:
    facts = [replace(REPORT, event_id=f"e-{number}") for number in range(50)]
    for fact in facts:
        world.log.append(0, value_of(fact), "ada")
    assert await world.new_engine(records=10).handle(world.log.records(0, 49)) is Verdict.SETTLED
    assert world.state.transactions == 1 + 5
    check_figures(world.values, facts, 2)


async def test_another_fold_version_is_left_alone(world: World) -> None:
    await world.engine.establish()
    stored = world.state.documents[keys.CONTROL]
    control = codec.decode(stored.value, ControlDocument)
    control.folds["1"] = "another"
    world.state.documents[keys.CONTROL] = StoredDocument(codec.encode(control), "other")
    world.log.append(0, value_of(REPORT), "ada")
    assert await world.engine.handle(world.log.records(0)) is Verdict.RETRY
    assert "fold version another" in str(world.engine.trouble)
    with pytest.raises(ForeignFold):
        await world.new_engine().establish()


async def test_a_switch_of_generations_between_two_batches_is_followed(world: World) -> None:
    world.log.append(0, value_of(REPORT), "ada")
    await world.fold_all()
    switch(world)
    world.log.append(0, value_of(replace(REPORT, event_id="e-2")), "ada")
    before = world.values
    await world.fold_all()
    assert {key for key, value in world.values.items() if before.get(key) != value} == {
        "g2/partition/0",
        "g2/learner/ada",
    }


async def test_a_switch_between_two_reads_of_an_attempt_is_followed(world: World) -> None:
    request = Request("r-1", "ada", START, "loops", "beginner")
    await world.engine.establish()
    world.log.append(0, value_of(request), "ada")
    first = world.state.read

    async def switch_after(wanted: Collection[str]) -> Mapping[str, StoredDocument]:
        found = await first(wanted)
        vars(world.state).pop("read", None)
        switch(world)
        return found

    vars(world.state)["read"] = switch_after
    await world.fold_all()
    assert "g2/learner/ada" in world.values
    assert "g1/learner/ada" not in world.values


def test_what_a_learner_has_seen_never_goes_back() -> None:
    workspace = Workspace()
    workspace.know_absent([keys.learner(1, "ada")])
    for offset in (7, 3):
        event = decode(value_of(replace(REPORT, event_id=f"e-{offset}")))
        learner_fold.apply(workspace, 1, event, None, 0, Position(offset, 1000 + offset))
    head = workspace.find(keys.learner(1, "ada"), LearnerDocument)
    assert head is not None
    assert head.as_of == {"0": Position(7, 1007)}
    assert head.totals.events == 2


@pytest.mark.parametrize(
    ("key", "shape"), [("g1/learner/ada", "LearnerDocument"), ("g1/catalogue/0/0", "CataloguePage")]
)
async def test_an_unreadable_document_stops_the_partition_and_parks_nothing(world: World, key: str, shape: str) -> None:
    world.log.append(0, value_of(Request("r-1", "ada", START, "loops", "beginner")), "ada")
    await world.fold_all()
    world.state.documents[key] = StoredDocument(b'{"learner_id":5,"entries":5}', "x")
    world.log.append(0, value_of(Request("r-2", "ada", START, "loops", "beginner")), "ada")
    before = world.values
    assert await world.engine.handle(world.log.records(0)) is Verdict.RETRY
    assert f"not a {shape}" in str(world.engine.trouble)
    assert world.values == before
