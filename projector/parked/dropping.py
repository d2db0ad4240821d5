"""A parked value is given up, with a reason that outlives the generations."""

import asyncio
import random
from dataclasses import dataclass
from typing import Final

from projector.errors import OnHold
from projector.generations import control_of
from projector.parked.errors import NothingParked
from projector.parked.reading import find_parked
from projector.parked.values import LogPosition, decided
from projector.targets import Serving
from read_models import codec, keys
from read_models.control import DecisionDocument
from read_models.documents import ParkedDocument
from sidecar.errors import SidecarUnavailable, StateConflict
from sidecar.records import Put
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter

ATTEMPTS: Final = 30
PAUSE_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Grounds:
    """Who decided about a value, when and why.

    Attributes:
        reason: in the words of whoever decided; not blank.
        by: who.
        at_ms: when, milliseconds since 1970 UTC.
    """

    reason: str
    by: str
    at_ms: int

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError("a value is dropped with a reason")


@dataclass(frozen=True, slots=True)
class Dropped:
    """That a value is dropped.

    Attributes:
        decision: that is in force.
        before: whether somebody had decided so before; their words stay.
    """

    decision: DecisionDocument
    before: bool


async def drop(position: LogPosition, grounds: Grounds, *, reader: StateReader, writer: StateWriter) -> Dropped:
    """Decide that what is parked at a position of the active generation is never to be looked at again.

    Its document stays in the generation, and every later one parks it again. The transaction re-writes the partition's
    document, so of a retry and a drop at once one sees what the other did.

    Raises:
        NothingParked: there is nothing.
        StateConflict: others keep writing the partition's document.
        ProjectorError: documents are missing.
        SidecarError: the state store does not answer; the same again finds out what became of it.
        UnreadableDocument: the store holds something that is no document of ours.
    """
    target = Serving()
    ours: DecisionDocument | None = None
    failure: Exception = StateConflict()
    for tried in range(1, ATTEMPTS + 1):
        found = await find_parked(reader, position)
        partition_key = keys.partition(found.generation, position.partition)
        parked_key = keys.parked(found.generation, position.partition, found.index)
        key = keys.decision(position.partition, position.offset)
        stored = await reader.read([keys.CONTROL, partition_key, parked_key, key])
        try:
            if target.generation(control_of(stored)[0]) != found.generation or partition_key not in stored:
                continue
        except OnHold:
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        if parked_key not in stored:
            raise NothingParked(generation=found.generation, partition=position.partition, offset=position.offset)
        document = codec.decode(stored[parked_key].value, ParkedDocument)
        before = codec.decode(stored[key].value, DecisionDocument) if key in stored else None
        if (in_force := decided(document, before)) is not None:
            return Dropped(in_force, before=in_force != ours)
        ours = DecisionDocument(
            position.partition, position.offset, document.sha256, grounds.reason, grounds.by, grounds.at_ms
        )
        accounts = stored[partition_key]
        try:
            await writer.transact(
                [
                    Put(partition_key, accounts.value, accounts.etag),
                    Put(key, codec.encode(ours), stored[key].etag if key in stored else None),
                ]
            )
        except StateConflict as conflict:
            failure = conflict
            await asyncio.sleep(random.uniform(0, 0.02) * min(tried, 5))  # noqa: S311 - spreads rivals, no secret
        except SidecarUnavailable as unsure:
            failure = unsure  # the next read tells whether it was written
        else:
            return Dropped(ours, before=False)
    raise failure
