"""The audit of sound accounts finds nothing, also under traffic; each kind of fault is found and named."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projector.errors import LogMismatch, UnknownGeneration
from projector.verification.audit import Audit, FaultKind, audit
from read_models import keys
from sidecar.delivery import Verdict
from sidecar.records import LogRecord
from tests.projector.harness import REPORT
from tests.verification.scenes import GARBAGE, Busy, Scene, items, run, small_documents


async def folded() -> Scene:
    """Three offsets in partition 0, of which two are parked, none in partition 1."""
    scene = Scene()
    for item in (GARBAGE[0], REPORT, GARBAGE[2]):
        scene.append(item)
    scene.found(1, 2)
    await scene.fold(1)
    await scene.fold(2)
    return scene


def change(scene: Scene, key: str, **members: Any) -> None:
    document = msgspec.json.decode(scene.state.documents[key].value)
    scene.put(key, msgspec.json.encode({**document, **members}))


def kinds(found: Audit) -> list[tuple[FaultKind, int | None]]:
    """What is wrong where; several figures that do not add up are one."""
    return list(dict.fromkeys((fault.kind, fault.partition) for fault in found.faults))


@given(items(), st.integers(0, 20))
def test_sound_accounts_have_no_fault(recorded: list[Any], later: int) -> None:
    scene = Scene()
    for item in recorded:
        scene.append(item)
    scene.found(1)

    async def step() -> None:
        await scene.fold(1)
        ends = {number: len(records) for number, records in scene.log.contents.items()}
        scene.log.committed = dict(ends)
        for _ in range(later):
            scene.append(b"not folded yet")
        found = await audit(scene.log, scene.state, 1, sums=True)
        assert found.sound, found.faults
        assert (found.behind, found.unsettled, found.active) == (later, (), True)
        assert {one.partition: one.checkpoint + 1 for one in found.partitions} == ends

    with small_documents():
        run(step())


@given(st.data(), items())
def test_traffic_makes_no_fault(data: st.DataObject, recorded: list[Any]) -> None:
    scene = Scene()
    scene.found(1)
    waiting = list(recorded)

    async def step() -> None:
        engine = scene.engine(1)
        await engine.establish()

        async def happens() -> None:
            for _ in range(data.draw(st.integers(0, 3))):
                if not waiting:
                    return
                scene.append(waiting.pop())
                for number in scene.log.contents:
                    assert await engine.handle(scene.log.records(number)) is Verdict.SETTLED
                    scene.log.committed[number] = len(scene.log.contents[number])

        await happens()
        found = await audit(scene.log, Busy(scene.state, happens), 1, sums=True)
        assert found.sound, found.faults

    with small_documents():
        run(step())


def record_changed(scene: Scene) -> None:
    old = scene.log.contents[0][2]
    assert old is not None
    scene.log.contents[0][2] = LogRecord(0, 2, None, b"another", old.appended_at_ms)


Damage = Callable[[Scene], object]
DAMAGES: Mapping[str, tuple[Damage, list[tuple[FaultKind, int | None]]]] = {
    "no document": (lambda s: s.state.documents.pop("g1/partition/1"), [(FaultKind.DOCUMENT_MISSING, 1)]),
    "no JSON": (lambda s: s.put("g1/partition/1", b"{"), [(FaultKind.DOCUMENT_UNREADABLE, 1)]),
    "one too many": (lambda s: change(s, "g1/partition/0", applied=2), [(FaultKind.DOES_NOT_ADD_UP, 0)]),
    "one moved": (
        lambda s: change(s, "g1/partition/0", applied=0, duplicate=2, missing=-1),
        [(FaultKind.DOES_NOT_ADD_UP, 0)],
    ),
    "checkpoint ahead": (
        lambda s: change(s, "g1/partition/0", checkpoint=3, missing=1),
        [(FaultKind.BEYOND_LOG, 0)],
    ),
    "log cut": (
        lambda s: s.log.contents[0].pop(),
        [(FaultKind.BEYOND_LOG, 0)],
    ),
    "log cut and grown": (record_changed, [(FaultKind.LOG_REWRITTEN, 0)]),
    "records removed": (lambda s: s.log.starts.update({0: 1}), [(FaultKind.HISTORY_GONE, 0)]),
    "parked value lost": (lambda s: s.state.documents.pop("g1/parked/0/1"), [(FaultKind.PARKED_MISCOUNTED, 0)]),
    "retried more than parked": (
        lambda s: change(s, "g1/partition/0", retried=1),
        [(FaultKind.PARKED_MISCOUNTED, 0)],
    ),
    "delivery ahead": (lambda s: s.log.committed.update({0: 4}), [(FaultKind.DELIVERY_AHEAD, 0)]),
    "a learner's figure": (
        lambda s: change(s, "g1/learner/ada", totals={"events": 1, "learners": 1}),
        [(FaultKind.SUMS_DIFFER, None)],
    ),
    "a learner lost": (
        lambda s: s.state.documents.pop("g1/learner/ada"),
        [(FaultKind.SUMS_DIFFER, None)],
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_each_fault_is_found_and_named(damage: str) -> None:
    scene = await folded()
    damaging, expected = DAMAGES[damage]
    damaging(scene)
    found = await audit(scene.log, scene.state, 1, sums=True)
    assert kinds(found) == expected
    assert not found.sound
    # The other generation is damaged only where it was the log that was.
    other = await audit(scene.log, scene.state, 2, sums=True)
    assert other.sound or "log" in damage or "records" in damage


async def test_delivery_is_only_the_serving_generations_business() -> None:
    scene = await folded()
    scene.log.committed = {0: 100}
    found = await audit(scene.log, scene.state, 2)
    assert found.sound
    assert not found.active


async def test_another_log_and_no_such_generation_are_refused() -> None:
    scene = await folded()
    with pytest.raises(UnknownGeneration):
        await audit(scene.log, scene.state, 3)
    scene.log.topic_id = "another"
    with pytest.raises(LogMismatch):
        await audit(scene.log, scene.state, 1)
    assert keys.CONTROL in scene.state.documents
