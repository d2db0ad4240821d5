"""Which run a share joins, and what it makes sure of before it writes anything."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import msgspec
import pytest

from learnflow.replaying.options import ReplayOptions
from learnflow.replaying.replay import _Replay
from learnflow.settings import Settings
from learnflow.sidecar import ToolPorts
from projector.errors import LogRewritten
from projector.replay import runs
from projector.replay.builder import BuildLimits
from projector.replay.runs import Run, begin, give_up, resume
from projector.replay.shares import EndGone, OtherShares, Share, run_to_help
from projector.replay.switching import checkpoints
from tests.projector.harness import REPORT, World
from tests.replay.test_dealing import Nobody
from tests.replay.test_runs import ELSEWHERE, OTHER, amend, begun, built, control_of, resumed, switched
from tests.replay.test_shares import Crew, builder_of, helped
from tests.strategies import value_of

JOB = "a-job"
EVENTS = 12
LOOKS = 5


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long; what is waited for is the same."""
    monkeypatch.setattr(runs, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(runs, "BEAT_SECONDS", 0.01)


@pytest.fixture
async def folded() -> World:
    """A world with a generation that serves, of a log that is not empty."""
    world = World()
    for number in range(EVENTS):
        world.log.append(number % 2, value_of(replace(REPORT, event_id=f"e-{number}")), "ada")
    await world.fold_all()
    return world


async def a_while() -> None:
    """Long enough for some looks; whoever does what it should not has done so by then."""
    await asyncio.sleep(LOOKS * 0.01)


async def begun_as(world: World, job: str = "", shares: int = 0) -> Run:
    return await begin(world.log, world.state, world.state, replace(ELSEWHERE, job=job, shares=shares))


def without_ends(world: World) -> None:
    building = control_of(world).building
    assert building is not None
    amend(world, building=msgspec.structs.replace(building, ends=()))


async def test_a_share_with_a_name_lets_the_replay_of_another_pass(
    folded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = Crew(folded, [])
    theirs = await begun_as(folded, "another")
    assert isinstance(await run_to_help(folded.state, JOB), str)
    assert await run_to_help(folded.state) == theirs, "without a name it helps anybody"
    helper = asyncio.create_task(helped(folded, crew, monkeypatch, JOB))
    await a_while()
    assert crew.built == []
    await switched(folded, theirs)
    nameless = await begun_as(folded)
    await a_while()
    assert crew.built == []
    await switched(folded, nameless)
    mine = await begun_as(folded, JOB)
    outcome = await helper
    assert (outcome.generation, outcome.positions) == (4, EVENTS // 2)
    assert crew.built == [(mine.identity, 1, EVENTS // 2)]


async def test_a_share_whose_generation_another_job_goes_on_with_waits_for_what_becomes_of_it(
    folded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begun_as(folded, JOB)
    taken: asyncio.Future[Run] = asyncio.get_running_loop().create_future()

    async def taken_over() -> None:
        runner = replace(OTHER, job="another")
        taken.set_result(await resume(folded.log, folded.state, folded.state, runner))

    crew = Crew(folded, [taken_over])
    helper = asyncio.create_task(helped(folded, crew, monkeypatch, JOB))
    theirs = await taken
    await a_while()
    assert not helper.done()
    await built(folded, theirs)
    outcome = await helper
    assert (outcome.generation, crew.built) == (2, [])


async def test_a_share_waits_while_its_run_is_being_taken_over(folded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await begun_as(folded, JOB)
    marked = asyncio.Event()

    async def marks() -> None:
        building = control_of(folded).building
        assert building is not None
        amend(folded, building=msgspec.structs.replace(building, run="whoever takes over", taking=True))
        marked.set()

    crew = Crew(folded, [marks])
    helper = asyncio.create_task(helped(folded, crew, monkeypatch, JOB))
    await marked.wait()
    await a_while()
    assert not helper.done()
    following = await resumed(folded)
    assert (await helper).generation == run.generation
    assert crew.built == [(following.identity, 1, EVENTS // 2)]


async def test_a_share_does_not_hide_that_the_log_was_rewritten(folded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would write has a seal that fits the log as it is now: nobody would see any more that it was another."""
    run = await begun(folded)
    await builder_of(folded, folded.state, run.target(), BuildLimits(), 1).build(3)
    for record in folded.log.records(1):
        other = value_of(replace(REPORT, event_id=f"other-{record.offset}"))
        folded.log.contents[1][record.offset] = record._replace(value=other)
    before = folded.values
    with pytest.raises(LogRewritten):
        await helped(folded, Crew(folded, []), monkeypatch)
    assert folded.values == before
    with pytest.raises(LogRewritten):
        await resumed(folded)


async def test_a_share_checks_the_log_again_when_its_run_is_taken_over(
    folded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begun(folded)

    async def cut() -> None:
        await resumed(folded)
        del folded.log.contents[1][-1:]

    with pytest.raises(EndGone):
        await helped(folded, Crew(folded, [cut]), monkeypatch)


async def test_what_does_not_say_how_far_shares_go_is_not_taken_for_built(
    folded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begun(folded)
    without_ends(folded)
    assert "has to take over generation 2" in str(await run_to_help(folded.state))
    crew = Crew(folded, [])
    helper = asyncio.create_task(helped(folded, crew, monkeypatch))
    await a_while()
    assert not helper.done()
    run = await resumed(folded)
    assert (await helper).positions == EVENTS // 2
    assert crew.built == [(run.identity, 1, EVENTS // 2)]


async def test_a_share_is_refused_where_the_log_ends_before_it_does(
    folded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await begun_as(folded, shares=2)
    del folded.log.contents[1][-2:]
    crew = Crew(folded, [])
    with pytest.raises(EndGone) as helping_failed:
        await helped(folded, crew, monkeypatch)
    nothing: Any = None
    ports = ToolPorts(log_reader=folded.log, state_reader=folded.state, state_writer=folded.state, secrets=nothing)
    leading = _Replay(Settings(), ReplayOptions(share=Share(0, 2)), cast("Any", Nobody()), ports, run)
    with pytest.raises(EndGone) as leading_failed:
        await asyncio.wait_for(leading._build_share(Share(0, 2)), 60)
    for failed in (helping_failed.value, leading_failed.value):
        assert (failed.partition, failed.noted, failed.end) == (1, EVENTS // 2, EVENTS // 2 - 2)
    assert crew.built == []
    await give_up(folded.state, folded.state, run)


@pytest.mark.parametrize("count", [1, 3, 4])
async def test_a_share_of_another_number_of_shares_is_refused(
    folded: World, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    await begun_as(folded, shares=count)
    crew = Crew(folded, [])
    with pytest.raises(OtherShares) as refused:
        await helped(folded, crew, monkeypatch)
    assert (refused.value.share, refused.value.count) == (Share(1, 2), count)
    assert crew.built == []


@pytest.mark.parametrize("count", [0, 2])
async def test_a_share_is_built_where_its_number_is_counted_on_and_where_none_is(
    folded: World, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    await begun_as(folded, shares=count)
    assert (await helped(folded, Crew(folded, []), monkeypatch)).positions == EVENTS // 2
    assert (await checkpoints(folded.state, 2))[1] == EVENTS // 2 - 1
