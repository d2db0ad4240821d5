"""The engine: a batch in, one transaction a piece out; every offset accounted for, once.

It is the same for live delivery and for replay; only where batches come from differs.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from events.errors import Reason
from projector.errors import AccountsBroken, FoldFault, OnHold, ProjectorError, StillBehind
from projector.generations import check_accounts, check_fold, check_kept, ensure_control
from projector.items import OUTSIZED, Decoder, Refused
from projector.pieces import PieceLimits, cut
from projector.settlement import Piece, PieceTooLarge, Settlement
from projector.targets import Serving, Target
from projector.troubles import in_words, is_expected
from read_models import codec, keys
from read_models.codec import UnreadableDocument
from read_models.control import ControlDocument
from read_models.documents import PartitionDocument
from sidecar.delivery import Verdict
from sidecar.errors import MessageTooLarge, SidecarError
from sidecar.log_reader import LogReader
from sidecar.records import LogRecord
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter

logger = logging.getLogger(__name__)

BATCH_SECONDS: Final = 5.0
"""How long one delivery is worked on before it is asked to come again; a sidecar gives up on a slow one by itself."""


class Engine:
    """Folds the log into a generation, one batch of a partition at a time."""

    def __init__(
        self,
        *,
        log: LogReader,
        reader: StateReader,
        writer: StateWriter,
        limits: PieceLimits | None = None,
        target: Target | None = None,
    ) -> None:
        """Make an engine; it does nothing by itself.

        Args:
            log: to know which log it is, and for what delivery leaves out.
            reader: of documents.
            writer: of documents.
            limits: what one transaction may carry.
            target: which generation to write; none given, the one that serves.
        """
        self._log = log
        self._reader = reader
        self._writer = writer
        self._limits = limits or PieceLimits()
        self._target = target or Serving()
        self._settlement = Settlement(log=log, reader=reader, writer=writer, limits=self._limits, target=self._target)
        self._established = False
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._troubles: dict[int | None, str] = {None: "not started yet"}

    @property
    def trouble(self) -> str | None:
        """What keeps the engine from folding, by partition where it is one's; `None` if nothing does."""
        return "; ".join(dict.fromkeys(self._troubles.values())) or None

    async def establish(self) -> None:
        """Check the generation to write; on an empty store make the first; `handle` does it where nobody has before.

        Raises:
            ProjectorError: log and documents do not fit; see `projector.errors`.
            SidecarError: log or state store do not answer.
            UnreadableDocument: the store holds something that is no document of ours.
        """
        try:
            control = await ensure_control(self._log, self._reader, self._writer)
            generation = self._generation(control)
            check_fold(control, generation)
            await check_accounts(self._log, self._reader, control, generation)
        except (ProjectorError, SidecarError, UnreadableDocument) as refusal:
            self._troubles[None] = in_words(refusal)
            raise
        self._settlement.generation = generation
        self._established = True
        self._troubles.pop(None, None)

    async def handle(self, batch: Sequence[LogRecord]) -> Verdict:
        """Give every record of a batch its effect, exactly once over all deliveries.

        Args:
            batch: records of one partition in offset order; may repeat earlier ones, may leave holes.

        Returns:
            SETTLED when all are accounted for durably. RETRY when one is not; the reason is in `trouble` and the log.
        """
        if not batch:
            return Verdict.SETTLED
        partition = batch[0].partition
        try:
            if not self._established:
                await self.establish()
            async with self._turns[partition]:
                await self._settle(partition, batch, until=0)
        except OnHold:
            # It is over in a moment, and no trouble.
            return Verdict.RETRY
        except Exception as failure:  # noqa: BLE001 - whatever it was, the batch has to come again
            self._tell(partition, failure)
            return Verdict.RETRY
        self._troubles.pop(partition, None)
        return Verdict.SETTLED

    def forget_trouble(self, partition: int) -> None:
        """Take note that a partition goes on, by whomever: what kept it from going on here is no trouble any more."""
        self._troubles.pop(partition, None)

    async def catch_up(self, partition: int, until: int | None = None) -> None:
        """Account for everything that the log holds of a partition now, also what delivery will not bring again.

        That is the case where documents were restored from an older copy, or thrown away, behind a consumer group that
        has moved on. It may run beside delivery and beside other projectors.

        Args:
            partition: of the log.
            until: only what is before this offset, which the log has.

        Raises:
            ProjectorError: log and documents do not fit.
            SidecarError: log or state store do not answer.
            UnreadableDocument: the store holds something that is no document of ours.
        """
        if not self._established:
            await self.establish()
        end = (await self._log.bounds())[partition].end if until is None else until
        while (first := await self.checkpoint(partition) + 1) < end:
            found = await self._log.read(
                partition, first, end, max_records=self._limits.records, max_bytes=self._limits.value_bytes
            )
            if found.next_offset == first:
                return
            if not found.records or found.records[0].offset > first:
                await check_kept(self._log, partition, first)
            async with self._turns[partition]:
                await self._settle(partition, found.records, until=found.next_offset)

    async def checkpoint(self, partition: int) -> int:
        """The last offset of a partition that the generation accounts for.

        Raises:
            AccountsBroken: the partition has no document.
            SidecarError: the state store does not answer.
            UnreadableDocument: the store holds something that is no document of ours.
        """
        key = keys.partition(self._settlement.generation, partition)
        stored = (await self._reader.read([key])).get(key)
        if stored is None:
            raise AccountsBroken(key)
        return codec.decode(stored.value, PartitionDocument).checkpoint

    def _generation(self, control: ControlDocument) -> int:
        try:
            return self._target.generation(control)
        except OnHold:  # which is about writing; it may be looked at meanwhile
            return control.active

    async def _settle(self, partition: int, records: Sequence[LogRecord], *, until: int) -> None:
        decoder = Decoder()
        waiting = list(records)
        last = max(until - 1, waiting[-1].offset if waiting else -1)
        checkpoint = -1
        most = self._limits.records
        end = time.monotonic() + BATCH_SECONDS
        while checkpoint < last:
            records_now = cut(waiting, decoder, self._limits, most)
            whole = len(records_now) == len(waiting)
            try:
                piece = Piece(partition, records_now, until if whole else 0, most)
                checkpoint = await self._settlement.settle(piece, decoder)
            except PieceTooLarge as too_large:
                most = max(1, len(too_large.records) // 2)
                if len(too_large.records) <= 1:
                    _refuse_outsized(too_large.records, decoder)
                continue
            except FoldFault as fault:
                logger.exception("a fold raised, its event is parked")
                decoder.refuse(fault.offset, Reason.FOLD_FAILED, str(fault))
                continue
            waiting = [record for record in waiting if record.offset > checkpoint]
            decoder.forget(checkpoint)
            most = min(most * 2, self._limits.records)
            if checkpoint < last and time.monotonic() > end:
                raise StillBehind(partition=partition, checkpoint=checkpoint)

    def _tell(self, partition: int, failure: Exception) -> None:
        """Note a failure. A long outage is logged once, not at every attempt."""
        trouble = in_words(failure)
        if self._troubles.get(partition) == trouble:
            return
        self._troubles[partition] = trouble
        fault = None if is_expected(failure) else failure
        logger.warning("a batch of partition %s is retried: %s", partition, failure, exc_info=fault)


def _refuse_outsized(records: Sequence[LogRecord], decoder: Decoder) -> None:
    for record in records:
        if isinstance(decoder.item(record), Refused):
            raise MessageTooLarge(f"offset {record.offset} can't even be parked within the sidecar's limit")
        decoder.refuse(record.offset, Reason.TOO_LARGE, OUTSIZED)
    if not records:
        raise MessageTooLarge("the accounts of a partition exceed what the sidecar carries in one message")
