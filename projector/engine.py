"""The engine: a batch in, one transaction a piece out; every offset accounted for, once.

It is the same for live delivery and for replay; only where batches come from differs.
"""

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from events.errors import Reason
from projector.errors import AccountsBroken, FoldFault, HoleUnread, ProjectorError
from projector.fold import fold, needed_keys
from projector.generations import check_fold, check_log, establish
from projector.pieces import Decoder, Item, Missing, PieceLimits, Refused, cut
from projector.workspace import Workspace
from read_models import codec, keys
from read_models.codec import UnreadableDocument
from read_models.documents import ControlDocument, PartitionDocument
from sidecar.delivery import Verdict
from sidecar.errors import MessageTooLarge, SidecarError, StateConflict
from sidecar.log_reader import LogReader
from sidecar.records import LogRecord, StoredDocument
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter

logger = logging.getLogger(__name__)

CONFLICT_ATTEMPTS: Final = 5


class _GenerationSwitched(Exception):
    """`control` changed between two reads of one attempt."""


class _PieceTooLarge(Exception):
    """The sidecar does not carry the piece; `records` is how many it had."""

    def __init__(self, records: Sequence[LogRecord]) -> None:
        super().__init__(len(records))
        self.records = records


@dataclass(slots=True)
class _Loaded:
    """What an attempt has read."""

    control: ControlDocument
    control_etag: str
    workspace: Workspace


class Engine:
    """Folds batches into the active generation.

    Attributes:
        trouble: why the last batch, or the start, did not succeed; `None` if it did.
    """

    def __init__(
        self, *, log: LogReader, reader: StateReader, writer: StateWriter, limits: PieceLimits | None = None
    ) -> None:
        self._log = log
        self._reader = reader
        self._writer = writer
        self._limits = limits or PieceLimits()
        self._generation: int | None = None
        self.trouble: str | None = "not started yet"

    async def establish(self) -> None:
        """Make or check the active generation; `handle` does it itself where nobody has before.

        Raises:
            ProjectorError: log and documents do not fit; see `projector.errors`.
            SidecarError: log or state store do not answer.
        """
        try:
            control = await establish(self._log, self._reader, self._writer)
        except (ProjectorError, SidecarError, UnreadableDocument) as refusal:
            self.trouble = str(refusal)
            raise
        self._generation = control.active
        self.trouble = None

    async def handle(self, batch: Sequence[LogRecord]) -> Verdict:
        """Give every record of a batch its effect, exactly once over all deliveries.

        Args:
            batch: records of one partition in offset order; may repeat earlier ones, may leave holes.

        Returns:
            SETTLED when all are accounted for durably. RETRY when one is not; the reason is in `trouble` and the log.
        """
        try:
            if self._generation is None:
                await self.establish()
            if batch:
                await self._settle(batch)
        except (ProjectorError, SidecarError, UnreadableDocument) as failure:
            # A long outage is told once, not at every attempt.
            level = logging.DEBUG if self.trouble == str(failure) else logging.WARNING
            self.trouble = str(failure)
            logger.log(level, "batch of partition %s is retried: %s", batch[0].partition if batch else "?", failure)
            return Verdict.RETRY
        self.trouble = None
        return Verdict.SETTLED

    async def _settle(self, batch: Sequence[LogRecord]) -> None:
        decoder = Decoder()
        waiting = list(batch)
        most = self._limits.records
        while waiting:
            piece = cut(waiting, decoder, self._limits, most)
            try:
                checkpoint = await self._settle_piece(piece, decoder, most)
            except _PieceTooLarge as too_large:
                most = len(too_large.records) // 2
                if most == 0:
                    most = 1
                    self._refuse_outsized(too_large.records, decoder)
                continue
            except FoldFault as fault:
                logger.exception("a fold raised, its event is parked")
                decoder.refuse(fault.offset, Reason.FOLD_FAILED, str(fault))
                continue
            waiting = [record for record in waiting if record.offset > checkpoint]
            most = min(most * 2, self._limits.records)

    @staticmethod
    def _refuse_outsized(records: Sequence[LogRecord], decoder: Decoder) -> None:
        for record in records:
            if isinstance(decoder.item(record), Refused):
                raise MessageTooLarge(f"offset {record.offset} can't even be parked within the sidecar's limit")
            decoder.refuse(
                record.offset, Reason.TOO_LARGE, "its documents exceed what the sidecar carries in one message"
            )

    async def _settle_piece(self, piece: Sequence[LogRecord], decoder: Decoder, most: int) -> int:
        """Account for a piece, or for what the log holds in a hole before it; returns the checkpoint reached."""
        for attempt in range(1, CONFLICT_ATTEMPTS + 1):
            try:
                return await self._attempt(piece, decoder, most)
            except _GenerationSwitched:
                logger.info("generation %s is active now", self._generation)
            except StateConflict:
                if attempt == CONFLICT_ATTEMPTS:
                    raise
                await asyncio.sleep(random.uniform(0, 0.02) * attempt)  # noqa: S311 - spreads rivals, no secret
        raise StateConflict(f"the active generation changed {CONFLICT_ATTEMPTS} times in a row")

    async def _attempt(self, piece: Sequence[LogRecord], decoder: Decoder, most: int) -> int:
        partition = piece[0].partition
        loaded = await self._load(partition, [decoder.item(record) for record in piece], piece)
        generation = loaded.control.active
        accounts = loaded.workspace.find(keys.partition(generation, partition), PartitionDocument)
        checkpoint = accounts.checkpoint if accounts is not None else -1
        if piece[0].offset <= checkpoint:
            # What looks like a redelivery is one only if this is still the log that was folded.
            check_log(loaded.control, await self._log.identity())
        fresh = [record for record in piece if record.offset > checkpoint]
        if not fresh:
            return checkpoint
        items, records = await self._without_holes(partition, checkpoint, fresh, decoder, most)
        try:
            while wanted := needed_keys(loaded.workspace, generation, partition, items):
                await self._load_more(loaded, wanted)
            accounts = fold(loaded.workspace, generation, partition, items)
            await self._writer.transact(loaded.workspace.changes(keys.partition(generation, partition)))
        except MessageTooLarge:
            raise _PieceTooLarge(records) from None
        return accounts.checkpoint

    async def _load(self, partition: int, items: Sequence[Item], records: Sequence[LogRecord]) -> _Loaded:
        generation = self._generation
        assert generation is not None  # noqa: S101 - `handle` establishes it first
        workspace = Workspace()
        wanted = needed_keys(workspace, generation, partition, items)
        try:
            stored = await self._reader.read({keys.CONTROL, *wanted})
        except MessageTooLarge:
            raise _PieceTooLarge(records) from None
        loaded = _Loaded(*_control(stored), workspace)
        if loaded.control.active != generation:
            self._generation = loaded.control.active
            raise _GenerationSwitched
        check_fold(loaded.control)
        workspace.load(wanted, stored)
        return loaded

    async def _load_more(self, loaded: _Loaded, wanted: set[str]) -> None:
        """Read what documents told to be needed. The partition's etag vouches that nobody wrote in between."""
        stored = await self._reader.read({keys.CONTROL, *wanted})
        control, etag = _control(stored)
        if etag != loaded.control_etag:
            self._generation = control.active
            raise _GenerationSwitched
        loaded.workspace.load(wanted, stored)

    async def _without_holes(
        self, partition: int, checkpoint: int, fresh: Sequence[LogRecord], decoder: Decoder, most: int
    ) -> tuple[list[Item], list[LogRecord]]:
        """Items that follow the checkpoint without a gap, and their records; the log fills what delivery left out."""
        items: list[Item] = []
        records: list[LogRecord] = []
        expected = checkpoint + 1
        for record in fresh:
            if record.offset > expected:
                hole = await self._log.read(
                    partition, expected, record.offset, max_records=most, max_bytes=self._limits.value_bytes
                )
                if hole.next_offset == expected:
                    raise HoleUnread(partition=partition, first=expected)
                for found in hole.records:
                    items += _missing(partition, expected, found.offset)
                    items.append(decoder.item(found))
                    records.append(found)
                    expected = found.offset + 1
                items += _missing(partition, expected, hole.next_offset)
                expected = hole.next_offset
                if expected < record.offset or len(records) >= most:
                    break
            items.append(decoder.item(record))
            records.append(record)
            expected = record.offset + 1
            if len(records) >= most:
                break
        return items, records


def _missing(partition: int, first: int, until: int) -> list[Item]:
    if first == until:
        return []
    logger.error("partition %s: offsets %s to %s are missing from the log", partition, first, until - 1)
    return [Missing(first, until - 1)]


def _control(stored: Mapping[str, StoredDocument]) -> tuple[ControlDocument, str]:
    control = stored.get(keys.CONTROL)
    if control is None:
        raise AccountsBroken(keys.CONTROL)
    return codec.decode(control.value, ControlDocument), control.etag
