"""What the engine does in cases that a random walk seldom reaches."""

import asyncio
import base64
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from events.envelope import RecordedEvent, decode
from projector import learner_fold
from projector.items import Decoder, Happened, Refused
from read_models import codec, keys
from read_models.documents import LearnerDocument, ParkedDocument, ParkedEventDocument
from sidecar.delivery import Verdict
from sidecar.errors import StorageDamaged
from sidecar.records import LogIdentity, LogRecord, StoredDocument
from tests.projector.harness import REPORT, World
from tests.projector.reading import check_accounts, check_figures, partitions_of
from tests.projector.world import LOGGED_AT_MS
from tests.strategies import START, Request, value_of


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


async def test_a_value_on_which_decoding_raises_is_parked_and_blocks_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(value: bytes) -> RecordedEvent:
        if b"e-bad" in value:
            raise ZeroDivisionError("a fault of the decoder")
        return decode(value)

    monkeypatch.setattr("projector.items.decode", faulty)
    for event_id in ("e-1", "e-bad", "e-2"):
        world.log.append(0, value_of(replace(REPORT, event_id=event_id)), "ada")
    await world.fold_all()
    assert "ZeroDivisionError" in caplog.text
    assert partitions_of(world.values, 2)[0].parked == 1
    check_figures(world.values, [REPORT, replace(REPORT, event_id="e-2")], 2)


async def test_deliveries_of_one_partition_that_overlap_take_turns(world: World) -> None:
    facts = [replace(REPORT, event_id=f"e-{number}") for number in range(60)]
    for fact in facts:
        world.log.append(0, value_of(fact), "ada")
    engine = world.new_engine(records=10)
    await engine.establish()
    verdicts = await asyncio.gather(*(engine.handle(world.log.records(0)) for _ in range(4)))
    assert verdicts == [Verdict.SETTLED] * 4
    assert (world.state.transactions, world.state.conflicts) == (1 + 6, 0)
    check_figures(world.values, facts, 2)


async def test_the_trouble_that_is_shown_names_no_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def damaged(_: object, **_options: object) -> dict[str, StoredDocument]:
        raise StorageDamaged("/somewhere/secret.db is damaged")

    await world.engine.establish()
    world.log.append(0, value_of(REPORT), "ada")
    monkeypatch.setattr(world.state, "read", damaged)
    assert await world.engine.handle(world.log.records(0)) is Verdict.RETRY
    assert "damaged" in str(world.engine.trouble)
    assert "secret" not in str(world.engine.trouble)


async def test_what_is_accounted_for_is_not_kept_in_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    item = Decoder.item

    def noting(decoder: Decoder, record: LogRecord) -> Happened | Refused:
        found = item(decoder, record)
        held.append(len(decoder._items))
        return found

    monkeypatch.setattr(Decoder, "item", noting)
    for number in range(200):
        world.log.append(0, value_of(replace(REPORT, event_id=f"e-{number}")), "ada")
    assert await world.new_engine(records=10).handle(world.log.records(0, 199)) is Verdict.SETTLED
    assert max(held) <= 2 * 10


async def test_want_of_memory_is_no_fault_of_the_event(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    world.log.append(0, value_of(REPORT), "ada")
    await world.engine.establish()
    before = world.values
    with monkeypatch.context() as patched:
        patched.setattr(learner_fold, "_fold_day", exhausted)
        assert await world.engine.handle(world.log.records(0)) is Verdict.RETRY
    assert world.values == before
    await world.fold_all()
    check_figures(world.values, [REPORT], 2)


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
