"""Parked events that were folded late stand elsewhere than events folded in their turn, and are no difference."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.envelope import RecordedEvent, decode
from events.errors import EventRejected, Reason
from projector import items as projector_items
from projector.fold import fold_late
from projector.items import Happened, decode_record
from projector.needs import needed_keys
from projector.verification import compare
from projector.verification.compare import CompareOptions, compare_generations, compare_with_log
from projector.verification.findings import Comparison
from projector.workspace import Workspace
from read_models import codec, keys
from read_models.documents import ParkedDocument, PartitionDocument
from sidecar.delivery import Verdict
from sidecar.records import StoredDocument
from tests.projector.harness import REPORT
from tests.projector.world import MemoryState
from tests.strategies import START, Request
from tests.verification.scenes import PARTITION_OF, Scene, items, mutations, run, small_documents

AT_ONCE = CompareOptions(pause_seconds=0, attempts=2, differences=1000)


@contextmanager
def refusing(event_ids: set[str]) -> Iterator[None]:
    """A decoder that does not know some events yet."""

    def not_all(value: bytes) -> RecordedEvent:
        event = decode(value)
        if event.event_id in event_ids:
            raise EventRejected(Reason.UPCAST_FAILED, "not known yet", fingerprint=event.fingerprint)
        return event

    with patch.object(projector_items, "decode", not_all):
        yield


def retry_all(scene: Scene, generation: int) -> int:
    """Fold what was parked and can be folded now, as an operator asks for it; returns how many those were."""
    retried = 0
    for key in [key for key in scene.keys_of(generation) if "/parked/" in key]:
        parked = codec.decode(scene.state.documents[key].value, ParkedDocument)
        record = scene.log.contents[parked.partition][parked.offset]
        assert record is not None
        item = decode_record(record)
        if not isinstance(item, Happened):
            continue
        workspace = Workspace()
        while wanted := needed_keys(workspace, generation, parked.partition, [item]):
            workspace.load(wanted, scene.state.documents)
        fold_late(workspace, generation, parked.partition, [item])
        for put in workspace.changes(keys.partition(generation, parked.partition)):
            scene.put(put.key, put.value)
        del scene.state.documents[key]
        note = keys.parked_event(generation, item.event.fingerprint)
        scene.state.documents.pop(note, None)
        retried += 1
    return retried


async def late_and_in_turn(data: st.DataObject, recorded: list[Any]) -> tuple[Scene, int]:
    """Generation 1 folded some late; generation 2 all in their turn. And how many were late."""
    scene = Scene()
    for item in recorded:
        scene.append(item)
    scene.found(1, 2)
    facts = [item for item in recorded if not isinstance(item, bytes)]
    late = data.draw(st.sets(st.sampled_from([fact.event_id for fact in facts]))) if facts else set()
    with refusing(late):
        await scene.fold(1)
    return scene, retry_all(scene, 1)


@given(st.data(), items())
def test_events_folded_late_are_no_difference(data: st.DataObject, recorded: list[Any]) -> None:
    async def step() -> None:
        scene, _ = await late_and_in_turn(data, recorded)
        # Generation 2 may still be on its way.
        engine = scene.engine(2)
        for number in range(2):
            batch = scene.log.records(number, 0, data.draw(st.integers(0, len(scene.log.contents[number]))))
            assert await engine.handle(batch) is Verdict.SETTLED
        for old, new in ((1, 2), (2, 1)):
            found = await compare_generations(scene.log, scene.state, old, new, options=AT_ONCE)
            assert found.equal, found.differences
        await scene.fold(2)
        found = await compare_generations(scene.log, scene.state, 1, 2, options=AT_ONCE)
        assert found.equal, found.differences
        assert found.unsettled == 0
        with_log = await compare_with_log(scene.log, scene.state, 1, options=AT_ONCE)
        assert with_log.equal, (with_log.differences, with_log.unequal_sums)

    with small_documents():
        run(step())


@given(st.data(), items(most=8).filter(lambda all_: any(not isinstance(one, bytes) for one in all_)))
def test_what_is_changed_in_lessons_and_lists_is_found_there_too(data: st.DataObject, recorded: list[Any]) -> None:
    async def step() -> None:
        scene, retried = await late_and_in_turn(data, recorded)
        await scene.fold(2)
        lists = [key for key in scene.keys_of(1) if key.startswith(("g1/catalogue/", "g1/lesson/", "g1/parked/"))]
        if not retried or not lists:
            return
        key = data.draw(st.sampled_from(lists))
        before = scene.state.documents[key].value
        after = data.draw(mutations(before))
        if after == before or _differ_in_order_only(before, after):
            return
        scene.put(key, after)
        found = await compare_generations(scene.log, scene.state, 1, 2, options=AT_ONCE)
        kinds = {one.kind.value for one in found.differences}
        assert key.split("/")[1] in kinds, found

    with small_documents():
        run(step())


def _differ_in_order_only(before: bytes, after: bytes) -> bool:
    """Whether the change is one of what is not promised here: a place in a list, or bytes that JSON does not see."""
    try:
        one, other = (_without_places(codec_free(value)) for value in (before, after))
    except ValueError:
        return False
    return bool(one == other)


def codec_free(value: bytes) -> Any:
    """The JSON of a document, read by another reader than the code's."""
    return json.loads(value)


def _without_places(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _without_places(one) for name, one in node.items() if name != "index"}
    return [_without_places(one) for one in node] if isinstance(node, list) else repr(node)


async def test_an_event_that_is_still_parked_is_a_difference() -> None:
    scene = Scene()
    scene.append(REPORT)
    scene.found(1, 2)
    with refusing({REPORT.event_id}):
        await scene.fold(1)
    await scene.fold(2)
    found = await compare_generations(scene.log, scene.state, 1, 2, options=AT_ONCE)
    number = PARTITION_OF[REPORT.learner_id]
    assert {one.suffix for one in found.differences} >= {f"partition/{number}", f"parked/{number}/0", "learner/ada"}
    accounts = codec.decode(scene.state.documents[keys.partition(1, number)].value, PartitionDocument)
    assert (accounts.parked, accounts.retried) == (1, 0)


async def many_lessons(count: int) -> Scene:
    """Lessons of one learner, in a catalogue of many pages; in generation 1 the first of them was folded late."""
    scene = Scene()
    lessons = [Request(f"r-{number}", "ada", START, f"topic {number}", "beginner") for number in range(count)]
    for lesson in lessons:
        scene.append(lesson)
    scene.found(1, 2)
    with refusing({"r-0"}):
        await scene.fold(1)
    assert retry_all(scene, 1) == 1
    await scene.fold(2)
    return scene


async def compared(scene: Scene, how: str) -> Comparison:
    if how == "with the log":
        return await compare_with_log(scene.log, scene.state, 1, options=AT_ONCE)
    return await compare_generations(scene.log, scene.state, 1, 2, options=AT_ONCE)


@pytest.mark.parametrize("how", ["with the log", "with a generation"])
async def test_one_changed_entry_among_many_that_all_moved_is_named(how: str) -> None:
    with small_documents():
        scene = await many_lessons(9)
        assert (await compared(scene, how)).equal
        # By the retry every entry has moved by one place: other bytes on every page, and no difference.
        page = keys.catalogue(1, 0, 2)
        catalogue = json.loads(scene.state.documents[page].value)
        changed = catalogue["entries"][0]
        title = changed["summary"]["title"]
        changed["summary"]["title"] = "Another"
        gone = catalogue["entries"].pop()
        scene.put(page, json.dumps(catalogue).encode())
        found = await compared(scene, how)
    (pages,) = [one for one in found.differences if one.suffix == "catalogue/0/2"]
    assert [(one.path, one.old, one.new) for one in pages.changes] == [
        (("entries", changed["lesson_id"], "summary", "title"), '"Another"', f'"{title}"')
    ]
    missing = [one for one in found.differences if any(change.path[-1] == "(only in new)" for change in one.changes)]
    assert [change.path for one in missing for change in one.changes] == [
        ("entries", gone["lesson_id"], "(only in new)")
    ]
    assert not found.equal


class Counted(bytes):
    """A value of which is known how many are kept."""

    alive = 0
    most = 0

    def __init__(self, *_: object) -> None:
        Counted.alive += 1
        Counted.most = max(Counted.most, Counted.alive)

    def __del__(self) -> None:
        Counted.alive -= 1


class Counting:
    """A reader that counts which catalogue pages are kept."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def read(self, keys: Collection[str], *, confirm_absence: bool = True) -> Mapping[str, StoredDocument]:
        found = await self._state.read(keys, confirm_absence=confirm_absence)
        return {
            key: StoredDocument(Counted(one.value), one.etag) if "/catalogue/" in key else one
            for key, one in found.items()
        }


async def test_the_pages_of_a_catalogue_are_not_kept() -> None:
    at_once, pages = 2, 20
    with small_documents(), patch.multiple(compare, BATCH=at_once):
        scene = await many_lessons(2 * pages)
        scene.put(keys.catalogue(1, 0, 0), b'{"entries":[]}')
        Counted.most = 0
        found = await compare_generations(scene.log, Counting(scene.state), 1, 2, options=AT_ONCE)
    assert not found.equal
    sides, now_and_before = 2, 2
    assert 0 < Counted.most <= sides * now_and_before * at_once < 2 * pages
