"""A retry among others: other versions and logs, generations that take over, operators and projectors at once."""

import asyncio
from collections.abc import Collection, Mapping

import pytest

from projector.errors import AccountsBroken, ForeignFold, LogMismatch
from projector.parked import retrying
from read_models import codec, keys
from read_models.documents import LearnerDocument, Position
from sidecar.records import StoredDocument
from tests.parked.harness import (
    accounted,
    change_control,
    parked_world,
    reports,
    retry_everything,
    retry_named,
)
from tests.projector.harness import REPORT, World, switch
from tests.projector.reading import check_figures, learner_of
from tests.projector.world import LOGGED_AT_MS
from tests.strategies import Report, value_of


async def test_nothing_is_folded_into_what_another_version_or_log_has_made(world: World) -> None:
    with pytest.raises(AccountsBroken):
        await retry_everything(world)
    await parked_world(world, [REPORT])
    before = world.values
    world.log.topic_id = "topic-2"
    with pytest.raises(LogMismatch):
        await retry_everything(world)
    world.log.topic_id = "topic-1"
    change_control(world, folds={"1": "another"})
    with pytest.raises(ForeignFold):
        await retry_named(world, "0:0")
    assert {key: one for key, one in world.values.items() if key != keys.CONTROL} == {
        key: one for key, one in before.items() if key != keys.CONTROL
    }


@pytest.mark.parametrize("reads", [1, 2, 3, 4])
@pytest.mark.parametrize("by_name", [True, False])
async def test_a_generation_that_takes_over_meanwhile_is_the_one_folded_into(
    world: World, reads: int, by_name: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await parked_world(world, [REPORT])
    before = {key: value for key, value in world.values.items() if key.startswith("g1/")}
    read = world.state.read
    asked = 0

    async def switching(wanted: Collection[str], **options: bool) -> Mapping[str, StoredDocument]:
        nonlocal asked
        found = await read(wanted, **options)
        asked += 1
        if asked == reads:
            switch(world)
        return found

    monkeypatch.setattr(world.state, "read", switching)
    outcomes = await (retry_named(world, "0:0") if by_name else retry_everything(world))
    assert asked > reads
    assert outcomes == {"0:0": "applied"}
    assert {key: value for key, value in world.values.items() if key.startswith("g1/")} == before
    learner = codec.decode(world.values[keys.learner(2, "ada")], LearnerDocument)
    assert learner.totals.events == 1


@pytest.mark.parametrize("reads", range(1, 7))
async def test_what_only_the_generation_that_takes_over_has_parked_is_folded_too(
    world: World, reads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = reports(2)
    await parked_world(world, facts)
    switch(world)
    change_control(world, active=1)
    await retry_named(world, "0:0")
    read = world.state.read
    asked = 0

    async def switching(wanted: Collection[str], **options: bool) -> Mapping[str, StoredDocument]:
        nonlocal asked
        found = await read(wanted, **options)
        asked += 1
        if asked == reads:
            change_control(world, active=2)
        return found

    monkeypatch.setattr(world.state, "read", switching)
    assert await retry_named(world, "0:0", "0:1") == {"0:0": "applied", "0:1": "applied"}
    learner = codec.decode(world.values[keys.learner(2, "ada")], LearnerDocument)
    assert learner.totals.events == len(facts)


async def test_a_switch_that_asks_for_quiet_goes_first(world: World) -> None:
    await parked_world(world, [REPORT])
    change_control(world, hold="a switch")
    retrying_now = asyncio.create_task(retry_named(world, "0:0"))
    await asyncio.sleep(0.3)
    assert accounted(world.values)["retried"] == 0
    change_control(world, hold="")
    assert await retrying_now == {"0:0": "applied"}


async def test_two_operators_at_once_have_one_effect(world: World) -> None:
    facts = reports(40)
    await parked_world(world, facts)
    positions = [f"0:{number}" for number in range(40)]
    one, other = await asyncio.gather(retry_everything(world), retry_named(world, *positions))
    folded = [[position for position, outcome in found.items() if outcome == "applied"] for found in (one, other)]
    assert sorted([*folded[0], *folded[1]]) == sorted(positions)
    assert {outcome for found in (one, other) for outcome in found.values()} <= {"applied", "taken", "not-parked"}
    check_figures(world.values, facts, 2)
    assert accounted(world.values)["retried"] == 40


async def test_retries_beside_a_live_projector_lose_nothing_and_count_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "BATCH_VALUES", 3)
    facts = reports(120)
    await parked_world(world, facts[:60])
    for fact in facts[60:]:
        world.log.append(0, value_of(fact), fact.learner_id)

    async def live() -> None:
        engine = world.new_engine(records=2)
        for offset in range(60, 120, 2):
            await engine.handle(world.log.records(0, offset, offset + 2))

    _, outcomes = await asyncio.gather(live(), retry_everything(world))
    assert list(outcomes.values()) == ["applied"] * 60
    await world.fold_all()
    assert world.state.conflicts > 0
    assert accounted(world.values)["applied"] == 120
    check_learner(world, facts)


def check_learner(world: World, facts: list[Report]) -> None:
    head = learner_of(world.values, "ada")
    assert head is not None
    assert head.totals.events == len(facts)
    assert head.totals.lessons_known == len({fact.lesson_id for fact in facts})
    assert head.totals.time_spent_ms == sum(fact.time_spent_ms for fact in facts)
    assert head.as_of == {"0": Position(119, LOGGED_AT_MS + 119)}
