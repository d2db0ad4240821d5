"""Taking over while others go on building; and whose replay a generation was, for those who come back after its end."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import msgspec
import pytest
from typing_extensions import override

from projector.errors import RunReplaced
from projector.replay import amending, runs
from projector.replay.builder import BuildLimits
from projector.replay.runs import Run, Runner, begin, give_up, has_finished, partition_keys, resume
from projector.replay.shares import run_to_help
from projector.replay.switching import checkpoints
from read_models import codec, keys
from read_models.control import BuildingDocument, ControlDocument, LogIdentityDocument, RolloutDocument
from sidecar.errors import SidecarUnavailable
from sidecar.records import Delete, Put, StoredDocument
from tests.projector.harness import REPORT, World
from tests.projector.world import MemoryState
from tests.replay.test_runs import ELSEWHERE, OTHER, amend, begun, control_of, reopened, resumed, switched
from tests.replay.test_shares import builder_of
from tests.strategies import value_of

EVENTS = 60
JOB = "a-job"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long; what is waited for is the same."""
    monkeypatch.setattr(runs, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(runs, "BEAT_SECONDS", 0.01)


class Busy(MemoryState):
    """Something happens before each transaction that re-writes the documents of several partitions."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[], Awaitable[None]] | None = None

    @override
    async def transact(self, operations: Sequence[Put | Delete]) -> None:
        before = self.before
        if before is not None and sum("/partition/" in one.key for one in operations) > 1:
            self.before = None
            await before()
            self.before = before
        await super().transact(operations)


async def filled(state: MemoryState) -> World:
    world = World()
    world.state = state
    world.engine = world.new_engine()
    for number in range(EVENTS):
        world.log.append(number % 2, value_of(replace(REPORT, event_id=f"e-{number}")), "ada")
    await world.fold_all()
    return world


async def test_whoever_goes_on_building_does_not_keep_another_from_taking_over() -> None:
    """Of each race for a partition's document whoever builds it wins, for as long as it builds for the run before."""
    state = Busy()
    world = await filled(state)
    first = await begun(world)
    limits = BuildLimits(batch_records=1, flush_bytes=1)
    building = {number: builder_of(world, state, first.target(), limits, number) for number in (0, 1)}
    replaced: list[int] = []

    async def each_builds_one_more() -> None:
        reached = await checkpoints(state, first.generation)
        for number, one in building.items():
            try:
                await one.build(reached[number] + 2)
            except RunReplaced:
                replaced.append(number)

    state.before = each_builds_one_more
    second = await asyncio.wait_for(resumed(world), 60)
    state.before = None
    assert replaced == [0, 1]
    assert second.identity != first.identity
    await switched(world, second)


@pytest.mark.parametrize("attempts", [1, 3])
async def test_what_was_under_way_when_a_run_was_taken_over_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, attempts: int
) -> None:
    """Each of the partitions is written once more, one after the other."""
    monkeypatch.setattr(amending, "ATTEMPTS", attempts)
    state = Busy()
    world = await filled(state)
    await begun(world)
    under_way = partition_keys(control_of(world), 2)

    async def one_is_written() -> None:
        if under_way:
            key = under_way.pop()
            state.documents[key] = StoredDocument(state.documents[key].value, f"{key} written")

    state.before = one_is_written
    await resumed(world)
    assert not under_way
    assert not building_of(world).taking


def building_of(world: World) -> BuildingDocument:
    found = control_of(world).building
    assert found is not None
    return found


@pytest.mark.parametrize("way", [resumed, lambda world: reopened(world, 2)], ids=["resume", "activate"])
async def test_whoever_dies_while_taking_over_leaves_what_the_next_one_takes_over(
    way: Callable[[World], Awaitable[Run]],
) -> None:
    state = Busy()
    world = await filled(state)
    first = await begun(world)
    before = world.values

    async def dies() -> None:
        raise SidecarUnavailable("state store", "no answer, nothing written")

    state.before = dies
    with pytest.raises(SidecarUnavailable):
        await way(world)
    state.before = None
    marked = building_of(world)
    assert marked.taking
    assert marked.run != first.identity
    assert {key: value for key, value in world.values.items() if key != keys.CONTROL} == {
        key: value for key, value in before.items() if key != keys.CONTROL
    }
    assert await run_to_help(world.state) == "which takes over generation 2"
    with pytest.raises(RunReplaced):
        await builder_of(world, state, first.target(), BuildLimits()).build(1)
    run = await way(world)
    assert await run_to_help(world.state) == run
    await switched(world, run)


async def test_of_two_that_take_over_one_after_the_other_the_first_is_replaced() -> None:
    state = Busy()
    world = await filled(state)
    await begun(world)
    second: list[Run] = []

    async def another_comes() -> None:
        if not second:
            second.append(await resume(world.log, state, state, Runner("yet another", 9)))

    state.before = another_comes
    with pytest.raises(RunReplaced):
        await resumed(world)
    assert building_of(world).run == second[0].identity
    await switched(world, second[0])


async def test_whoever_is_replaced_while_taking_over_leaves_the_mark_of_the_next_one() -> None:
    state = Busy()
    world = await filled(state)
    await begun(world)

    async def another_comes_and_dies() -> None:
        state.before = None
        state.write_faults = ["", "unavailable"]
        with pytest.raises(SidecarUnavailable):
            await resume(world.log, state, state, Runner("yet another", 9))

    state.before = another_comes_and_dies
    with pytest.raises(RunReplaced):
        await resumed(world)
    state.before = None
    assert (building_of(world).host, building_of(world).taking) == ("yet another", True)
    await switched(world, await resumed(world))


def named(runner: Runner, job: str = JOB) -> Runner:
    return replace(runner, job=job)


async def test_whose_generation_has_taken_over_is_remembered() -> None:
    world = await filled(MemoryState())
    assert await has_finished(MemoryState(), JOB) is None
    run = await begun(world, named(ELSEWHERE))
    assert await has_finished(world.state, JOB) is None
    await switched(world, run)
    assert await has_finished(world.state, JOB) == 2
    for other in ("another", ""):
        assert await has_finished(world.state, other) is None
    await switched(world, await begun(world))
    assert await has_finished(world.state, JOB) == 3, "a replay without a name makes nobody forget"
    await switched(world, await begun(world, named(ELSEWHERE, "another")))
    assert await has_finished(world.state, JOB) is None
    assert await has_finished(world.state, "another") == 4


@pytest.mark.parametrize(("by", "of"), [("", JOB), ("another", "another")])
async def test_a_replay_that_is_resumed_without_a_name_keeps_the_one_it_had(by: str, of: str) -> None:
    world = await filled(MemoryState())
    await begun(world, named(ELSEWHERE))
    run = await resumed(world, named(OTHER, by))
    assert building_of(world).job == of
    await switched(world, run)
    assert await has_finished(world.state, of) == 2


async def test_what_was_given_up_has_not_finished_and_what_was_not_to_switch_has() -> None:
    world = await filled(MemoryState())
    await give_up(world.state, world.state, await begun(world, named(ELSEWHERE)))
    assert await has_finished(world.state, JOB) is None
    run = await begun(world, named(ELSEWHERE))
    for _ in range(2):
        await give_up(world.state, world.state, run, finished=True)
    assert await has_finished(world.state, JOB) == 1


async def test_what_projectors_have_yet_to_take_over_is_resumed() -> None:
    world = await filled(MemoryState())
    await switched(world, await begun(world, named(ELSEWHERE)))
    amend(world, rollout=RolloutDocument(2, 1))
    assert await has_finished(world.state, JOB) is None
    assert (await resumed(world, named(OTHER))).switched


async def test_a_name_that_is_used_again_is_one_that_has_not_finished() -> None:
    world = await filled(MemoryState())
    await switched(world, await begun(world, named(ELSEWHERE)))
    await begun(world, named(ELSEWHERE))
    assert await has_finished(world.state, JOB) is None


async def test_a_run_tells_its_shares() -> None:
    world = await filled(MemoryState())
    runner = replace(ELSEWHERE, shares=4)
    first = await begin(world.log, world.state, world.state, runner)
    assert (first.shares, building_of(world).shares) == (4, 4)
    assert (await resumed(world)).shares == 0
    assert (await resume(world.log, world.state, world.state, replace(OTHER, shares=3))).shares == 3


async def test_where_it_was_not_noted_how_far_shares_go_it_is_noted_when_taken_over() -> None:
    world = await filled(MemoryState())
    await begun(world)
    amend(world, building=msgspec.structs.replace(building_of(world), ends=()))
    world.log.append(0, value_of(REPORT), "ada")
    run = await resumed(world)
    assert run.ends == tuple(len(world.log.contents[number]) for number in range(world.log.partitions))


def test_control_of_an_older_program_and_of_a_newer_one_can_be_read() -> None:
    older = b'{"active":1,"log":{"topic_id":"t","partitions":2},"folds":{"1":"x"},"building":%s}'
    control = codec.decode(older % b'{"generation":2,"run":"r","host":"h","pid":1}', ControlDocument)
    assert control == ControlDocument(
        1, LogIdentityDocument("t", 2), {"1": "x"}, building=BuildingDocument(2, "r", "h", 1)
    )
    newer = codec.decode(older % b'{"generation":2,"run":"r","host":"h","pid":1,"yet_to_come":[1]}', ControlDocument)
    assert newer == control
