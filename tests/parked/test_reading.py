"""Parked values are found, all and each, also among very many that are gone, and by a store that loses connections."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from projector.errors import AccountsBroken, UnknownGeneration
from projector.parked import reading
from projector.parked.errors import InvalidPosition, NothingParked, ValueGone
from projector.parked.reading import find_parked
from projector.parked.values import LogPosition, record_of
from sidecar.errors import MessageTooLarge
from sidecar.records import StoredDocument
from tests.parked.harness import drop_in, listed, retry_named
from tests.parked.newer import newer_value_of
from tests.projector.harness import REPORT, World, switch
from tests.projector.world import MemoryState


@pytest.fixture
def world() -> World:
    return World()


class Forgetful(MemoryState):
    """A store that takes the documents of some keys for absent, unless it is asked to make sure."""

    def __init__(self, state: MemoryState, forgotten: Collection[str]) -> None:
        super().__init__(documents=state.documents)
        self._forgotten = forgotten

    @override
    async def read(self, keys: Collection[str], *, confirm_absence: bool = True) -> Mapping[str, StoredDocument]:
        found = await super().read(keys, confirm_absence=confirm_absence)
        return {key: one for key, one in found.items() if confirm_absence or key not in self._forgotten}


async def park(world: World, positions: Collection[tuple[int, int]]) -> None:
    """Have garbage at these positions, and something that folds before each and between them."""
    for partition in range(world.log.partitions):
        wanted = {offset for number, offset in positions if number == partition}
        for offset in range(max(wanted, default=-1) + 1):
            value = newer_value_of(replace(REPORT, event_id=f"{partition}-{offset}"))
            world.log.append(partition, value if offset in wanted else value.replace(b".v2", b".v1"), "ada")
    await world.engine.establish()
    await world.fold_all()


async def test_all_are_listed_oldest_first(world: World) -> None:
    places = {(0, 0), (0, 3), (1, 1), (1, 2), (0, 1500)}
    await park(world, places)
    found = await listed(world)
    by_age = sorted(places, key=lambda place: world.log.records(*place)[0].appended_at_ms)
    assert [(one.position.partition, one.position.offset) for one in found] == by_age
    for one in found:
        (record,) = world.log.records(one.position.partition, one.position.offset, one.position.offset + 1)
        assert await record_of(world.log, one.document) == record
        assert one.decision is None


@given(st.data())
def test_each_is_found_and_no_other_however_many_are_gone(data: st.DataObject) -> None:
    places = data.draw(st.sets(st.integers(0, 40), min_size=1, max_size=30))
    gone = data.draw(st.sets(st.sampled_from(sorted(places))))
    world = World()

    async def run() -> None:
        await park(world, {(0, offset) for offset in places})
        await retry_named(world, *(f"0:{offset}" for offset in gone))
        for offset in range(43):
            position = LogPosition(0, offset)
            if offset in places - gone:
                assert (await find_parked(world.state, position)).position == position
            else:
                with pytest.raises(NothingParked):
                    await find_parked(world.state, position)
        assert [one.position.offset for one in await listed(world)] == sorted(places - gone)
        forgetful = Forgetful(world.state, [key for key in world.values if "/parked/" in key and int(key[-1]) % 2])
        found = [one async for one in reading.parked_values(forgetful)]
        assert {one.position.offset for one in found} == places - gone

    asyncio.run(run())


async def test_what_exceeds_a_message_is_read_in_smaller_parts(world: World) -> None:
    await park(world, {(0, offset) for offset in range(90)})
    largest = max(len(value) for value in world.values.values())
    world.state.max_bytes = 2 * largest
    assert len(await listed(world)) == 90
    assert (await find_parked(world.state, LogPosition(0, 17))).position.offset == 17
    world.state.max_bytes = 100
    with pytest.raises(MessageTooLarge):
        await listed(world)


async def test_very_many_are_read_in_bounded_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await park(world, {(partition, offset) for partition in (0, 1) for offset in range(300)})
    read = world.state.read
    most = 0

    async def noting(keys: Collection[str], **options: bool) -> Mapping[str, StoredDocument]:
        nonlocal most
        most = max(most, len(keys))
        return await read(keys, **options)

    monkeypatch.setattr(world.state, "read", noting)
    assert len(await listed(world)) == 600
    assert most == reading.WINDOW
    # Large ones in smaller batches, whatever a message may have.
    monkeypatch.setattr(reading, "WINDOW_BYTES", 1)
    sizes: list[int] = []

    async def noting_sizes(keys: Collection[str], **options: bool) -> Mapping[str, StoredDocument]:
        sizes.append(len(keys))
        return await read(keys, **options)

    monkeypatch.setattr(world.state, "read", noting_sizes)
    assert len(await listed(world)) == 600
    assert sizes.count(1) > 300


async def test_partitions_without_parked_values_are_not_searched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await park(world, {(0, offset) for offset in range(5)})
    await retry_named(world, *(f"0:{offset}" for offset in range(5)))
    monkeypatch.setattr(reading, "WINDOW", 0)
    assert await listed(world) == []


async def test_a_decision_shows_only_for_the_value_that_it_is_about(world: World) -> None:
    await park(world, {(0, 1)})
    decision = (await drop_in(world, "0:1")).decision
    (one,) = await listed(world)
    assert one.decision == decision
    assert (await find_parked(world.state, one.position)).decision == decision
    # A log made anew has another value there.
    other = World()
    other.state.documents["decision/0/1"] = world.state.documents["decision/0/1"]
    other.log.append(0, b"junk")
    other.log.append(0, b"other junk")
    await other.fold_all()
    assert [one.decision for one in await listed(other)] == [None, None]
    assert not (await drop_in(other, "0:1")).before
    assert [one.decision is None for one in await listed(other)] == [True, False]


async def test_another_generation_can_be_asked_for(world: World) -> None:
    await park(world, {(0, 0), (0, 1)})
    switch(world)
    await retry_named(world, "0:0")
    assert [str(one.position) for one in await listed(world)] == ["0:1"]
    assert [str(one.position) for one in await listed(world, 1)] == ["0:0", "0:1"]
    assert (await find_parked(world.state, LogPosition(0, 0), 1)).generation == 1
    with pytest.raises(UnknownGeneration):
        await listed(world, 3)


async def test_before_anything_was_projected_there_is_nothing_to_list(world: World) -> None:
    with pytest.raises(AccountsBroken):
        await listed(world)


async def test_a_value_that_the_log_has_lost_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projector.fold.PARKED_INLINE_BYTES", 1)
    await park(world, {(0, 0)})
    (one,) = await listed(world)
    assert (await record_of(world.log, one.document)).value == world.log.records(0)[0].value
    world.log.contents[0][0] = None
    with pytest.raises(ValueGone):
        await record_of(world.log, one.document)


@pytest.mark.parametrize("text", ["0:0", "3:1207", "1023:999999999999"])
def test_a_position_is_read_as_it_is_written(text: str) -> None:
    assert str(LogPosition.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "3", "3:", ":3", "3:x", "-1:2", "3:1207 ", "3:1:2", "\u0663:\u0661", "1:" + "9" * 30]
)
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(InvalidPosition):
        LogPosition.parse(text)
