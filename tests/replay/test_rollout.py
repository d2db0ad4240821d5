"""After a switch to another fold version somebody folds until projectors of that version do, however often it ends."""

import asyncio
from dataclasses import replace

import pytest

from projector.errors import ForeignFold, NothingToResume, RolloutUnfinished
from projector.fold import FOLD_VERSION
from projector.replay.switching import checkpoints, try_switch
from projector.replay.takeover import Follower
from tests.projector.harness import REPORT, World
from tests.replay.test_runs import amend, begun, built, control_of, resumed
from tests.strategies import value_of

OLDER = f"before {FOLD_VERSION}"


@pytest.fixture
async def switched_over() -> World:
    """Generation 1 of an older fold version, and generation 2 of ours, which has just come to serve."""
    world = World()
    world.log.append(0, value_of(REPORT), "ada")
    world.log.append(1, value_of(replace(REPORT, event_id="e-2", learner_id="ben")), "ben")
    await world.fold_all()
    world.log.committed = {0: 1, 1: 1}
    amend(world, folds={"1": OLDER})
    run = await begun(world)
    await built(world, run)
    assert not await try_switch(world.state, world.state, run)
    return world


async def test_another_replay_has_to_wait_for_the_projectors(switched_over: World) -> None:
    with pytest.raises(RolloutUnfinished) as refused:
        await begun(switched_over)
    assert refused.value.generation == 2
    assert "--resume" in str(refused.value)


async def test_whoever_resumes_folds_until_projectors_have_committed(switched_over: World) -> None:
    world = switched_over
    run = await resumed(world)
    assert (run.generation, run.active, run.switched) == (2, 1, True)
    world.log.append(0, value_of(replace(REPORT, event_id="e-3")), "ada")
    follower = Follower(world.log, world.state, world.state, run, lambda _: None)
    waiting: list[dict[int, int]] = []
    following = asyncio.create_task(follower.until_relieved(lambda left: waiting.append(dict(left))))
    while not waiting:  # noqa: ASYNC110 - what is waited for is told by a function
        await asyncio.sleep(0)
    assert waiting[0] == {0: 1}
    assert not following.done()
    assert control_of(world).rollout is not None
    world.log.committed[0] = len(world.log.contents[0])  # as a projector that has settled it
    await asyncio.wait_for(following, 30)
    assert control_of(world).rollout is None
    reached = await checkpoints(world.state, 2)
    assert reached == {number: len(records) - 1 for number, records in world.log.contents.items()}
    with pytest.raises(NothingToResume):
        await resumed(world)
    assert (await begun(world)).generation == 3


async def test_a_program_of_the_older_version_does_not_go_on_with_it(switched_over: World) -> None:
    amend(switched_over, folds={"1": OLDER, "2": f"after {FOLD_VERSION}"})
    with pytest.raises(ForeignFold):
        await resumed(switched_over)


async def test_whoever_does_not_follow_leaves_nothing_to_resume() -> None:
    world = World()
    await world.fold_all()
    await world.engine.establish()
    amend(world, folds={"1": OLDER})
    run = await begun(world)
    await built(world, run)
    assert not await try_switch(world.state, world.state, run, follow=False)
    with pytest.raises(NothingToResume):
        await resumed(world)
