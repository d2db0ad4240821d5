"""Parked values are found: all of them, oldest first, or the one of a position. Nothing is written."""

import heapq
from collections.abc import AsyncIterator, Sequence
from typing import Final

from projector.errors import UnknownGeneration
from projector.generations import accounts_of, control_of, read_control
from projector.parked.errors import NothingParked
from projector.parked.values import LogPosition, ParkedValue, decided
from read_models import codec, keys
from read_models.control import DecisionDocument
from read_models.documents import ParkedDocument, PartitionDocument
from sidecar.errors import MessageTooLarge
from sidecar.records import StoredDocument
from sidecar.state_reader import StateReader

WINDOW: Final = 64
"""Documents that are read at once, at most; where values are large, fewer."""
WINDOW_BYTES: Final = 4 * 1024 * 1024
"""What such documents may have together before fewer are read, also where a sidecar would carry more."""


async def accounts(reader: StateReader, generation: int | None = None) -> tuple[int, list[PartitionDocument]]:
    """A generation, none given the active one, and the documents of its partitions by number.

    Raises:
        UnknownGeneration: there is none of this number.
        AccountsBroken: nothing was projected yet, or a document is missing.
        SidecarError: the state store does not answer.
        UnreadableDocument: the store holds something that is no document of ours.
    """
    control = await read_control(reader)
    while True:
        wanted = control.active if generation is None else generation
        if str(wanted) not in control.folds:
            raise UnknownGeneration(wanted, [int(number) for number in control.folds])
        partitions = [keys.partition(wanted, number) for number in range(control.log.partitions)]
        stored = await reader.read([keys.CONTROL, *partitions])
        control, _ = control_of(stored)
        if generation is not None or control.active == wanted:
            return wanted, accounts_of(stored, partitions)


async def parked_values(reader: StateReader, generation: int | None = None) -> AsyncIterator[ParkedValue]:
    """What is parked in a generation, none given the active one: oldest first by the log's time, dropped ones too.

    It reads in bounded batches and holds one for each partition. What is parked after it began is left out.

    Raises:
        UnknownGeneration: there is none of this number.
        AccountsBroken: nothing was projected yet, or a document is missing.
        SidecarError: the state store does not answer.
        UnreadableDocument: the store holds something that is no document of ours.
    """
    number, partitions = await accounts(reader, generation)
    streams = {one.partition: parked_in(reader, number, one) for one in partitions}
    waiting: list[tuple[int, LogPosition, ParkedValue]] = []

    async def advance(partition: int) -> None:
        value = await anext(streams[partition], None)
        if value is not None:
            heapq.heappush(waiting, (value.document.appended_at_ms, value.position, value))

    for partition in streams:
        await advance(partition)
    while waiting:
        _, position, value = heapq.heappop(waiting)
        yield value
        await advance(position.partition)


async def parked_in(reader: StateReader, generation: int, partition: PartitionDocument) -> AsyncIterator[ParkedValue]:
    """What is parked in one partition, in the order of the log; dropped values too.

    Raises:
        SidecarError: the state store does not answer.
        UnreadableDocument: the store holds something that is no document of ours.
    """
    missed: list[int] = []
    left = partition.parked
    size = WINDOW
    first = 0
    # The accounts tell how many there are, so most of those that were retried need not be looked for.
    while left and first < partition.parkings:
        indices = range(first, min(first + size, partition.parkings))
        try:
            found = await _read(reader, generation, partition.partition, indices, confirm_absence=False)
        except MessageTooLarge:
            if size == 1:
                raise
            size //= 2
            continue
        missed += [index for index in indices if index not in found]
        for value in await _with_decisions(reader, generation, found):
            left -= 1
            yield value
        first = indices.stop
        heavy = sum(len(one.value or "") for one in found.values()) > WINDOW_BYTES
        size = max(1, size // 2) if heavy else min(size * 2, WINDOW)
    # Retried meanwhile; or a store that lost its connections took for absent what is there: asked to make sure, it
    # does not.
    for index in missed if left else []:
        found = await _read(reader, generation, partition.partition, [index], confirm_absence=True)
        for value in await _with_decisions(reader, generation, found):
            yield value


async def find_parked(reader: StateReader, position: LogPosition, generation: int | None = None) -> ParkedValue:
    """The value that is parked at a position in a generation, none given in the active one; also a dropped one.

    Raises:
        NothingParked: there is none.
        UnknownGeneration: there is no generation of this number.
        AccountsBroken: nothing was projected yet, or a document is missing.
        SidecarError: the state store does not answer.
        UnreadableDocument: the store holds something that is no document of ours.
    """
    number, partitions = await accounts(reader, generation)
    index = None
    if position.partition < len(partitions):
        index = await index_of(reader, number, partitions[position.partition], position.offset)
    if index is not None:
        key = keys.decision(position.partition, position.offset)
        parked_key = keys.parked(number, position.partition, index)
        stored = await reader.read([parked_key, key])
        if parked_key in stored:
            document = codec.decode(stored[parked_key].value, ParkedDocument)
            return ParkedValue(number, index, document, decided(document, _decision(stored.get(key))))
    raise NothingParked(generation=number, partition=position.partition, offset=position.offset)


async def index_of(reader: StateReader, generation: int, partition: PartitionDocument, offset: int) -> int | None:
    """The index of the document of the value that is parked at an offset; `None` if there is none.

    Values are parked in the order of their offsets, so it is searched for by halves.

    Raises:
        SidecarError: the state store does not answer.
        UnreadableDocument: the store holds something that is no document of ours.
    """
    low, high = 0, partition.parkings
    while low < high:
        middle = (low + high) // 2
        found = await _first_from(reader, generation, partition.partition, middle, high)
        if found is None:
            high = middle
            continue
        index, document = found
        if document.offset == offset:
            return index
        if document.offset < offset:
            low = index + 1
        else:
            high = middle
    return None


async def _first_from(
    reader: StateReader, generation: int, partition: int, first: int, until: int
) -> tuple[int, ParkedDocument] | None:
    """The first document of `first <= index < until` that has not been retried."""
    size = 1
    while first < until:
        indices = range(first, min(first + size, until))
        try:
            found = await _read(reader, generation, partition, indices, confirm_absence=True)
        except MessageTooLarge:
            if size == 1:
                raise
            size = 1
            continue
        if found:
            return min(found.items(), key=lambda one: one[0])
        first, size = indices.stop, min(size * 2, WINDOW)
    return None


async def _read(
    reader: StateReader, generation: int, partition: int, indices: Sequence[int], *, confirm_absence: bool
) -> dict[int, ParkedDocument]:
    by_key = {keys.parked(generation, partition, index): index for index in indices}
    stored = await reader.read(by_key.keys(), confirm_absence=confirm_absence)
    return {index: codec.decode(stored[key].value, ParkedDocument) for key, index in by_key.items() if key in stored}


async def _with_decisions(reader: StateReader, generation: int, found: dict[int, ParkedDocument]) -> list[ParkedValue]:
    if not found:
        return []
    by_index = {index: keys.decision(one.partition, one.offset) for index, one in found.items()}
    # Nearly all are absent, and confirming each would cost more than all the rest. At worst a dropped value shows up
    # in a list as if it had not been; whoever retries looks again.
    stored = await reader.read(by_index.values(), confirm_absence=False)
    return [
        ParkedValue(generation, index, document, decided(document, _decision(stored.get(by_index[index]))))
        for index, document in sorted(found.items(), key=lambda one: one[0])
    ]


def _decision(stored: StoredDocument | None) -> DecisionDocument | None:
    return None if stored is None else codec.decode(stored.value, DecisionDocument)
