"""What a comparison says of differences, and which of them somebody may accept."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projector import learner_fold
from projector.verification.acceptance import Acceptance, InvalidPattern
from projector.verification.compare import CompareOptions, compare_generations, compare_with_log
from projector.verification.findings import Comparison
from projector.verification.json_paths import MAPS, Change, changes
from projector.verification.names import Kind
from read_models import documents
from tests.projector.harness import REPORT
from tests.verification.scenes import Scene, run

LEARNERS: Final = ("ada", "cyd", "ben")
ORIGINAL = learner_fold._fold_progress


@contextmanager
def another_fold() -> Iterator[None]:
    """Folds that count time twice."""

    def twice(entry: Any, event: Any, data: Any, delta: Any) -> None:
        ORIGINAL(entry, event, data, delta)
        entry.time_spent_ms += data.time_spent_ms
        delta.time_spent_ms = 2 * data.time_spent_ms

    with patch.object(learner_fold, "_fold_progress", twice):
        yield


async def changed(*patterns: str, differences: int = 10) -> Comparison:
    scene = Scene()
    for learner in LEARNERS:
        scene.append(replace(REPORT, learner_id=learner, event_id=f"of {learner}"))
    scene.found(1, 2)
    await scene.fold(1)
    with another_fold():
        await scene.fold(2)
    options = CompareOptions(differences=differences, acceptance=Acceptance(patterns), pause_seconds=0)
    return await compare_generations(scene.log, scene.state, 1, 2, options=options)


async def test_a_new_fold_differs_exactly_where_it_was_changed() -> None:
    found = await changed()
    places = {(one.kind, one.path): one.documents for one in found.paths}
    assert places == {
        (Kind.LEARNER, "totals.time_spent_ms"): len(LEARNERS),
        (Kind.LEARNER, "days.*.time_spent_ms"): len(LEARNERS),
        (Kind.LEARNER, "lessons.*.time_spent_ms"): len(LEARNERS),
        (Kind.PARTITION, "totals.time_spent_ms"): 2,
    }
    assert not found.equal
    assert (found.rejected, found.accepted) == (5, 0)
    assert found.counts[Kind.LEARNER].different == len(LEARNERS)
    assert found.old_sha256 != found.new_sha256
    (ada,) = [one for one in found.differences if one.suffix == "learner/ada"]
    once = REPORT.time_spent_ms
    assert f"learner/ada  totals.time_spent_ms: {once} → {2 * once}" in ada.lines
    day = REPORT.at.date().isoformat()
    assert f"learner/ada  days.{day}.time_spent_ms: {once} → {2 * once}" in ada.lines


async def test_what_the_report_prints_accepts_what_it_found() -> None:
    options = (await changed()).accepting
    patterns = [word.strip("'") for word in options.split() if word != "--accept-differences"]
    accepted = await changed(*patterns)
    assert accepted.equal
    assert (accepted.rejected, accepted.accepted, accepted.accepting) == (0, 5, "")
    for left_out in patterns:
        fewer = await changed(*(pattern for pattern in patterns if pattern != left_out))
        assert not fewer.equal
        assert fewer.accepting == f"--accept-differences '{left_out}'"


@pytest.mark.parametrize("patterns", [("*",), ("learner:*", "partition:totals.*"), ("*:*time_spent_ms",)])
async def test_patterns_may_be_wide(patterns: tuple[str, ...]) -> None:
    assert (await changed(*patterns)).equal


@pytest.mark.parametrize("pattern", ["", "learner", "learner:", "leaner:*", ":totals", "g1/learner:*"])
def test_a_pattern_that_can_match_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern) as invalid:
        Acceptance([pattern])
    assert invalid.value.pattern == pattern


async def test_only_so_many_differences_are_kept_and_all_are_counted() -> None:
    found = await changed(differences=2)
    assert len(found.differences) == 2
    assert sum(one.documents for one in found.paths if one.path == "totals.time_spent_ms") == 5


async def test_a_missing_document_has_a_path_of_its_own() -> None:
    scene = Scene()
    scene.append(REPORT)
    scene.found(1, 2)
    await scene.fold(1)
    await scene.fold(2)
    del scene.state.documents["g2/learner/ada"]
    for (old, new), path in {(1, 2): "(only in old)", (2, 1): "(only in new)"}.items():
        for pattern, equal in {f"learner:{path}": True, "learner:totals.*": False}.items():
            options = CompareOptions(acceptance=Acceptance([pattern]), pause_seconds=0)
            found = await compare_generations(scene.log, scene.state, old, new, options=options)
            assert [(one.kind, one.path) for one in found.paths] == [(Kind.LEARNER, path)]
            assert found.equal is equal
    with_log = await compare_with_log(scene.log, scene.state, 2)
    assert with_log.counts[Kind.LEARNER].only_in_new == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, json_values)
def test_there_is_a_change_if_and_only_if_the_bytes_differ(one: Any, other: Any) -> None:
    old, new = msgspec.json.encode(one), msgspec.json.encode(other)
    assert bool(changes(old, new)) is (old != new)
    assert changes(old, old) == []
    assert len(changes(old, new)) == len(changes(new, old))
    for change in changes(old, new):
        assert change.path
        assert change.old != change.new or change.text.endswith(("(bytes)", "(order)")) or len(change.old) == 80


def test_an_id_that_is_put_in_between_is_one_change() -> None:
    old, new = b'{"counted":["a","c","d"]}', b'{"counted":["a","b","c","d"]}'
    assert changes(old, new) == [Change(("counted", "b"), "(absent)", '"b"')]
    assert [one.text for one in changes(b'["a","b"]', b'["b","a"]')] == ["(order)"]
    assert [one.text for one in changes(b'{"a": 1}', b'{"a":1}')] == ["(bytes)"]
    assert [one.text for one in changes(b'{"a":1}', b'{"a":')] == ["(not JSON)"]


def test_members_that_hold_ids_are_known() -> None:
    """Of every document that the folds write, so that no place is counted once an id."""
    shapes = [one for one in vars(documents).values() if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    maps = {
        field.encode_name
        for shape in shapes
        if not shape.__module__.endswith("control")
        for field in msgspec.structs.fields(shape)
        if "dict" in str(field.type)
    }
    assert maps
    assert maps <= MAPS


def test_a_learner_is_named_whole() -> None:
    async def step() -> None:
        found = await changed(differences=100)
        assert {f"learner/{learner}" for learner in LEARNERS} <= {one.suffix for one in found.differences}

    run(step())
