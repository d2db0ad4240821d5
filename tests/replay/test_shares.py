"""Shares of a replay: who builds which partition, up to where, and whom those join who help."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from learnflow.replaying import helping
from learnflow.replaying.helping import ShareAbandoned, ShareOutcome
from learnflow.replaying.messages import Assignment
from learnflow.replaying.options import ReplayOptions
from learnflow.replaying.reporting import Lines
from learnflow.replaying.worker import Job
from learnflow.settings import Settings
from learnflow.sidecar import ToolPorts
from projector.fold import FOLD_VERSION
from projector.prune import prune
from projector.replay import builder, runs
from projector.replay.builder import BuildLimits, PartitionBuilder
from projector.replay.runs import Run, give_up
from projector.replay.shares import MOST_SHARES, NotAShare, Share, lacking, run_to_help
from projector.replay.switching import checkpoints, try_switch
from projector.targets import Built
from read_models import keys
from sidecar.errors import StateConflict
from sidecar.records import Delete, Put
from tests.projector.harness import REPORT, World
from tests.projector.world import MemoryState
from tests.replay.test_runs import amend, begun, built, reopened, resumed, switched
from tests.strategies import value_of


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long; what is waited for is the same."""
    monkeypatch.setattr(runs, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(runs, "BEAT_SECONDS", 0.01)


@pytest.fixture
async def folded() -> World:
    """A world with a generation that serves, of a log that is not empty."""
    world = World()
    for number in range(6):
        world.log.append(number % 2, value_of(replace(REPORT, event_id=f"e-{number}")), "ada")
    await world.fold_all()
    return world


@given(count=st.integers(1, MOST_SHARES), total=st.integers(1, 1024))
def test_each_partition_is_in_one_share_and_the_shares_are_even(count: int, total: int) -> None:
    dealt = [Share(index, count).partitions(total) for index in range(count)]
    assert sorted(number for share in dealt for number in share) == list(range(total))
    sizes = [len(share) for share in dealt]
    assert max(sizes) - min(sizes) <= 1
    for index, numbers in enumerate(dealt):
        assert [number for number in range(total) if Share(index, count).has(number)] == list(numbers)


@given(count=st.integers(1, MOST_SHARES), data=st.data())
def test_a_share_is_read_as_it_is_written(count: int, data: st.DataObject) -> None:
    share = Share(data.draw(st.integers(0, count - 1)), count)
    assert Share.parse(str(share)) == share
    assert share.leads == (share.index == 0)


@pytest.mark.parametrize(
    "text",
    ["", "1", "1/", "/2", "2/2", "0/0", "-1/2", "1/-2", "1/2/3", "1 / 2", "a/b", "0/1025", "\u0660/\u0662", "0/2\n"],
)
def test_what_is_no_share_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(NotAShare, match="such as 0/4"):
        Share.parse(text)


@given(ends=st.lists(st.integers(0, 5), max_size=6), data=st.data())
def test_what_a_generation_lacks_is_what_the_log_held_when_it_was_made(ends: list[int], data: st.DataObject) -> None:
    reached = {number: data.draw(st.integers(-1, 8)) for number in range(len(ends)) if data.draw(st.booleans())}
    left = lacking(Run(2, 1, "r", ends=tuple(ends)), reached)
    for number, end in enumerate(ends):
        accounted = set(range(reached.get(number, -1) + 1))
        assert (left.get(number) == end) == bool(set(range(end)) - accounted)


async def test_a_run_notes_where_the_log_ended_for_good(folded: World) -> None:
    first = await begun(folded)
    assert first.ends[:2] == (3, 3)
    assert len(first.ends) == folded.log.partitions
    folded.log.append(0, value_of(REPORT), "ada")
    second = await resumed(folded)
    assert second.identity != first.identity
    assert second.ends == first.ends


async def test_whoever_helps_joins_the_run_that_builds(folded: World) -> None:
    assert isinstance(await run_to_help(folded.state), str)
    first = await begun(folded)
    assert await run_to_help(folded.state) == first
    second = await resumed(folded)
    assert await run_to_help(folded.state) == second
    await give_up(folded.state, folded.state, second)
    assert isinstance(await run_to_help(folded.state), str)


async def test_whoever_helps_waits_where_there_is_nothing_to_help_with(folded: World) -> None:
    assert isinstance(await run_to_help(MemoryState()), str)
    run = await begun(folded)
    amend(folded, folds={"1": FOLD_VERSION, "2": "another"})
    assert isinstance(await run_to_help(folded.state), str)
    amend(folded, folds={"1": FOLD_VERSION, "2": FOLD_VERSION})
    await switched(folded, run)
    assert isinstance(await run_to_help(folded.state), str)
    await reopened(folded, 1)
    assert isinstance(await run_to_help(folded.state), str)


def builder_of(
    world: World, state: MemoryState, target: Built, limits: BuildLimits, partition: int = 0
) -> PartitionBuilder:
    return PartitionBuilder(
        partition,
        log=world.log,
        reader=state,
        writer=state,
        target=target,
        limits=limits,
        progress=lambda _: None,
        told=lambda _: None,
    )


class Raced(MemoryState):
    """Whoever is watched loses each race: whenever it writes a partition another has just done so."""

    def __init__(self) -> None:
        super().__init__()
        self.rival: PartitionBuilder | None = None
        self.until = 0
        self.lost = 0

    @override
    async def transact(self, operations: Sequence[Put | Delete]) -> None:
        rival, self.rival = self.rival, None
        if rival is not None:
            self.until += 1
            await rival.build(self.until)
            self.rival = rival
        try:
            await super().transact(operations)
        except StateConflict:
            self.lost += 1
            raise


@pytest.mark.parametrize("rival_step", [1, 3])
async def test_a_builder_that_loses_every_race_to_its_twin_goes_on(
    monkeypatch: pytest.MonkeyPatch, rival_step: int
) -> None:
    monkeypatch.setattr(builder, "CONFLICTS", 4)
    world = World()
    world.state = state = Raced()
    world.engine = world.new_engine()
    for number in range(40):
        world.log.append(0, value_of(replace(REPORT, event_id=f"e-{number}")), "ada")
    await world.fold_all()
    run = await begun(world)

    state.rival = builder_of(world, state, run.target(), BuildLimits(batch_records=rival_step, flush_bytes=1))
    loser = builder_of(world, state, run.target(), BuildLimits(batch_records=2, flush_bytes=1))
    await asyncio.wait_for(loser.build(40), 60)
    state.rival = None
    assert state.lost > 2 * builder.CONFLICTS
    assert (await checkpoints(state, 2))[0] == 39
    ours = {
        key[3:]: value for key, value in state.values().items() if key.startswith("g2/") and "/partition/" not in key
    }
    theirs = {
        key[3:]: value for key, value in state.values().items() if key.startswith("g1/") and "/partition/" not in key
    }
    assert ours == theirs
    assert state.values()[keys.partition(2, 0)] == state.values()[keys.partition(1, 0)]


@dataclass
class Crew:
    """Builds in this process what a share asks for; before each time something else happens, if it is to."""

    world: World
    meanwhile: list[Callable[[], Awaitable[object]]]
    built: list[tuple[str, int, int]] = field(default_factory=list)

    async def build(self, job: Job, assignments: Sequence[Assignment], *_: object, way_on: str) -> None:
        assert way_on == "learnflow replay --share 1/2"
        if self.meanwhile:
            await self.meanwhile.pop(0)()
        for one in assignments:
            target = Built(job.generation, job.run)
            await builder_of(self.world, self.world.state, target, BuildLimits(), one.partition).build(one.until)
            self.built.append((job.run, one.partition, one.until))


async def helped(world: World, crew: Crew, monkeypatch: pytest.MonkeyPatch, job: str = "") -> ShareOutcome:
    monkeypatch.setattr(helping, "build", crew.build)
    monkeypatch.setattr(helping, "LOOK_SECONDS", 0.01)
    nothing: Any = None
    ports = ToolPorts(log_reader=world.log, state_reader=world.state, state_writer=world.state, secrets=nothing)
    helper = helping._Helper(Settings(), ReplayOptions(job=job), Share(1, 2), Lines(), ports)
    return await asyncio.wait_for(helper.carry_out(), 60)


async def test_a_share_waits_for_a_generation_and_goes_on_under_the_run_that_took_it_over(
    folded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def later() -> None:
        await asyncio.sleep(0.1)
        await begun(folded)
        # What is appended now is none of a share's.
        folded.log.append(1, value_of(replace(REPORT, event_id="late")), "ada")

    crew = Crew(folded, [lambda: resumed(folded), lambda: resumed(folded)])
    outcome, _ = await asyncio.gather(helped(folded, crew, monkeypatch), later())
    assert (outcome.generation, outcome.partitions, outcome.positions) == (2, (1,), 3)
    run = await run_to_help(folded.state)
    assert isinstance(run, Run)
    assert crew.built == [(run.identity, 1, 3)]
    assert (await checkpoints(folded.state, 2))[1] == 2


@pytest.mark.parametrize("pruned", [False, True])
async def test_a_share_that_is_not_built_when_its_generation_is_given_up_fails(
    folded: World, monkeypatch: pytest.MonkeyPatch, pruned: bool
) -> None:
    run = await begun(folded)

    async def thrown_away() -> None:
        await give_up(folded.state, folded.state, run)
        if pruned:
            await prune(folded.log, folded.state, folded.state, 2)

    with pytest.raises(ShareAbandoned, match="generation 2 was given up before share 1/2 of it was built"):
        await helped(folded, Crew(folded, [thrown_away]), monkeypatch)


@pytest.mark.parametrize("way", ["given up", "switched"])
async def test_a_share_that_another_has_built_meanwhile_is_built(
    folded: World, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    run = await begun(folded)

    async def by_another() -> None:
        await built(folded, run)
        if way == "given up":
            await give_up(folded.state, folded.state, run)
        else:
            assert not await try_switch(folded.state, folded.state, run)

    outcome = await helped(folded, Crew(folded, [by_another]), monkeypatch)
    assert (outcome.generation, outcome.positions) == (2, 3)
