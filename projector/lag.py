"""Asking documents and log how far the one is behind the other; a projector that is gone is seen by it as well.

`measure` takes one look; `projector.lag_judging` says what looks mean. Nothing here comes from a projector's memory.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from projector.lag_judging import DocumentsSaid, LogSaid, Look
from projector.troubles import in_words
from read_models import codec, keys
from read_models.codec import UnreadableDocument
from read_models.control import ControlDocument
from read_models.documents import PartitionDocument
from read_models.seals import seal
from sidecar.errors import SidecarError, SidecarUnavailable
from sidecar.log_reader import LogReader
from sidecar.records import LogRecord, PartitionBounds
from sidecar.state_reader import StateReader

SOURCE_SECONDS: Final = 2.0
"""How long documents and log may each take to answer."""
_ATTEMPTS: Final = 5

T = TypeVar("T")


def now_in_ms() -> int:
    """The time by this machine's clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


async def measure(
    log: LogReader,
    reader: StateReader,
    *,
    generation: int | None = None,
    compare_seals: bool = False,
    source_seconds: float = SOURCE_SECONDS,
    now_ms: Callable[[], int] = now_in_ms,
    now_seconds: Callable[[], float] = time.monotonic,
) -> Look:
    """Ask the documents, then the log; what one of them can't say does not keep the other from being asked.

    In this order, what is appended or folded meanwhile makes the lag a little too large, and never too small. Takes
    twice `source_seconds` at the most, and raises nothing of what log or documents can raise: the look says it.

    Args:
        log: whose ends count.
        reader: of the documents.
        generation: to look at; the active one if none is given.
        compare_seals: whether to compare the last folded record of each partition with the log's, which tells a log
            that was restored and has grown again; one more read of the log a partition.
        source_seconds: how long each of the two may take; what has not answered then is unreadable. A log that answers,
            and has more partitions than it can be asked about in this time (Kafka: ten a second), leaves it open since
            when the first record of the others waits, and whether their last folded record is still the log's.
        now_ms: the time, in milliseconds since 1970.
        now_seconds: a clock that never goes back.
    """
    documents, said = DocumentsSaid(), LogSaid()
    failure = await _failure_of(_ask_documents(reader, generation, documents, _Until(source_seconds)))
    documents.unreadable = failure or documents.unreadable
    said.unreadable = await _failure_of(
        _ask_log(log, documents, said, _Until(source_seconds), compare_seals=compare_seals)
    )
    return Look(now_seconds(), now_ms(), said, documents)


class _Until:
    """A moment by which all that one source is asked must be answered."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = asyncio.get_running_loop().time() + seconds

    async def answer(self, asking: Awaitable[T]) -> T:
        """What is asked, or a `_NoAnswer`."""
        try:
            async with asyncio.timeout_at(self._end):
                return await asking
        except TimeoutError:
            raise _NoAnswer(self._seconds) from None


class _NoAnswer(Exception):
    """The time was over."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s")


async def _failure_of(asking: Awaitable[None]) -> str | None:
    try:
        await asking
    except _NoAnswer as failure:
        return str(failure)
    except (SidecarError, UnreadableDocument) as failure:
        return in_words(failure)
    return None


async def _ask_documents(reader: StateReader, generation: int | None, said: DocumentsSaid, until: "_Until") -> None:
    """Note the control document and, of the same snapshot, the partitions' documents of one generation."""
    stored = await until.answer(reader.read([keys.CONTROL]))
    for _ in range(_ATTEMPTS):
        if keys.CONTROL not in stored:
            said.control = None
            return
        control = said.control = codec.decode(stored[keys.CONTROL].value, ControlDocument)
        wanted = said.generation = control.active if generation is None else generation
        numbers = {keys.partition(wanted, number): number for number in range(control.log.partitions)}
        stored = await until.answer(reader.read([keys.CONTROL, *numbers]))
        if keys.CONTROL not in stored:
            continue
        again = codec.decode(stored[keys.CONTROL].value, ControlDocument)
        if (again.active == control.active or generation is not None) and again.log == control.log:
            said.control = again
            for key, number in numbers.items():
                if key in stored:
                    _note_accounts(said, number, stored[key].value)
            return
    raise SidecarUnavailable("state store", "the generation changed again and again while it was read")


def _note_accounts(said: DocumentsSaid, number: int, value: bytes) -> None:
    # One that can't be understood must not hide the others.
    try:
        said.accounts[number] = codec.decode(value, PartitionDocument)
    except UnreadableDocument as unreadable:
        said.unreadable = f"partition {number}: {in_words(unreadable)}"


async def _ask_log(
    log: LogReader, documents: DocumentsSaid, said: LogSaid, until: "_Until", *, compare_seals: bool
) -> None:
    said.identity = await until.answer(log.identity())
    said.bounds = await until.answer(log.bounds())
    if documents.control is None or said.differs_from(documents.control):
        return  # whatever is at these offsets, it is not what was folded
    within = {
        number: accounts
        for number, accounts in documents.accounts.items()
        if number in said.bounds and accounts.checkpoint < said.bounds[number].end
    }
    await _ask_for_records(log, within, said, until, compare_seals=compare_seals)


async def _ask_for_records(
    log: LogReader,
    within: Mapping[int, PartitionDocument],
    said: LogSaid,
    until: "_Until",
    *,
    compare_seals: bool,
) -> None:
    """Note what waits, then whose seals differ; as many as there is time for, if one question at least is answered."""
    answered = False
    sealed = [accounts for accounts in within.values() if accounts.as_of is not None] if compare_seals else []
    try:
        for number, accounts in within.items():
            bounds = said.bounds[number]
            if accounts.checkpoint + 1 == bounds.end:
                continue
            waiting = await until.answer(_first_record(log, number, accounts.checkpoint + 1, bounds))
            answered = True
            said.waiting[number] = None if waiting is None else waiting.appended_at_ms
        for accounts in sealed:
            if await until.answer(_is_rewritten(log, accounts)):
                said.rewritten.add(accounts.partition)
            answered = True
    except _NoAnswer:
        # One that does answer has more partitions than there is time to ask for.
        if not answered:
            raise


async def _first_record(log: LogReader, partition: int, first: int, bounds: PartitionBounds) -> LogRecord | None:
    """The first record from an offset on, of those that the log had when it told its bounds; holes are passed over."""
    while first < bounds.end:
        found = await _read_one(log, partition, first, bounds.end)
        if isinstance(found, LogRecord):
            return found
        if found <= first:
            raise SidecarUnavailable("log", f"partition {partition} ends before the end that it has told")
        first = found
    return None


async def _is_rewritten(log: LogReader, accounts: PartitionDocument) -> bool:
    """Whether the log holds another record than was folded last; one that was removed is not missed."""
    if accounts.as_of is None:
        return False
    offset = accounts.as_of.offset
    found = await _read_one(log, accounts.partition, offset, offset + 1)
    return isinstance(found, LogRecord) and seal(found.offset, found.appended_at_ms, found.value) != accounts.seal


async def _read_one(log: LogReader, partition: int, first: int, until: int) -> LogRecord | int:
    """The first record of a stretch, or else how far there is none."""
    try:
        found = await log.read(partition, first, until, max_records=1, max_bytes=1)
    except ValueError as gone:
        raise SidecarUnavailable("log", f"partition {partition} was there a moment ago, and is not now") from gone
    return found.records[0] if found.records else found.next_offset
