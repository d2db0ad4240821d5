"""One piece of a partition: read, folded, and written in one transaction, or not at all."""

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from projector.errors import AccountsBroken, HoleUnread
from projector.fold import fold
from projector.generations import check_fold, check_kept, check_log, check_seal, control_of
from projector.items import Decoder, Item, items_between, missing
from projector.needs import needed_keys
from projector.pieces import PieceLimits
from projector.targets import Target
from projector.workspace import Workspace
from read_models import keys
from read_models.control import ControlDocument
from read_models.documents import PartitionDocument
from sidecar.errors import MessageTooLarge, StateConflict
from sidecar.log_reader import LogReader
from sidecar.records import LogRecord
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter

logger = logging.getLogger(__name__)

CONFLICT_ATTEMPTS: Final = 5


class PieceTooLarge(Exception):
    """The sidecar does not carry the piece.

    Attributes:
        records: what was in it; the log's own where delivery had left a hole.
    """

    def __init__(self, records: Sequence[LogRecord]) -> None:
        super().__init__(len(records))
        self.records = records


class _GenerationSwitched(Exception):
    """`control` changed between two reads of one attempt."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What is to be accounted for.

    Attributes:
        partition: of the log.
        records: in offset order; may repeat earlier ones, may leave holes.
        until: the log was read completely up to here, so that offsets behind the last record are known to be empty;
            0 if that is not known.
        most: records that the transaction may take.
    """

    partition: int
    records: Sequence[LogRecord]
    until: int
    most: int


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What was read for one attempt.

    Attributes:
        workspace: with the documents that the piece names.
        control: as it was then.
        etag: of `control`.
        generation: whose documents these are.
    """

    workspace: Workspace
    control: ControlDocument
    etag: str
    generation: int


class Settlement:
    """Settles pieces in the generation that its target names.

    Attributes:
        generation: the target, as far as is known; found out again whenever `control` says otherwise.
    """

    def __init__(
        self, *, log: LogReader, reader: StateReader, writer: StateWriter, limits: PieceLimits, target: Target
    ) -> None:
        self._log = log
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._target = target
        self.generation = 1

    async def settle(self, piece: Piece, decoder: Decoder) -> int:
        """Account for a piece, or for as much of it and of the holes before it as one transaction takes.

        Returns:
            The checkpoint reached.

        Raises:
            PieceTooLarge: try again with less.
            FoldFault: a fold raised; park that offset.
            StateConflict: others keep writing the same documents.
            ProjectorError: log and documents do not fit.
            SidecarError: log or state store do not answer.
        """
        for attempt in range(1, CONFLICT_ATTEMPTS + 1):
            try:
                return await self._attempt(piece, decoder)
            except _GenerationSwitched:
                logger.info("folding into generation %s", self.generation)
            except StateConflict:
                if attempt == CONFLICT_ATTEMPTS:
                    raise
                await asyncio.sleep(random.uniform(0, 0.02) * attempt)  # noqa: S311 - spreads rivals, no secret
        raise StateConflict(f"the generation to fold into changed {CONFLICT_ATTEMPTS} times in a row")

    async def _attempt(self, piece: Piece, decoder: Decoder) -> int:
        partition = piece.partition
        loaded = await self._load(piece, decoder)
        workspace, generation = loaded.workspace, loaded.generation
        # Asked after delivery: a log that was made anew meanwhile is never folded onto what came from the old one.
        check_log(loaded.control, await self._log.identity())
        key = keys.partition(generation, partition)
        accounts = workspace.find(key, PartitionDocument)
        if accounts is None:
            raise AccountsBroken(key)
        if piece.records and piece.records[0].offset <= accounts.checkpoint:
            await check_seal(self._log, accounts)
        items, records = await self._continue_from(accounts.checkpoint, piece, decoder)
        if not items:
            return accounts.checkpoint
        try:
            while wanted := needed_keys(workspace, generation, partition, items):
                await self._load_more(workspace, loaded.etag, wanted)
            accounts = fold(workspace, generation, partition, items)
            await self._writer.transact(workspace.changes(key))
        except MessageTooLarge:
            raise PieceTooLarge(records) from None
        return accounts.checkpoint

    async def _load(self, piece: Piece, decoder: Decoder) -> "_Loaded":
        workspace = Workspace()
        # Kept here: another partition's piece may find out about another generation while this one waits.
        asked_for = self.generation
        items = [decoder.item(record) for record in piece.records]
        wanted = needed_keys(workspace, asked_for, piece.partition, items)
        try:
            # Whatever the folds take for absent they write, by first-write, which fails if it was there.
            stored = await self._reader.read({keys.CONTROL, *wanted}, confirm_absence=False)
        except MessageTooLarge:
            raise PieceTooLarge(piece.records) from None
        control, etag = control_of(stored)
        generation = self._target.generation(control)
        if generation != asked_for:
            self.generation = generation
            raise _GenerationSwitched
        check_fold(control, generation)
        workspace.load(wanted, stored)
        return _Loaded(workspace, control, etag, generation)

    async def _load_more(self, workspace: Workspace, control_etag: str, wanted: set[str]) -> None:
        """Read what documents told to be needed. The partition's etag vouches that nobody wrote in between."""
        stored = await self._reader.read({keys.CONTROL, *wanted}, confirm_absence=False)
        control, etag = control_of(stored)
        if etag != control_etag:
            self.generation = self._target.generation(control)
            raise _GenerationSwitched
        workspace.load(wanted, stored)

    async def _continue_from(
        self, checkpoint: int, piece: Piece, decoder: Decoder
    ) -> tuple[list[Item], list[LogRecord]]:
        """Items that follow the checkpoint without a gap, and their records; the log fills what delivery left out."""
        items: list[Item] = []
        records: list[LogRecord] = []
        expected = checkpoint + 1
        for record in piece.records:
            if record.offset < expected:
                continue
            if record.offset > expected:
                found, expected = await self._hole(piece.partition, expected, record.offset, piece.most, decoder, items)
                records += found
                if expected < record.offset or len(records) >= piece.most:
                    return items, records
            items.append(decoder.item(record))
            records.append(record)
            expected = record.offset + 1
        if expected < piece.until:
            items += missing(piece.partition, expected, piece.until)
        return items, records

    async def _hole(
        self, partition: int, first: int, until: int, most: int, decoder: Decoder, items: list[Item]
    ) -> tuple[Sequence[LogRecord], int]:
        """Add to `items` what the log holds in a hole; returns its records, and the first offset not looked at."""
        await check_kept(self._log, partition, first)
        hole = await self._log.read(partition, first, until, max_records=most, max_bytes=self._limits.value_bytes)
        if hole.next_offset == first:
            raise HoleUnread(partition=partition, first=first)
        items += items_between(partition, first, hole.records, hole.next_offset, decoder.item)
        return hole.records, hole.next_offset
