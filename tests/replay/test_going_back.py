"""Going back to a generation that lacks what was retried in the one that serves."""

from dataclasses import replace

import pytest

from projector.errors import RetriedElsewhere
from projector.replay import takeover
from projector.replay.switching import try_switch
from projector.replay.takeover import Follower
from read_models import codec, keys
from read_models.documents import LearnerDocument
from tests.parked.harness import retry_everything
from tests.parked.newer import newer_value_of
from tests.projector.harness import REPORT, World
from tests.replay.test_runs import begun, built, control_of, reopened, switched
from tests.strategies import value_of

NEWER = replace(REPORT, event_id="e-newer", learner_id="ben")


@pytest.fixture
async def retried(monkeypatch: pytest.MonkeyPatch) -> World:
    """Two generations park the same value; then a newer program retries it in the one that serves, the second."""
    monkeypatch.setattr(takeover, "FOLLOW_SECONDS", 0.0)
    world = World()
    world.log.append(0, newer_value_of(NEWER), "ben")
    world.log.append(1, value_of(REPORT), "ada")
    await world.fold_all()
    await switched(world, await begun(world))
    assert await retry_everything(world) == {"0:0": "applied"}
    return world


def events_of_ben(world: World) -> int:
    stored = world.values.get(keys.learner(control_of(world).active, "ben"))
    return 0 if stored is None else codec.decode(stored, LearnerDocument).totals.events


async def test_answers_do_not_lose_what_was_retried(retried: World) -> None:
    assert events_of_ben(retried) == 1
    run = await reopened(retried, 1)
    await built(retried, run)
    follower = Follower(retried.log, retried.state, retried.state, run, lambda _: None)
    with pytest.raises(RetriedElsewhere) as lacking:
        await follower.switch()
    assert (lacking.value.generation, lacking.value.values) == (1, 1)
    assert "--accept-parked" in str(lacking.value)
    assert control_of(retried).active == 2
    assert events_of_ben(retried) == 1


async def test_whoever_accepts_it_goes_back_and_can_retry_there(retried: World) -> None:
    run = await reopened(retried, 1)
    await built(retried, run)
    assert not await try_switch(retried.state, retried.state, run, accept_parked=True)
    assert events_of_ben(retried) == 0
    assert await retry_everything(retried) == {"0:0": "applied"}
    assert events_of_ben(retried) == 1


async def test_garbage_that_both_park_is_no_reason_to_stay(retried: World) -> None:
    run = await reopened(retried, 1)
    await built(retried, run)
    assert not await try_switch(retried.state, retried.state, run, accept_parked=True)
    assert await retry_everything(retried) == {"0:0": "applied"}
    retried.log.append(0, b"junk")
    await retried.fold_all()
    await switched(retried, await reopened(retried, 2))
    assert control_of(retried).active == 2
    assert events_of_ben(retried) == 1
