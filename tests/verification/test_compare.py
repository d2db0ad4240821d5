"""Sound generations are equal, however they were built; and whatever is changed in one of them is found."""

from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projector import fold as projector_fold
from projector import learner_fold
from projector.errors import HistoryGone, LogMismatch, UnknownGeneration
from projector.verification.compare import CompareOptions, compare_generations, compare_with_log
from projector.verification.findings import Comparison
from projector.verification.names import Kind
from sidecar.delivery import Verdict
from tests.projector.harness import REPORT
from tests.verification.scenes import Busy, Scene, items, mutations, run, small_documents

AT_ONCE = CompareOptions(pause_seconds=0, attempts=2, differences=1000)


def scene_of(recorded: list[Any], *, generations: tuple[int, ...] = (1, 2)) -> Scene:
    scene = Scene()
    for item in recorded:
        scene.append(item)
    scene.found(*generations)
    return scene


def suffixes(comparison: Comparison) -> set[str]:
    return {one.suffix for one in comparison.differences}


@given(items(), st.integers(1, 7))
def test_generations_built_in_different_pieces_are_equal_and_every_document_is_compared(
    recorded: list[Any], size: int
) -> None:
    scene = scene_of(recorded)

    async def step() -> None:
        await scene.fold(1)
        await scene.fold(2, order=(1, 0), records=size)
        for old, new in ((1, 2), (1, 1), (2, 1)):
            found = await compare_generations(scene.log, scene.state, old, new, options=AT_ONCE)
            assert found.equal, found.differences
            assert (found.documents, found.unsettled) == (len(scene.keys_of(1)), 0)
            assert sum(one.same for one in found.counts.values()) == found.documents
            assert found.old_sha256 == found.new_sha256 != f"{0:064x}"
            assert found.accepting == ""

    with small_documents():
        run(step())


@given(items())
def test_a_generation_is_equal_to_a_fresh_fold(recorded: list[Any]) -> None:
    scene = scene_of(recorded)

    async def step() -> None:
        await scene.fold(1, records=2)
        found = await compare_with_log(scene.log, scene.state, 1, options=AT_ONCE)
        assert found.equal, (found.differences, found.unequal_sums)
        assert (found.documents, found.unsettled) == (len(scene.keys_of(1)), 0)
        assert found.old_sha256 == found.new_sha256

    with small_documents():
        run(step())


@given(st.data(), items(most=8).filter(bool))
@settings(max_examples=150)
def test_whatever_is_changed_in_a_document_is_found(data: st.DataObject, recorded: list[Any]) -> None:
    scene = scene_of(recorded)

    async def step() -> None:
        await scene.fold(1)
        await scene.fold(2)
        key = data.draw(st.sampled_from(scene.keys_of(2)))
        before = scene.state.documents[key].value
        after = data.draw(st.none() | mutations(before))
        if after == before:
            return
        if after is None:
            del scene.state.documents[key]
        else:
            scene.put(key, after)
        suffix = key.removeprefix("g2/")
        with_log = await compare_with_log(scene.log, scene.state, 2, options=AT_ONCE)
        assert suffix in suffixes(with_log)
        for old, new in ((1, 2), (2, 1)):
            found = await compare_generations(scene.log, scene.state, old, new, options=AT_ONCE)
            # Where it is the checkpoint that was changed, nobody can tell it from a generation that is behind.
            behind = "partition" in suffix and found.unsettled and not suffixes(found)
            assert suffix in suffixes(found) or behind

    with small_documents():
        run(step())


@given(st.data(), items(most=12))
def test_traffic_never_makes_a_difference(data: st.DataObject, recorded: list[Any]) -> None:
    """Both generations go on between any two reads, and the log does, too."""
    scene = scene_of(recorded)
    further: list[Any] = data.draw(items(most=12))
    steps: list[tuple[int, int, int]] = data.draw(
        st.lists(st.tuples(st.sampled_from([1, 2]), st.integers(0, 1), st.integers(1, 4)), max_size=40)
    )

    async def step() -> None:
        engines = {number: scene.engine(number) for number in (1, 2)}
        await scene.fold(1)

        async def happens() -> None:
            for _ in range(data.draw(st.integers(0, 3))):
                grows: bool = data.draw(st.booleans())
                if further and grows:
                    scene.append(further.pop())
                if steps:
                    number, partition, count = steps.pop()
                    first = await engines[number].checkpoint(partition) + 1
                    batch = scene.log.records(partition, first, first + count)
                    assert await engines[number].handle(batch) is Verdict.SETTLED

        async def catch_up() -> None:
            await scene.fold(2)

        busy = Busy(scene.state, happens)
        turned = data.draw(st.permutations([1, 2]))
        for engine in engines.values():
            await engine.establish()
        found = await compare_generations(scene.log, busy, turned[0], turned[1], options=AT_ONCE, catch_up=catch_up)
        assert found.equal, found.differences
        with_log = await compare_with_log(scene.log, busy, data.draw(st.sampled_from([1, 2])), options=AT_ONCE)
        assert with_log.equal, with_log.differences
        assert with_log.unsettled == 0

    with small_documents():
        run(step())


@given(st.data(), items())
def test_learners_in_several_partitions_are_no_difference(data: st.DataObject, recorded: list[Any]) -> None:
    """Only foreign producers bring it about; which partition has what then depends on which was folded first."""
    scene = Scene(3)
    for item in recorded:
        scene.append(item, data.draw(st.integers(0, 2)))
        if data.draw(st.booleans()):
            scene.append(item, data.draw(st.integers(0, 2)))
    scene.found(1, 2)

    async def step() -> None:
        for number in (1, 2):
            await scene.fold(number, order=data.draw(st.permutations([0, 1, 2])), records=data.draw(st.integers(1, 9)))
        found = await compare_generations(scene.log, scene.state, 1, 2, options=AT_ONCE)
        assert found.equal, found.differences
        with_log = await compare_with_log(scene.log, scene.state, 2, options=AT_ONCE)
        assert with_log.equal, (with_log.differences, with_log.unequal_sums)
        assert found.unsettled == with_log.unsettled == 0

    with small_documents():
        run(step())


@pytest.mark.parametrize("missing", [1, 2])
async def test_holes_of_the_log_are_accounted_for(missing: int) -> None:
    scene = Scene()
    for _ in range(missing):
        scene.log.append_nothing(0)
    scene.append(b"not json")
    scene.log.append_nothing(0)
    scene.found(1)
    await scene.engine(1).catch_up(0)
    assert (await compare_with_log(scene.log, scene.state, 1, options=AT_ONCE)).equal


@given(items(most=10), st.integers(1, 9))
@settings(max_examples=30)
def test_what_no_message_carries_together_is_read_in_parts(recorded: list[Any], piece: int) -> None:
    """Down to two documents that are read one after the other."""
    scene = scene_of(recorded)

    async def step() -> None:
        await scene.fold(1, records=piece)
        await scene.fold(2)
        partitions = sum(len(scene.state.documents[key].value) for key in scene.keys_of(1) if "/partition/" in key)
        largest = max(len(one.value) for one in scene.state.documents.values())
        # All that must fit is the partitions of one side, a document, and its learner's.
        scene.state.max_bytes = partitions + 2 * largest
        found = await compare_generations(scene.log, scene.state, 1, 2, options=AT_ONCE)
        assert found.equal
        assert (found.documents, found.unsettled) == (len(scene.keys_of(1)), 0)
        with_log = await compare_with_log(scene.log, scene.state, 1, options=AT_ONCE)
        assert with_log.equal
        assert with_log.documents == len(scene.keys_of(1))

    with small_documents():
        run(step())


@pytest.mark.parametrize("gone", [1, 2, 5])
async def test_a_log_that_lost_its_beginning_can_not_be_compared_with(gone: int) -> None:
    scene = scene_of([b"not json"] * 6, generations=(1,))
    await scene.fold(1)
    scene.log.starts[0] = gone
    with pytest.raises(HistoryGone) as refused:
        await compare_with_log(scene.log, scene.state, 1, options=AT_ONCE)
    assert (refused.value.partition, refused.value.wanted, refused.value.start) == (0, 0, gone)


async def test_a_fold_that_raises_parks_its_event_in_the_fresh_fold_as_well() -> None:
    def faulty(*_: object) -> None:
        raise ZeroDivisionError

    scene = scene_of([REPORT, b"not json", replace(REPORT, event_id="e-2")], generations=(1,))
    with patch.object(learner_fold, "_fold_achievements", faulty):
        await scene.fold(1)
        found = await compare_with_log(scene.log, scene.state, 1, options=AT_ONCE)
        assert found.equal
        assert found.counts[Kind.PARKED].same == 3
    # Put right, the fold makes events of them: that is a difference.
    assert not (await compare_with_log(scene.log, scene.state, 1, options=AT_ONCE)).equal


async def test_what_the_surroundings_found_too_large_is_parked_in_the_fresh_fold_as_well() -> None:
    large = replace(REPORT, achievements=tuple(f"{number:0100}" for number in range(50)))
    scene = scene_of([large, replace(REPORT, event_id="e-2")], generations=(1,))
    scene.state.max_bytes = 5000
    with patch.object(projector_fold, "PARKED_INLINE_BYTES", 100):
        await scene.fold(1)
        scene.state.max_bytes = 10**6
        found = await compare_with_log(scene.log, scene.state, 1, options=AT_ONCE)
    assert found.equal, found.differences
    assert found.counts[Kind.PARKED].same == 1


async def test_generations_that_are_not_there_and_other_logs_are_refused() -> None:
    scene = scene_of([])
    with pytest.raises(UnknownGeneration):
        await compare_generations(scene.log, scene.state, 1, 3)
    with pytest.raises(UnknownGeneration):
        await compare_with_log(scene.log, scene.state, 3)
    scene.log.topic_id = "another"
    with pytest.raises(LogMismatch):
        await compare_with_log(scene.log, scene.state, 1)
