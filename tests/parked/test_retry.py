"""A retry in cases that a random walk seldom reaches."""

import json
from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest

from events.errors import EventRejected, Reason
from projector import fold, learner_fold
from projector.items import Happened, Refused
from projector.parked import retrying
from read_models import codec, keys
from read_models.documents import (
    CataloguePage,
    LearnerDocument,
    LessonEntry,
    ParkedDocument,
    ParkedEventDocument,
    Position,
)
from sidecar.errors import SidecarUnavailable, StateConflict
from sidecar.records import LogRecord, StoredDocument
from tests.parked.harness import (
    accounted,
    documents,
    drop_in,
    listed,
    parked_world,
    reports,
    retry_everything,
    retry_in,
    retry_named,
)
from tests.parked.newer import newer, newer_value_of
from tests.projector.harness import REPORT, World
from tests.projector.reading import check_figures, learner_of, partitions_of
from tests.projector.world import LOGGED_AT_MS
from tests.strategies import START, Fact, Request, value_of


def parked_document(world: World, index: int) -> ParkedDocument:
    return codec.decode(world.values[keys.parked(1, 0, index)], ParkedDocument)


async def test_a_version_that_is_no_newer_changes_nothing_and_says_why(world: World) -> None:
    await parked_world(world, [REPORT])
    before, transactions = world.values, world.state.transactions
    results = [one async for one in retrying.Retry(log=world.log, reader=world.state, writer=world.state).everything()]
    (result,) = results
    assert (str(result.position), result.outcome.value, result.reason) == ("0:0", "still-parked", "unknown-version")
    assert "newer than v1" in str(result.detail)
    assert (world.values, world.state.transactions) == (before, transactions)


async def test_the_present_reason_takes_the_place_of_the_old_one(world: World) -> None:
    bad = json.loads(newer_value_of(REPORT))
    bad["data"]["completion_ppm"] = "half"
    world.log.append(0, json.dumps(bad).encode())
    world.log.append(0, b"junk")
    await world.fold_all()
    before = parked_document(world, 0)
    assert await retry_everything(world) == {"0:0": "still-parked", "0:1": "still-parked"}
    after = parked_document(world, 0)
    assert (before.reason, after.reason) == ("unknown-version", "invalid-data")
    assert (after.value, after.sha256, after.offset, after.fingerprint) == (
        before.value,
        before.sha256,
        before.offset,
        before.fingerprint,
    )
    note = codec.decode(world.values[keys.parked_event(1, str(after.fingerprint))], ParkedEventDocument)
    assert (note.index, note.reason, note.detail) == (0, after.reason, after.detail)
    assert accounted(world.values)["parked"] == 2


async def test_whoever_waits_for_the_event_is_told_no_more_that_it_is_parked(world: World) -> None:
    await parked_world(world, [REPORT, REPORT])
    (note,) = documents(world.values, "parked-event")
    assert await retry_named(world, "0:1") == {"0:1": "applied"}
    # It names the first of the two, which is parked still.
    assert codec.decode(world.values[note], ParkedEventDocument).index == 0
    assert await retry_named(world, "0:0") == {"0:0": "duplicate"}
    assert documents(world.values, "parked-event") == documents(world.values, "parked") == set()
    check_figures(world.values, [REPORT], 2)


async def test_an_identity_that_only_now_can_be_read_is_told_to_whoever_waits(world: World) -> None:
    world.log.append(0, b"junk")
    world.log.append(0, b"other junk")
    await world.fold_all()

    def telling(record: LogRecord) -> Refused:
        return Refused(record, EventRejected(Reason.INVALID_DATA, "now it can be told", fingerprint="AAAAAAAAAAA"))

    await retry_everything(world, decode=telling)
    note = codec.decode(world.values[keys.parked_event(1, "AAAAAAAAAAA")], ParkedEventDocument)
    assert (note.index, note.detail) == (0, "now it can be told")
    # Taken back: of the two that were told of, the other one is left.
    await retry_named(world, "0:0", decode=lambda record: Refused(record, EventRejected(Reason.NOT_JSON, "again")))
    assert documents(world.values, "parked-event") == set()
    await retry_named(world, "0:1", decode=lambda record: Refused(record, EventRejected(Reason.NOT_JSON, "again")))
    await retry_everything(world, decode=telling)
    assert codec.decode(world.values[keys.parked_event(1, "AAAAAAAAAAA")], ParkedEventDocument).index == 0


async def test_what_a_fold_raises_on_stays_parked_and_keeps_nobody_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = [replace(one, time_spent_ms=666 if number % 2 else 5) for number, one in enumerate(reports(80))]
    await parked_world(world, facts)
    intact = learner_fold._fold_day

    def faulty(head: LearnerDocument, time_us: int, time_spent_ms: int) -> None:
        if time_spent_ms == 666:
            raise ZeroDivisionError("a fault of the fold")
        intact(head, time_us, time_spent_ms)

    with monkeypatch.context() as patched:
        patched.setattr(learner_fold, "_fold_day", faulty)
        outcomes = await retry_everything(world)
    assert list(outcomes.values()) == ["applied", "still-parked"] * 40
    left = parked_document(world, 1)
    assert left.reason == "fold-failed"
    assert "ZeroDivisionError" in left.detail
    assert left.fingerprint is not None
    check_figures(world.values, facts[::2], 2)
    assert set((await retry_everything(world, "fold-failed")).values()) == {"applied"}
    check_figures(world.values, facts, 2)


async def test_only_what_is_parked_for_the_reason_is_retried(world: World) -> None:
    await parked_world(world, [REPORT])
    world.log.append(0, b"junk")
    await world.fold_all()
    assert await retry_everything(world, "not-json") == {"0:1": "still-parked"}
    assert await retry_everything(world, "unknown-version") == {"0:0": "applied"}


async def test_a_dropped_value_is_left_alone_unless_it_is_named(world: World) -> None:
    await parked_world(world, [REPORT])
    decision = (await drop_in(world, "0:0")).decision
    before = world.values
    assert await retry_everything(world) == {}
    assert world.values == before
    (result,) = [one async for one in retry_in(world).named([(await listed(world))[0].position])]
    assert (result.outcome.value, result.decision) == ("applied", decision)
    assert keys.decision(0, 0) not in world.values
    check_figures(world.values, [REPORT], 2)


async def test_a_dropped_value_that_still_does_not_fold_stays_dropped(world: World) -> None:
    world.log.append(0, b"junk")
    await world.fold_all()
    await drop_in(world, "0:0")
    assert await retry_named(world, "0:0") == {"0:0": "still-parked"}
    assert keys.decision(0, 0) in world.values


async def test_a_drop_between_list_and_retry_is_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await parked_world(world, [REPORT])
    read = world.state.read

    async def blind(wanted: Collection[str], **options: bool) -> Mapping[str, StoredDocument]:
        """A store that loses its connections: what is not confirmed to be absent may be there."""
        found = await read(wanted, **options)
        return {key: one for key, one in found.items() if options.get("confirm_absence", True) or "decision" not in key}

    await drop_in(world, "0:0")
    monkeypatch.setattr(world.state, "read", blind)
    assert await retry_everything(world) == {}
    assert partitions_of(world.values, 2)[0].parked == 1


async def test_a_position_without_anything_parked_is_told(world: World) -> None:
    await parked_world(world, [REPORT])
    asked = ("0:1", "1:0", "9:0", "0:0", "0:0")
    assert await retry_named(world, *asked) == {
        "0:0": "applied",
        "0:1": "not-parked",
        "1:0": "not-parked",
        "9:0": "not-parked",
    }
    assert await retry_named(world, "0:0") == {"0:0": "not-parked"}


async def test_a_late_lesson_is_listed_last_with_its_true_position(world: World) -> None:
    late = Request("r-late", "ada", START, "loops", "beginner")
    world.log.append(0, newer_value_of(late), "ada")
    early = [Request(f"r-{number}", "ada", START, "loops", "beginner") for number in range(64)]
    for request in early:
        world.log.append(0, value_of(request), "ada")
    await world.fold_all()
    before = learner_of(world.values, "ada")
    assert await retry_named(world, "0:0") == {"0:0": "applied"}
    # The first page is full, so that it begins the second.
    page = codec.decode(world.values[keys.catalogue(1, 0, 1)], CataloguePage)
    (entry,) = page.entries
    assert entry is not None
    assert (entry.lesson_id, entry.summary.index) == (late.lesson_id, len(early))
    assert entry.summary.position == Position(0, LOGGED_AT_MS)
    assert partitions_of(world.values, 2)[0].catalogue == len(early) + 1
    after = learner_of(world.values, "ada")
    assert before is not None
    assert after is not None
    assert after.as_of == before.as_of
    assert isinstance(after.lessons[late.lesson_id], LessonEntry)
    check_figures(world.values, [late, *early], 2)


async def test_a_value_too_large_to_be_kept_is_read_from_the_log(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "PARKED_INLINE_BYTES", 10)
    await parked_world(world, reports(3))
    assert parked_document(world, 0).value is None
    world.log.contents[0][1] = None
    other = world.log.records(0)[1]
    world.log.contents[0][2] = other._replace(value=newer_value_of(replace(REPORT, event_id="e-other")))
    results = [one async for one in retry_in(world).everything()]
    assert [one.outcome.value for one in results] == ["applied", "still-parked", "still-parked"]
    assert all("no longer holds the value" in str(one.detail) for one in results[1:])
    assert parked_document(world, 1).reason == "unknown-version"
    check_figures(world.values, reports(1), 2)


async def test_many_are_folded_in_few_transactions_and_fewer_at_once_where_they_are_large(world: World) -> None:
    facts = reports(250)
    await parked_world(world, facts)
    transactions = world.state.transactions
    together = sum(len(world.values[key]) for key in documents(world.values, "parked"))
    assert set((await retry_everything(world)).values()) == {"applied"}
    assert world.state.transactions - transactions == 3
    check_figures_of_split(world, len(facts))

    narrow = await parked_world(World(), facts)
    narrow.state.max_bytes = together // 4
    transactions = narrow.state.transactions
    assert set((await retry_everything(narrow)).values()) == {"applied"}
    assert narrow.state.transactions - transactions > 3
    check_figures_of_split(narrow, len(facts))


def check_figures_of_split(world: World, events: int) -> None:
    head = learner_of(world.values, "ada")
    assert head is not None
    assert (head.totals.events, head.totals.lessons_known, head.lessons_split) == (events, events, True)
    assert accounted(world.values)["retried"] == events


async def test_what_no_transaction_can_carry_stays_parked_and_keeps_nobody_back(world: World) -> None:
    large = [Request(f"r-{number}", "ada", START, "x" * 400, "beginner") for number in range(40)]
    small = [replace(REPORT, event_id=f"e-{number}", learner_id="ben") for number in range(3)]
    for request in large:
        world.log.append(0, value_of(request), "ada")
    await world.fold_all()
    late = replace(large[0], event_id="r-late")
    waiting: list[Fact] = [small[0], late, *small[1:]]
    for fact in waiting:
        world.log.append(0, newer_value_of(fact), fact.learner_id)
    await world.fold_all()
    world.state.max_bytes = len(world.values[keys.learner(1, "ada")]) - 1
    outcomes = await retry_everything(world)
    assert list(outcomes.values()) == ["applied", "still-parked", "applied", "applied"]
    assert parked_document(world, 1).reason == "too-large"
    world.state.max_bytes *= 4
    assert list((await retry_everything(world)).values()) == ["applied"]
    check_figures(world.values, [*large, late, *small], 2)


@pytest.mark.parametrize("fault", ["lost ack", "unavailable", "conflict"])
async def test_a_transaction_of_unknown_end_is_told_apart_by_reading_again(world: World, fault: str) -> None:
    await parked_world(world, [REPORT])
    world.state.write_faults = [fault]
    assert await retry_named(world, "0:0") == {"0:0": "applied"}
    assert accounted(world.values)["applied"] == 1


async def test_a_store_that_stays_away_is_an_error_and_the_next_retry_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "CONFLICT_PAUSE_SECONDS", 0)
    await parked_world(world, [REPORT])
    world.state.write_faults = ["unavailable"] * retrying.ATTEMPTS
    with pytest.raises(SidecarUnavailable):
        await retry_named(world, "0:0")
    world.state.write_faults = ["conflict"] * retrying.ATTEMPTS
    with pytest.raises(StateConflict):
        await retry_named(world, "0:0")
    world.state.read_faults = ["unavailable"]
    with pytest.raises(SidecarUnavailable):
        await retry_named(world, "0:0")
    assert await retry_named(world, "0:0") == {"0:0": "applied"}


async def test_an_event_counted_meanwhile_from_elsewhere_becomes_a_duplicate(world: World) -> None:
    await parked_world(world, [REPORT])
    world.log.append(1, value_of(REPORT), "ada")
    await world.fold_all()
    assert await retry_named(world, "0:0") == {"0:0": "duplicate"}
    counts = accounted(world.values)
    assert (counts["applied"], counts["duplicate"], counts["retried"]) == (1, 1, 1)
    check_figures(world.values, [REPORT], 2)


async def test_a_value_is_decoded_from_its_exact_bytes_key_and_log_time(world: World) -> None:
    await parked_world(world, [REPORT])
    seen: list[LogRecord] = []

    def noting(record: LogRecord) -> Happened | Refused:
        seen.append(record)
        return newer(record)

    await retry_everything(world, decode=noting)
    assert seen == world.log.records(0)
