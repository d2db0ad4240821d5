"""A parked value is given up once, by one, with a reason, and a retry at the same time never crosses with it."""

import asyncio
from dataclasses import replace

import pytest

from projector.parked import dropping
from projector.parked.dropping import Grounds
from projector.parked.errors import NothingParked
from read_models import codec, keys
from read_models.control import DecisionDocument
from sidecar.errors import SidecarUnavailable, StateConflict
from tests.parked.harness import GROUNDS, accounted, change_control, drop_in, listed, retry_everything, retry_named
from tests.parked.newer import newer_value_of
from tests.projector.harness import REPORT, World, switch
from tests.projector.reading import check_figures


@pytest.fixture
async def world() -> World:
    """With one event that is parked, at 0:0."""
    world = World()
    world.log.append(0, newer_value_of(REPORT), "ada")
    await world.fold_all()
    return world


async def test_a_drop_writes_down_what_why_by_whom_and_when(world: World) -> None:
    before = world.values
    (parked,) = await listed(world)
    dropped = await drop_in(world, "0:0")
    assert not dropped.before
    assert world.values.keys() - before.keys() == {keys.decision(0, 0)}
    assert {key: world.values[key] for key in before} == before
    assert codec.decode(world.values[keys.decision(0, 0)], DecisionDocument) == DecisionDocument(
        0, 0, parked.document.sha256, GROUNDS.reason, GROUNDS.by, GROUNDS.at_ms
    )


async def test_dropping_again_changes_nothing_and_names_who_did(world: World) -> None:
    first = await drop_in(world, "0:0")
    before = world.values
    again = await drop_in(world, "0:0", Grounds("another reason", "otto", 1))
    assert (again.before, again.decision) == (True, first.decision)
    assert world.values == before


async def test_where_nothing_is_parked_nothing_is_dropped(world: World) -> None:
    for position in ("0:1", "1:0", "7:0"):
        with pytest.raises(NothingParked):
            await drop_in(world, position)
    await retry_named(world, "0:0")
    with pytest.raises(NothingParked):
        await drop_in(world, "0:0")
    assert not any(key.startswith("decision/") for key in world.values)


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_there_is_no_drop_without_a_reason(reason: str) -> None:
    with pytest.raises(ValueError, match="with a reason"):
        Grounds(reason, "olga", 0)


async def test_a_later_generation_parks_it_again_and_the_decision_holds(world: World) -> None:
    decision = (await drop_in(world, "0:0")).decision
    later = World()
    later.log = world.log
    later.state.documents[keys.decision(0, 0)] = world.state.documents[keys.decision(0, 0)]
    later.engine = later.new_engine()
    await later.fold_all()
    assert [one.decision for one in await listed(later)] == [decision]
    assert await retry_everything(later) == {}


async def test_a_generation_that_takes_over_is_the_one_looked_at(world: World) -> None:
    switch(world)
    await retry_named(world, "0:0")
    with pytest.raises(NothingParked) as caught:
        await drop_in(world, "0:0")
    assert caught.value.generation == 2


@pytest.mark.parametrize("fault", ["conflict", "unavailable", "lost ack"])
async def test_a_transaction_of_unknown_end_is_told_apart_by_reading_again(world: World, fault: str) -> None:
    world.state.write_faults = [fault]
    dropped = await drop_in(world, "0:0")
    assert (dropped.before, dropped.decision.reason) == (False, GROUNDS.reason)
    assert keys.decision(0, 0) in world.values


@pytest.mark.parametrize(("fault", "failure"), [("unavailable", SidecarUnavailable), ("conflict", StateConflict)])
async def test_a_store_that_stays_away_is_an_error(
    world: World, fault: str, failure: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "ATTEMPTS", 3)
    world.state.write_faults = [fault] * 3
    with pytest.raises(failure):
        await drop_in(world, "0:0")
    assert keys.decision(0, 0) not in world.values


async def test_a_switch_that_asks_for_quiet_goes_first(world: World) -> None:
    change_control(world, hold="a switch")
    dropping_now = asyncio.create_task(drop_in(world, "0:0"))
    await asyncio.sleep(0.3)
    assert keys.decision(0, 0) not in world.values
    change_control(world, hold="")
    assert not (await dropping_now).before


@pytest.mark.parametrize("head_start", range(12))
async def test_of_a_drop_and_a_retry_at_once_one_sees_what_the_other_did(head_start: int) -> None:
    world = World()
    facts = [replace(REPORT, event_id=f"e-{number}", learner_id=f"l{number}") for number in range(3)]
    for fact in facts:
        world.log.append(0, newer_value_of(fact), fact.learner_id)
    await world.fold_all()

    async def drop_all() -> list[bool]:
        for _ in range(head_start):
            await asyncio.sleep(0)
        dropped = []
        for number in range(3):
            try:
                await drop_in(world, f"0:{number}")
            except NothingParked:
                dropped.append(False)
            else:
                dropped.append(True)
        return dropped

    dropped, outcomes = await asyncio.gather(drop_all(), retry_everything(world))
    for number in range(3):
        assert dropped[number] is (outcomes.get(f"0:{number}") is None)
        assert dropped[number] is (keys.decision(0, number) in world.values)
        assert dropped[number] is (keys.learner(1, f"l{number}") not in world.values)
    assert accounted(world.values)["parked"] == sum(dropped)


async def test_two_who_drop_at_once_are_one_decision(world: World) -> None:
    results = await asyncio.gather(
        drop_in(world, "0:0", Grounds("one reason", "olga", 1)), drop_in(world, "0:0", Grounds("another", "otto", 2))
    )
    assert sorted(one.before for one in results) == [False, True]
    assert results[0].decision == results[1].decision


async def test_a_decision_is_taken_back_by_a_retry_that_names_the_value(world: World) -> None:
    await drop_in(world, "0:0")
    assert await retry_named(world, "0:0") == {"0:0": "applied"}
    assert keys.decision(0, 0) not in world.values
    check_figures(world.values, [REPORT], 2)
