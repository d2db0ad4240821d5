"""Building a generation, a partition at a time, with write-back memory.

The folds and the documents are those of the live engine. What differs is how much of the log one transaction takes: as
much as fits into a message to the sidecar, so that a document is written once for many events. A transaction holds the
partition's document with its checkpoint, like any other; whatever is lost before it is folded again from there.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from events.errors import Reason
from projector.errors import AccountsBroken, FoldFault
from projector.fold import fold
from projector.generations import check_fold, check_kept, check_log, control_of
from projector.items import OUTSIZED, Happened, Refused, decode_record, items_between, refused
from projector.needs import needed_keys
from projector.replay.patience import Told, patiently
from projector.targets import Built
from projector.workspace import Workspace
from read_models import codec, keys
from read_models.documents import PartitionDocument
from sidecar.errors import MessageTooLarge, SidecarUnavailable, StateConflict
from sidecar.halving import in_halves
from sidecar.log_reader import LogReader
from sidecar.records import LogRecord, LogSlice, Put
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter

logger = logging.getLogger(__name__)

CONFLICTS: Final = 50
"""So many in a row, without a transaction that succeeds, are no race any more."""
_KEYS_A_READ: Final = 2000
_LEAST_GROWTH: Final = 0.01
_RECORD_BYTES: Final = 100
"""What a record makes of documents besides what its value does: an empty one is parked, too."""
_UNANSWERED: Final = 2
_PATIENCE: Final = 10
_ENOUGH: Final = 0.8
"""Of the limit: a transaction that is nearly full is not worth another look soon."""


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """How much is taken at once.

    Attributes:
        batch_records: records of one read of the log.
        batch_bytes: about the most bytes of values of one read.
        flush_bytes: about the most bytes of documents of one transaction.
        flush_documents: the most documents of one transaction, but for those of one step.
    """

    batch_records: int = 2000
    batch_bytes: int = 4 * 1024 * 1024
    flush_bytes: int = 3 * 1024 * 1024
    flush_documents: int = 20_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a partition is.

    Attributes:
        partition: of the log.
        position: the next offset to look at.
    """

    partition: int
    position: int


class _FromTheStore(Exception):
    """What is in memory is of no use any more: go on from what is stored."""


class PartitionBuilder:
    """Folds one partition into the generation of a run, from wherever its checkpoint is."""

    def __init__(  # noqa: PLR0913 - each is another thing to talk to
        self,
        partition: int,
        *,
        log: LogReader,
        reader: StateReader,
        writer: StateWriter,
        target: Built,
        limits: BuildLimits,
        progress: Callable[[Progress], None],
        told: Told,
    ) -> None:
        self._partition = partition
        self._key = keys.partition(target.number, partition)
        self._log = log
        self._reader = reader
        self._writer = writer
        self._target = target
        self._limits = limits
        self._progress = progress
        self._told = told
        self._flush_bytes = limits.flush_bytes
        self._flush_documents = limits.flush_documents
        self._unanswered = 0
        self._answered = 0
        self._loaded = 0
        self._first = 0
        self._most = limits.batch_records
        # Documents are larger or smaller than the records they come from; found out with every transaction.
        self._growth = 1.0
        self._absent = True
        self._refusals: dict[int, tuple[Reason, str]] = {}
        self._last = -1

    async def build(self, until: int) -> None:
        """Account for every offset before `until`; waits for log and state store as long as they are away.

        Another builder of the same run and partition does no harm: of two transactions one is written.

        Raises:
            RunReplaced: the generation is no longer this run's.
            HistoryGone: the log has lost records that were not folded yet.
            StateConflict: others keep writing the documents of this generation.
            ProjectorError: log and documents do not fit.
            SidecarError: what is stored can't be read, or a single record's documents can't be written.
        """
        conflicts = 0
        furthest = -1
        while True:
            try:
                reached = await patiently(lambda: self._session(until), self._told)
            except _FromTheStore:
                continue
            except StateConflict:
                # Another builder wrote this partition, or a document that is shared; or this run has been replaced.
                self._absent = False
                # Whoever wins each race gets on; only where nobody does it is none.
                conflicts = 1 if self._first > furthest else conflicts + 1
                furthest = max(furthest, self._first)
                if conflicts > CONFLICTS:
                    raise
                await asyncio.sleep(0.01 * conflicts)
                continue
            if reached + 1 >= until:
                return

    async def _session(self, until: int) -> int:
        """Fold from the checkpoint up to one transaction; returns the checkpoint reached."""
        stored = await self._reader.read([keys.CONTROL, self._key])
        control, _ = control_of(stored)
        check_fold(control, self._target.generation(control))
        if self._key not in stored:
            raise AccountsBroken(self._key)
        accounts = codec.decode(stored[self._key].value, PartitionDocument)
        first = self._first = accounts.checkpoint + 1
        self._progress(Progress(self._partition, first))
        if first >= until:
            return accounts.checkpoint
        # A generation that is new has no documents to read. Where another partition holds the same learner that is
        # wrong, the transaction conflicts, and from then on they are read.
        workspace = Workspace(new=self._absent and first == accounts.log_start)
        self._loaded = 0
        workspace.load([self._key], stored)
        position = await self._fold(workspace, first, until)
        # Asked after reading: a log that was made anew meanwhile is never folded onto what came from the old one.
        check_log(control, await self._log.identity())
        await self._flush(workspace)
        return position - 1

    async def _fold(self, workspace: Workspace, first: int, until: int) -> int:
        """Fold as much as one transaction takes; returns the next offset."""
        position, size = first, 0
        ahead = asyncio.ensure_future(self._read(position, until))
        try:
            while True:
                found = await ahead
                after = found.next_offset
                ahead = asyncio.ensure_future(self._read(after, until) if after < until else _nothing(after))
                for start in range(0, max(1, len(found.records)), self._most):
                    records = found.records[start : start + self._most]
                    self._last = records[-1].offset if records else self._last
                    whole = start + self._most >= len(found.records)
                    end = after if whole else records[-1].offset + 1
                    await self._step(workspace, position, records, end)
                    position = end
                    size += sum([len(record.value) + _RECORD_BYTES for record in records])
                    self._progress(Progress(self._partition, position))
                    if position >= until or self._is_full(workspace, size):
                        return position
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def _read(self, first: int, until: int) -> LogSlice:
        async def read() -> LogSlice:
            found = await self._log.read(
                self._partition,
                first,
                until,
                max_records=self._limits.batch_records,
                max_bytes=self._limits.batch_bytes,
            )
            if found.next_offset == first:
                raise SidecarUnavailable("log", f"it does not reach offset {first} of partition {self._partition} yet")
            return found

        found = await patiently(read, self._told)
        if not found.records or found.records[0].offset > first:
            await patiently(lambda: check_kept(self._log, self._partition, first), self._told)
        return found

    async def _step(self, workspace: Workspace, first: int, records: Sequence[LogRecord], until: int) -> None:
        items = items_between(self._partition, first, records, until, self._item)
        generation = self._target.number
        while not workspace.new and (wanted := needed_keys(workspace, generation, self._partition, items)):
            await self._load(workspace, sorted(wanted))
        try:
            fold(workspace, generation, self._partition, items)
        except FoldFault as fault:
            logger.exception("a fold raised, its event is parked")
            self._refusals[fault.offset] = (Reason.FOLD_FAILED, str(fault))
            raise _FromTheStore from fault

    def _item(self, record: LogRecord) -> Happened | Refused:
        item = decode_record(record)
        if record.offset not in self._refusals:
            return item
        return refused(item, *self._refusals[record.offset])

    async def _load(self, workspace: Workspace, wanted: Sequence[str]) -> None:
        """Read documents, in as many messages as they take. What is written in between fails the transaction."""

        async def load(part: Sequence[str]) -> None:
            stored = await self._reader.read(part, confirm_absence=False)
            workspace.load(part, stored)
            self._loaded += sum([len(one.value) for one in stored.values()])

        for start in range(0, len(wanted), _KEYS_A_READ):
            await in_halves(wanted[start : start + _KEYS_A_READ], load)

    def _is_full(self, workspace: Workspace, size: int) -> bool:
        if workspace.touched >= self._flush_documents or (size and self._flush_bytes == 1):
            return True
        if self._loaded + size * self._growth < self._flush_bytes:
            return False
        # The estimate says that it is enough; the documents themselves say whether that is so.
        documents = workspace.size()
        self._growth = max((documents - self._loaded) / max(size, 1), _LEAST_GROWTH)
        # What was read counts, written or not: duplicates change nothing, and would fill the memory.
        return max(documents, self._loaded) >= self._flush_bytes * _ENOUGH

    async def _flush(self, workspace: Workspace) -> None:
        changes = workspace.changes(self._key)
        try:
            await self._writer.transact(changes)
        except MessageTooLarge:
            self._take_less(changes)
            raise _FromTheStore from None
        except SidecarUnavailable:
            self._unanswered += 1
            self._answered = 0
            if self._unanswered > _UNANSWERED:
                # It may be away, or have been asked for more than it can do in time.
                self._flush_bytes = max(1, self._flush_bytes // 2)
                self._flush_documents = max(1, self._flush_documents // 2)
                self._most = max(1, self._most // 2)
            raise
        self._unanswered = 0
        self._answered += 1
        if self._answered % _PATIENCE == 0:
            # What was too much, in time or in size, is tried again, and not too often.
            self._flush_bytes = min(self._flush_bytes * 2, self._limits.flush_bytes)
            self._flush_documents = min(self._flush_documents * 2, self._limits.flush_documents)
            self._most = min(self._most * 2, self._limits.batch_records)

    def _take_less(self, changes: Sequence[Put]) -> None:
        # At 1 and 1 a transaction holds a single record, the last one.
        if self._most > 1 or self._flush_bytes > 1:
            self._flush_bytes = max(1, min(self._flush_bytes, sum(len(one.value) for one in changes)) // 2)
            self._most = max(1, self._most // 2)
            return
        if self._last in self._refusals:
            raise MessageTooLarge(f"offset {self._last} can't even be parked within the sidecar's limit")
        self._refusals[self._last] = (Reason.TOO_LARGE, OUTSIZED)
        self._flush_bytes = self._limits.flush_bytes
        self._most = self._limits.batch_records


async def _nothing(position: int) -> LogSlice:
    return LogSlice((), position)
