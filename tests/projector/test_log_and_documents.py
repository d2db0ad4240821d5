"""When log and documents do not fit, and how what is behind catches up."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest

from projector.errors import CheckpointBeyondLog, ForeignFold, HistoryGone, LogMismatch, LogRewritten
from read_models import codec, keys
from read_models.control import ControlDocument
from sidecar.delivery import Verdict
from sidecar.records import StoredDocument
from tests.projector.harness import REPORT, World, switch
from tests.projector.reading import check_accounts, check_figures, partitions_of
from tests.projector.world import MemoryLog
from tests.strategies import START, Request, value_of


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
    assert await world.engine.handle([record._replace(offset=9)]) is Verdict.RETRY
    assert "does not reach it yet" in str(world.engine.trouble)
    assert world.values == before


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

    async def switch_after(wanted: Collection[str], **_options: object) -> Mapping[str, StoredDocument]:
        found = await first(wanted)
        vars(world.state).pop("read", None)
        switch(world)
        return found

    vars(world.state)["read"] = switch_after
    await world.fold_all()
    assert "g2/learner/ada" in world.values
    assert "g1/learner/ada" not in world.values
