"""Who builds a generation: begun, taken over, gone back to, given up; and what a lost answer leaves behind."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from projector.engine import Engine
from projector.errors import (
    AccountsBroken,
    ForeignFold,
    HistoryGone,
    LogMismatch,
    NothingToResume,
    ReplayUnderWay,
    RunReplaced,
    UnknownGeneration,
)
from projector.generations import ensure_control
from projector.replay import runs
from projector.replay.runs import Run, Runner, begin, give_up, reopen, resume
from projector.replay.switching import ask_for_quiet, try_switch
from projector.replay.takeover import Follower
from projector.targets import Target
from read_models import codec, keys
from read_models.control import ControlDocument, RunDocument
from read_models.documents import PartitionDocument
from sidecar.delivery import Verdict
from sidecar.errors import SidecarUnavailable, StateConflict
from sidecar.records import StoredDocument
from tests.projector.harness import REPORT, World
from tests.replay.stepping import Actor, SteppedLog, SteppedState, Steps
from tests.strategies import value_of

ELSEWHERE = Runner("elsewhere", 7)
OTHER = Runner("another", 8)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long; what is waited for is the same."""
    monkeypatch.setattr(runs, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(runs, "BEAT_SECONDS", 0.02)


@pytest.fixture
async def folded() -> World:
    """A world with a generation that serves, of a log that is not empty."""
    world = World()
    for number in range(5):
        world.log.append(number % 2, value_of(replace(REPORT, event_id=f"e-{number}")), "ada")
    await world.fold_all()
    return world


def control_of(world: World) -> ControlDocument:
    return codec.decode(world.values[keys.CONTROL], ControlDocument)


def amend(world: World, **changes: object) -> None:
    control = msgspec.structs.replace(control_of(world), **changes)
    world.state.documents[keys.CONTROL] = StoredDocument(codec.encode(control), f"amended: {sorted(changes)}")


async def begun(world: World, runner: Runner = ELSEWHERE) -> Run:
    return await begin(world.log, world.state, world.state, runner)


async def resumed(world: World, runner: Runner = OTHER) -> Run:
    return await resume(world.log, world.state, world.state, runner)


async def reopened(world: World, generation: int, runner: Runner = OTHER) -> Run:
    return await reopen(world.log, world.state, world.state, runner, generation)


async def built(world: World, run: Run) -> None:
    follower = Follower(world.log, world.state, world.state, run, lambda _: None)
    await follower.begin()
    await follower.catch_up()


async def switched(world: World, run: Run) -> None:
    await built(world, run)
    assert not await try_switch(world.state, world.state, run)


@asynccontextmanager
async def beating(world: World, run: str) -> AsyncIterator[None]:
    async def beat() -> None:
        number = 0
        while True:
            number += 1
            word = RunDocument(run, number)
            world.state.documents[keys.RUN] = StoredDocument(codec.encode(word), f"beat {number}")
            await asyncio.sleep(runs.BEAT_SECONDS)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_run_begins_with_an_empty_document_for_every_partition(folded: World) -> None:
    run = await begun(folded)
    control = control_of(folded)
    assert (run.generation, run.active) == (2, 1)
    assert (control.active, control.latest, set(control.folds)) == (1, 2, {"1", "2"})
    made = {key for key in folded.values if key.startswith("g2/")}
    assert made == {keys.partition(2, number) for number in range(folded.log.partitions)}


async def test_a_second_replay_is_told_who_runs_the_first(folded: World) -> None:
    run = await begun(folded)
    before = folded.values
    with pytest.raises(ReplayUnderWay) as dead:
        await begun(folded, OTHER)
    assert (dead.value.generation, dead.value.runner, dead.value.alive) == (2, str(ELSEWHERE), False)
    assert folded.values == before
    async with beating(folded, run.identity):
        for attempt in (begun(folded, OTHER), resumed(folded), reopened(folded, 2)):
            with pytest.raises(ReplayUnderWay) as alive:
                await attempt
            assert alive.value.alive
            assert str(ELSEWHERE) in str(alive.value)


async def test_of_two_that_begin_at_once_one_does(folded: World) -> None:
    ends = await asyncio.gather(begun(folded), begun(folded, OTHER), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["ReplayUnderWay", "Run"]
    assert set(control_of(folded).folds) == {"1", "2"}


async def test_signs_of_life_of_another_run_are_none_of_this_one(folded: World) -> None:
    await begun(folded)
    async with beating(folded, "long forgotten"):
        run = await resumed(folded)
    assert run.generation == 2


def waiting_process() -> "subprocess.Popen[bytes]":
    """One that lives until it is told something."""
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)


async def test_a_process_that_is_gone_from_this_machine_is_taken_over_at_once(
    folded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "SILENCE_SECONDS", 3600.0)
    process = waiting_process()
    here = replace(Runner.here(), pid=process.pid)
    first = await begun(folded, here)
    try:
        async with beating(folded, first.identity):
            with pytest.raises(ReplayUnderWay):
                await resumed(folded)
    finally:
        process.communicate(b"\n")
    second = await asyncio.wait_for(resumed(folded), 60)
    assert second.identity != first.identity
    assert second.generation == first.generation


async def test_a_process_that_lives_but_is_silent_is_another_one(folded: World) -> None:
    await begun(folded, Runner(Runner.here().host, os.getppid()))
    assert (await resumed(folded)).generation == 2


async def test_whoever_was_taken_over_changes_nothing_any_more(folded: World) -> None:
    first = await begun(folded)
    second = await resumed(folded)
    before = folded.values
    for attempt in (
        try_switch(folded.state, folded.state, first),
        ask_for_quiet(folded.state, folded.state, first),
        built(folded, first),
    ):
        with pytest.raises(RunReplaced):
            await attempt
    await give_up(folded.state, folded.state, first)
    assert folded.values == before
    await switched(folded, second)


async def test_nothing_is_resumed_where_nothing_was_left(folded: World) -> None:
    with pytest.raises(NothingToResume):
        await resumed(folded)
    await switched(folded, await begun(folded))
    with pytest.raises(NothingToResume):
        await resumed(folded)


async def test_what_was_given_up_is_kept_and_may_serve_later(folded: World) -> None:
    first = await begun(folded)
    for _ in range(2):
        await give_up(folded.state, folded.state, first)
    assert control_of(folded).building is None
    run = await reopened(folded, 2)
    await switched(folded, run)
    assert control_of(folded).active == 2


async def test_going_back_is_to_a_generation_that_there_is(folded: World) -> None:
    with pytest.raises(UnknownGeneration) as unknown:
        await reopened(folded, 5)
    assert unknown.value.known == (1,)
    await switched(folded, await begun(folded))
    folded.log.append(0, value_of(replace(REPORT, event_id="later")), "ada")
    await folded.fold_all()
    run = await reopened(folded, 1)
    assert await try_switch(folded.state, folded.state, run) == {0: len(folded.log.contents[0]) - 1}
    await switched(folded, run)
    assert control_of(folded).active == 1


async def test_going_back_waits_for_a_replay_of_another_generation(folded: World) -> None:
    await switched(folded, await begun(folded))
    run = await begun(folded)
    async with beating(folded, run.identity):
        with pytest.raises(ReplayUnderWay) as other:
            await reopened(folded, 1)
    assert other.value.generation == 3


async def test_going_back_gives_up_what_a_dead_replay_has_built_and_keeps_it(folded: World) -> None:
    await switched(folded, await begun(folded))
    await begun(folded)
    await switched(folded, await reopened(folded, 1))
    control = control_of(folded)
    assert (control.active, control.building, sorted(control.folds)) == (1, None, ["1", "2", "3"])
    await switched(folded, await reopened(folded, 3))
    assert control_of(folded).active == 3


async def test_a_generation_that_is_brought_back_is_not_resumed_as_a_replay(folded: World) -> None:
    await switched(folded, await begun(folded))
    await reopened(folded, 1)
    for resumption in (resumed, begun):
        with pytest.raises(ReplayUnderWay) as refused:
            await resumption(folded)
        assert "activate 1" in str(refused.value)
        assert "prune" not in str(refused.value)


async def test_what_came_to_serve_meanwhile_is_not_built_again(folded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is taken for dead switches while another is about to take it over."""
    first = await begun(folded)
    await built(folded, first)

    async def slowly(*ports: Any) -> ControlDocument:
        control = await ensure_control(*ports)
        assert not await try_switch(folded.state, folded.state, first)
        return control

    monkeypatch.setattr(runs, "ensure_control", slowly)
    with suppress(RunReplaced, NothingToResume):
        await resumed(folded)
    control = control_of(folded)
    assert control.active == 2
    assert control.building is None, "what serves is being built, and no replay can begin any more"


@pytest.mark.parametrize("way", ["resume", "reopen"])
async def test_another_fold_version_is_not_continued(folded: World, way: str) -> None:
    await begun(folded)
    amend(folded, folds={**control_of(folded).folds, "2": "another"})
    before = folded.values
    with pytest.raises(ForeignFold) as foreign:
        await (resumed(folded) if way == "resume" else reopened(folded, 2))
    assert foreign.value.theirs == "another"
    assert folded.values == before


async def test_a_number_is_never_given_twice(folded: World) -> None:
    run = await begun(folded)
    await give_up(folded.state, folded.state, run)
    # What is left when generation 2 was thrown away.
    amend(folded, folds={"1": control_of(folded).folds["1"]})
    for key in [key for key in folded.state.documents if key.startswith("g2/")]:
        del folded.state.documents[key]
    assert (await begun(folded)).generation == 3


async def test_from_a_log_that_has_lost_its_beginning_nothing_is_built(folded: World) -> None:
    folded.log.starts[1] = 1
    before = folded.values
    with pytest.raises(HistoryGone) as gone:
        await begun(folded)
    assert (gone.value.partition, gone.value.start) == (1, 1)
    assert folded.values == before


async def test_of_another_log_nothing_is_built(folded: World) -> None:
    run = await begun(folded)
    await give_up(folded.state, folded.state, run)
    folded.log.topic_id = "made anew"
    before = folded.values
    for attempt in (begun(folded), resumed(folded), reopened(folded, 2)):
        with pytest.raises(LogMismatch):
            await attempt
    assert folded.values == before


async def test_a_generation_that_lacks_a_document_is_not_taken(folded: World) -> None:
    await begun(folded)
    del folded.state.documents[keys.partition(2, 1)]
    with pytest.raises(AccountsBroken):
        await resumed(folded)


@pytest.mark.parametrize("fault", ["unavailable", "lost ack"])
async def test_begin_without_an_answer(folded: World, fault: str) -> None:
    folded.state.write_faults = [fault]
    with pytest.raises(SidecarUnavailable):
        await begun(folded)
    was_done = fault == "lost ack"
    assert (control_of(folded).building is not None) == was_done
    run = await (resumed(folded) if was_done else begun(folded))
    assert run.generation == 2
    await switched(folded, run)


@pytest.mark.parametrize("fault", ["unavailable", "lost ack"])
async def test_taking_over_without_an_answer(folded: World, fault: str) -> None:
    await begun(folded)
    folded.state.write_faults = [fault]
    with pytest.raises(SidecarUnavailable):
        await resumed(folded)
    await switched(folded, await resumed(folded))


@pytest.mark.parametrize("fault", ["unavailable", "lost ack"])
async def test_the_switch_may_be_repeated(folded: World, fault: str) -> None:
    run = await begun(folded)
    await built(folded, run)
    folded.state.write_faults = [fault]
    with pytest.raises(SidecarUnavailable):
        await try_switch(folded.state, folded.state, run)
    assert control_of(folded).active == (2 if fault == "lost ack" else 1)
    transactions = folded.state.transactions
    assert not await try_switch(folded.state, folded.state, run)
    assert folded.state.transactions == transactions + (fault == "unavailable")
    assert (control_of(folded).active, control_of(folded).building) == (2, None)


@pytest.mark.parametrize("fault", ["unavailable", "lost ack"])
async def test_asking_for_quiet_and_giving_up_may_be_repeated(folded: World, fault: str) -> None:
    run = await begun(folded)
    for step in (ask_for_quiet, give_up):
        folded.state.write_faults = [fault]
        with pytest.raises(SidecarUnavailable):
            await step(folded.state, folded.state, run)
        await step(folded.state, folded.state, run)
    assert (control_of(folded).building, control_of(folded).hold) == (None, "")


async def test_a_race_lost_changes_nothing(folded: World) -> None:
    run = await begun(folded)
    await built(folded, run)
    before = folded.values
    folded.state.write_faults = ["conflict"]
    with pytest.raises(StateConflict):
        await try_switch(folded.state, folded.state, run)
    assert folded.values == before
    await switched(folded, run)


async def test_a_race_lost_is_run_again(folded: World) -> None:
    folded.state.write_faults = ["conflict", "conflict"]
    run = await begun(folded)
    folded.state.write_faults = ["conflict", "conflict"]
    taken = await resumed(folded)
    assert taken.generation == run.generation == control_of(folded).latest


def in_hand(steps: Steps, live: Actor, target: Target | None) -> asyncio.Task[object]:
    """A projector with a batch that it has read, folded, and is about to write."""
    state = SteppedState(steps, live)
    engine = Engine(log=SteppedLog(steps, live), reader=state, writer=state, target=target)
    task = steps.start(live, engine.handle(steps.log.records(0)))
    while not (operation := steps.pending[0]).keys or keys.CONTROL in operation.keys:
        steps.step(operation)
    return task


def test_a_batch_in_hand_at_the_switch_goes_to_what_serves_then() -> None:
    world = World()
    world.log.append(0, value_of(REPORT), "ada")
    steps = Steps(world.log, world.state)
    try:
        task = in_hand(steps, steps.actor("live", live=True), None)

        async def replace_it() -> None:
            await switched(world, await begun(world))

        asyncio.run(replace_it())
        steps.drain(100)
        assert task.result() is Verdict.SETTLED
        before, after = (
            codec.decode(world.values[keys.partition(generation, 0)], PartitionDocument) for generation in (1, 2)
        )
        assert (before.checkpoint, after.checkpoint) == (-1, 0)
        assert keys.learner(1, "ada") not in world.values
        assert world.state.conflicts == 1
    finally:
        steps.close()


def test_what_a_run_had_in_hand_when_it_was_taken_over_is_not_written() -> None:
    world = World()
    world.log.append(0, value_of(REPORT), "ada")
    steps = Steps(world.log, world.state)
    try:
        first = asyncio.run(begun(world))
        task = in_hand(steps, steps.actor("first"), first.target())
        asyncio.run(resumed(world))
        before = world.values
        steps.drain(100)
        assert task.result() is Verdict.RETRY
        assert world.values == before
    finally:
        steps.close()
