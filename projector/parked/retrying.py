"""Parked values are folded after all, in place, into the generation that serves."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from events.errors import Reason
from projector.errors import FoldFault, OnHold
from projector.generations import check_fold, check_log, control_of
from projector.items import OUTSIZED, decode_record
from projector.parked.attempt import Attempt, Batch, Decode
from projector.parked.outcomes import Outcome, Retried
from projector.parked.reading import accounts, index_of, parked_in
from projector.parked.values import LogPosition, ParkedValue
from projector.targets import Serving
from read_models import keys
from read_models.documents import PartitionDocument
from sidecar.errors import MessageTooLarge, SidecarUnavailable, StateConflict
from sidecar.log_reader import LogReader
from sidecar.records import StoredDocument
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter

ATTEMPTS: Final = 30
"""How often a batch is tried while others write the same documents, as a projector does that catches up."""
HOLD_PAUSE_SECONDS: Final = 0.2
CONFLICT_PAUSE_SECONDS: Final = 0.02
BATCH_VALUES: Final = 100
BATCH_BYTES: Final = 1024 * 1024


class _Switched(Exception):
    """Another generation serves than the one that the values were found in."""


class Retry:
    """Folds parked values again, with what this version makes of them."""

    def __init__(
        self, *, log: LogReader, reader: StateReader, writer: StateWriter, decode: Decode = decode_record
    ) -> None:
        """Make a retry; it does nothing by itself.

        Args:
            log: that the documents were folded from.
            reader: of documents.
            writer: of documents.
            decode: says what a value holds.
        """
        self._log = log
        self._reader = reader
        self._writer = writer
        self._decode = decode
        self._target = Serving()

    async def named(self, positions: Iterable[LogPosition]) -> AsyncIterator[Retried]:
        """Retry the values of these positions, also those that somebody has dropped: the decision is removed then.

        Each is folded once, whoever else retries it at the same time, and whatever fails; a position that comes twice
        is one. Where another generation takes over meanwhile, what is parked there is folded there.

        Raises:
            ProjectorError: log and documents do not fit, or are of another fold version.
            SidecarError: log or state store do not answer; the same again goes on where this ended.
            UnreadableDocument: the store holds something that is no document of ours.
        """
        by_partition: defaultdict[int, list[int]] = defaultdict(list)
        for position in sorted(set(positions)):
            by_partition[position.partition].append(position.offset)
        for partition, offsets in by_partition.items():
            waiting = iter(offsets)
            while some := list(islice(waiting, BATCH_VALUES)):
                for result in await self._named(partition, some):
                    yield result

    async def everything(self, reason: str | None = None) -> AsyncIterator[Retried]:
        """Retry all that is parked in the active generation, or that is for one reason, but for what was dropped.

        Of a position that is parked still there may be two results, where another generation took over meanwhile: the
        later one counts. Dropped values have none.

        Raises:
            ProjectorError: log and documents do not fit, or are of another fold version.
            SidecarError: log or state store do not answer; the same again goes on where this ended.
            UnreadableDocument: the store holds something that is no document of ours.
        """
        while True:
            generation, partitions = await accounts(self._reader)
            try:
                for partition in partitions:
                    async for batch in self._batches(generation, partition, reason):
                        for result in await self._settle(batch):
                            if result.outcome is not Outcome.LEFT_DROPPED:
                                yield result
            except _Switched:
                continue
            return

    async def _batches(self, generation: int, partition: PartitionDocument, reason: str | None) -> AsyncIterator[Batch]:
        batch = Batch(generation, partition.partition, {}, dropped_too=False)
        size = 0
        async for value in parked_in(self._reader, generation, partition):
            if value.decision is not None or reason not in {None, value.document.reason}:
                continue
            size += _bytes_of(value)
            if batch.indices and (size > BATCH_BYTES or len(batch.indices) == BATCH_VALUES):
                yield batch
                batch, size = replace(batch, indices={}), _bytes_of(value)
            batch = replace(batch, indices={**batch.indices, value.document.offset: value.index})
        if batch.indices:
            yield batch

    async def _named(self, partition: int, offsets: list[int]) -> list[Retried]:
        results: dict[int, Retried] = {}
        found: set[int] = set()
        while True:
            generation, partitions = await accounts(self._reader)
            indices: dict[int, int] = {}
            for offset in set(offsets) - results.keys():
                index = None
                if partition < len(partitions):
                    index = await index_of(self._reader, generation, partitions[partition], offset)
                if index is None:
                    outcome = Outcome.TAKEN if offset in found else Outcome.NOT_PARKED
                    results[offset] = Retried(LogPosition(partition, offset), generation, outcome)
                else:
                    indices[offset] = index
            found |= indices.keys()
            try:
                if indices:
                    batch = Batch(generation, partition, dict(sorted(indices.items())), dropped_too=True)
                    results |= {one.position.offset: one for one in await self._settle(batch)}
            except _Switched:
                results.clear()
                continue
            return [results[offset] for offset in offsets]

    async def _settle(self, batch: Batch) -> list[Retried]:
        """Fold a batch in one transaction, or in several where it is too much for one.

        Raises:
            _Switched: another generation serves; nothing of what is left was folded.
        """
        course = _Course()
        while True:
            try:
                return await self._attempt(batch, course)
            except FoldFault as fault:
                course.hopeless[fault.offset] = (Reason.FOLD_FAILED, str(fault))
            except MessageTooLarge:
                if len(batch.indices) > 1:
                    return await self._in_halves(batch)
                (offset,) = batch.indices
                if offset in course.hopeless:
                    raise
                course.hopeless[offset] = (Reason.TOO_LARGE, OUTSIZED)
            except (OnHold, StateConflict, _Unsure) as obstacle:
                await course.wait(obstacle)

    async def _in_halves(self, batch: Batch) -> list[Retried]:
        offsets = list(batch.indices)
        middle = len(offsets) // 2
        results: list[Retried] = []
        for half in (offsets[:middle], offsets[middle:]):
            results += await self._settle(replace(batch, indices={offset: batch.indices[offset] for offset in half}))
        return results

    async def _attempt(self, batch: Batch, course: "_Course") -> list[Retried]:
        # Absence is confirmed: to take a decision for absent would fold what somebody has dropped.
        stored = await self._reader.read(batch.keys())
        etag = self._check_control(batch, stored)
        check_log(control_of(stored)[0], await self._log.identity())
        attempt = Attempt(batch, stored)
        await attempt.decode(self._log, self._decode, course.hopeless)
        while wanted := attempt.wanted():
            # Whatever the folds take for absent they write, by first-write, which fails if it was there.
            more = await self._reader.read({keys.CONTROL, *wanted}, confirm_absence=False)
            if self._check_control(batch, more) != etag:
                raise StateConflict
            attempt.learn(wanted, more)
        operations = attempt.fold()
        results = {**attempt.results, **{offset: _taken(batch, offset, course.unsure) for offset in attempt.absent}}
        if operations:
            try:
                await self._writer.transact(operations)
            except SidecarUnavailable as failure:
                raise _Unsure(failure, attempt.results) from failure
        return [results[offset] for offset in batch.indices]

    def _check_control(self, batch: Batch, stored: Mapping[str, StoredDocument]) -> str:
        """The etag of `control`, which must say that the batch is of the generation that serves."""
        control, etag = control_of(stored)
        if self._target.generation(control) != batch.generation:
            raise _Switched
        check_fold(control, batch.generation)
        return etag


class _Unsure(Exception):
    """It is not known whether a transaction was carried out; the next read tells.

    Attributes:
        cause: what the store said.
        results: what became of each offset if it was.
    """

    def __init__(self, cause: SidecarUnavailable, results: Mapping[int, Retried]) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.results = dict(results)


@dataclass
class _Course:
    """What the attempts at one batch have come to know.

    Attributes:
        hopeless: why what decodes does not fold, by offset.
        unsure: what became of each offset if a transaction was carried out of which that is not known.
        tried: how often something was in the way that may be gone at the next attempt.
    """

    hopeless: dict[int, tuple[Reason, str]] = field(default_factory=dict)
    unsure: dict[int, Retried] = field(default_factory=dict)
    tried: int = 0

    async def wait(self, obstacle: OnHold | StateConflict | _Unsure) -> None:
        """Return when it is time for another attempt, or raise the obstacle if there were enough."""
        self.tried += 1
        if isinstance(obstacle, _Unsure):
            self.unsure |= obstacle.results
        if self.tried == ATTEMPTS:
            raise obstacle.cause if isinstance(obstacle, _Unsure) else obstacle
        # Whoever asked for a hold may have died; it ends by itself, long before the attempts do.
        longest = HOLD_PAUSE_SECONDS if isinstance(obstacle, OnHold) else CONFLICT_PAUSE_SECONDS * min(self.tried, 5)
        await asyncio.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - spreads rivals, no secret


def _taken(batch: Batch, offset: int, unsure: Mapping[int, Retried]) -> Retried:
    """What became of a value that is gone since it was found. Nothing but a retry removes one: ours, or another's."""
    ours = unsure.get(offset)
    if ours is not None and ours.folded:
        return ours
    return Retried(LogPosition(batch.partition, offset), batch.generation, Outcome.TAKEN)


def _bytes_of(value: ParkedValue) -> int:
    return len(value.document.value or "")
