"""A pruned generation leaves nothing behind, however often that was ended half-way, and nothing else is touched."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projector.errors import UnknownGeneration
from projector.prune import GenerationInTheMaking, GenerationServes, PruneReport, prune
from projector.verification.compare import CompareOptions, compare_with_log
from read_models import keys
from sidecar.errors import SidecarError
from tests.verification.scenes import Busy, PrunableState, Scene, items, mutations, run, small_documents

FAULTS = st.lists(st.sampled_from(["", "", "", "unavailable", "conflict", "lost ack"]), max_size=12)


def scene_of(recorded: list[Any], *generations: int, active: int) -> Scene:
    scene = Scene()
    scene.state = PrunableState()
    for item in recorded:
        scene.append(item)
    scene.found(*generations, active=active)
    return scene


def control_of(scene: Scene) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(scene.state.documents[keys.CONTROL].value)
    return found


def others(scene: Scene, generation: int) -> dict[str, bytes]:
    ignored = (f"g{generation}/", "g0/", keys.CONTROL)
    return {key: value for key, value in scene.state.values().items() if not key.startswith(ignored)}


async def until_done(scene: Scene, generation: int) -> list[PruneReport | Exception]:
    """Call it until it ends; what it said each time."""
    said: list[PruneReport | Exception] = []
    while True:
        try:
            said.append(await prune(scene.log, scene.state, scene.state, generation))
        except UnknownGeneration as gone:
            said.append(gone)
        except SidecarError as failure:
            said.append(failure)
            continue
        return said


@given(items(), FAULTS, FAULTS, st.sampled_from([1, 2]))
def test_nothing_is_left_whatever_ends_it_in_the_middle(
    recorded: list[Any], reading: list[str], writing: list[str], pruned: int
) -> None:
    scene = scene_of(recorded, 1, 2, active=3 - pruned)

    async def step() -> None:
        for number in (1, 2):
            await scene.fold(number)
        before, control = others(scene, pruned), control_of(scene)
        scene.state.read_faults, scene.state.write_faults = list(reading), list(writing)
        said = await until_done(scene, pruned)
        scene.state.read_faults, scene.state.write_faults = [], []
        assert scene.keys_of(pruned) == []
        assert others(scene, pruned) == before
        del control["folds"][str(pruned)]
        assert control_of(scene) == {**control, "latest": 2}
        if not any(reading) and not any(writing):
            assert len(said) == 1
        with pytest.raises(UnknownGeneration) as unknown:
            await prune(scene.log, scene.state, scene.state, pruned)
        assert unknown.value.known == (3 - pruned,)

    with small_documents():
        run(step())


@given(st.data(), items(most=8))
def test_damaged_documents_are_deleted_as_well(data: st.DataObject, recorded: list[Any]) -> None:
    """But for what only they tell of: nobody can know of a learner's further documents without the learner's own."""
    scene = scene_of(recorded, 1, 2, active=2)

    async def step() -> None:
        await scene.fold(1)
        keys_of = [key for key in scene.keys_of(1) if not key.startswith(("g1/learner/", "g1/parked/"))]
        key = data.draw(st.sampled_from(keys_of))
        damaged = data.draw(st.none() | mutations(scene.state.documents[key].value))
        if damaged is None:
            del scene.state.documents[key]
        else:
            scene.put(key, damaged)
        await prune(scene.log, scene.state, scene.state, 1)
        assert scene.keys_of(1) == []

    with small_documents():
        run(step())


async def test_it_says_what_it_deleted_and_when_it_goes_on() -> None:
    scene = scene_of([b"not json"] * 3, 1, 2, active=2)
    await scene.fold(1)
    count = len(scene.keys_of(1))
    # The note is written and taken away again by the same run.
    assert await prune(scene.log, scene.state, scene.state, 1) == PruneReport(1, count + 1, resumed=False)
    scene.found(1, 2, active=2)
    await scene.fold(1)
    scene.state.write_faults = ["", "unavailable"]
    with pytest.raises(SidecarError):
        await prune(scene.log, scene.state, scene.state, 1)
    assert not any(key.startswith("g1/partition/") for key in scene.state.documents)
    assert keys.prune(1) in scene.state.documents
    again = await prune(scene.log, scene.state, scene.state, 1)
    assert again.resumed
    assert scene.keys_of(1) == []


async def test_what_serves_is_built_or_is_not_there_is_refused() -> None:
    scene = scene_of([], 1, 2, 4, active=2)
    scene.put(
        keys.CONTROL,
        msgspec.json.encode({**control_of(scene), "building": {"generation": 4, "run": "r", "host": "h", "pid": 1}}),
    )
    before = scene.state.values()
    with pytest.raises(GenerationServes) as serves:
        await prune(scene.log, scene.state, scene.state, 2)
    assert serves.value.generation == 2
    with pytest.raises(GenerationInTheMaking) as made:
        await prune(scene.log, scene.state, scene.state, 4)
    assert made.value.generation == 4
    # Both are commands that there are.
    assert "`learnflow replay --resume`" in str(made.value)
    assert "`learnflow generations prune 4`" in str(made.value)
    with pytest.raises(UnknownGeneration) as unknown:
        await prune(scene.log, scene.state, scene.state, 3)
    assert unknown.value.known == (1, 2, 4)
    assert scene.state.values() == before


async def test_no_number_is_given_twice() -> None:
    scene = scene_of([], 1, 2, 4, active=2)
    await prune(scene.log, scene.state, scene.state, 4)
    assert control_of(scene)["latest"] == 4
    await prune(scene.log, scene.state, scene.state, 1)
    assert control_of(scene) == {**control_of(scene), "latest": 4, "folds": {"2": control_of(scene)["folds"]["2"]}}


async def test_a_switch_to_the_generation_at_the_same_moment_wins_or_loses_whole() -> None:
    for moment in range(8):
        scene = scene_of([b"not json"], 1, 2, active=2)
        await scene.fold(1)
        control = scene.state.documents[keys.CONTROL].value
        seen = 0

        async def happens(moment: int = moment, scene: Scene = scene, control: bytes = control) -> None:
            nonlocal seen
            seen += 1
            if seen == moment and "g1/partition/0" in scene.state.documents:
                scene.put(keys.CONTROL, msgspec.json.encode({**msgspec.json.decode(control), "active": 1}))

        busy = Busy(scene.state, happens)
        try:
            await prune(scene.log, busy, scene.state, 1)
        except GenerationServes:
            found = await compare_with_log(scene.log, scene.state, 1, options=CompareOptions(pause_seconds=0))
            assert found.equal
            assert keys.prune(1) not in scene.state.documents
        else:
            assert scene.keys_of(1) == []
            assert control_of(scene)["active"] == 2


async def test_two_at_once_end_with_nothing_left() -> None:
    scene = scene_of([b"not json"] * 30, 1, 2, active=2)
    await scene.fold(1)
    both = await asyncio.gather(
        *(prune(scene.log, scene.state, scene.state, 1) for _ in range(2)), return_exceptions=True
    )
    assert any(isinstance(one, PruneReport) for one in both)
    assert all(isinstance(one, PruneReport | UnknownGeneration) for one in both), both
    assert scene.keys_of(1) == []
