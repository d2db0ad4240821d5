"""The log folded once more, in memory, to exactly where a stored generation is."""

import logging
from collections.abc import Collection, Mapping
from typing import Final

from events.errors import Reason
from projector.errors import FoldFault, HistoryGone
from projector.fold import fold
from projector.generations import check_kept
from projector.items import Decoder, Happened, Item, Missing
from projector.needs import needed_keys
from projector.verification.accounts import Accounts, json_object
from projector.verification.enumeration import SLICE_BYTES, Progress
from projector.verification.names import DocumentName, Roll, key_of, parked_name, partition_name, suffix_of
from projector.verification.pairs import Pair, read_side, side_of, values_of
from projector.workspace import Workspace
from read_models import codec, keys
from read_models.documents import PartitionDocument
from sidecar.log_reader import LogReader
from sidecar.records import LogSlice, StoredDocument
from sidecar.state_reader import StateReader

logger = logging.getLogger(__name__)

GENERATION: Final = 0
"""In whose name it is folded; no stored generation has this number."""
PIECE_RECORDS: Final = 500
PARKED_AT_ONCE: Final = 50


class FreshFold:
    """A generation in memory. It only goes forward, a partition at a time or all.

    All documents are held, as the bytes that a store would hold: see `docs/verify.md` for how much that is.

    Attributes:
        names: of the documents that the records folded tell of, in the order in which they were met.
        scanned: positions of the log that it has gone through.
    """

    def __init__(self, log: LogReader, roll: Roll) -> None:
        self._log = log
        self._roll = roll
        self._values: dict[str, bytes] = {}
        self._starts: dict[int, int] = {}
        self._next: dict[int, int] = {}
        self._too_large: dict[tuple[int, int], str] = {}
        self.names: list[DocumentName] = []
        self.scanned = 0

    @property
    def values(self) -> Mapping[str, bytes]:
        """All documents by suffix."""
        return {suffix_of(key): value for key, value in self._values.items()}

    async def end(self, partition: int) -> int:
        """Where the log ends now in a partition; 0 where it has no such partition.

        Raises:
            SidecarError: the log does not answer.
        """
        bounds = (await self._log.bounds()).get(partition)
        return 0 if bounds is None else bounds.end

    async def begin(self) -> None:
        """Stand at the log's first offsets, nothing folded.

        Raises:
            SidecarError: the log does not answer.
        """
        for number, bound in (await self._log.bounds()).items():
            key = keys.partition(GENERATION, number)
            empty = PartitionDocument(partition=number, log_start=bound.start, checkpoint=bound.start - 1)
            self._values[key] = codec.encode(empty)
            self._next[number] = self._starts[number] = bound.start

    def log_start(self, partition: int) -> int:
        """The first offset that a partition was folded from; 0 where the log has no such partition."""
        return self._starts.get(partition, 0)

    def get(self, suffix: str) -> bytes | None:
        """The document of this suffix, if there is one."""
        return self._values.get(key_of(GENERATION, suffix))

    def follow(self, partition: int, offset: int, detail: str) -> None:
        """Have a record parked as too large when its turn comes.

        A sidecar carries only so much, and a record whose documents are more is parked for that. It is the surroundings
        that decide, not the fold; so this is the one thing that is taken from the stored generation.
        """
        self._too_large[partition, offset] = detail

    async def advance(self, checkpoints: Mapping[int, int], progress: Progress | None = None) -> None:
        """Fold every partition up to its checkpoint, or to the log's end where that comes first.

        Raises:
            HistoryGone: the log has lost what is to be folded.
            SidecarError: the log does not answer.
        """
        ways = {number: last + 1 for number, last in checkpoints.items() if number in self._next}
        total = self.scanned + sum(max(0, until - self._next[number]) for number, until in ways.items())
        for number, until in sorted(ways.items()):
            while (first := self._next[number]) < until:
                found = await self._log.read(number, first, until, max_records=PIECE_RECORDS, max_bytes=SLICE_BYTES)
                if found.next_offset == first:
                    break
                self._fold(number, await self._items(number, found))
                self._next[number] = found.next_offset
                self.scanned += found.next_offset - first
                if progress is not None:
                    progress(self.scanned, total)

    async def _items(self, partition: int, found: LogSlice) -> tuple[Decoder, list[Item]]:
        decoder, items, expected = Decoder(), list[Item](), self._next[partition]
        for record in found.records:
            if record.offset > expected:
                items.append(await self._hole(partition, expected, record.offset))
            item = decoder.item(record)
            self.names += self._roll.note(item)
            detail = self._too_large.get((partition, record.offset))
            if detail is not None and isinstance(item, Happened):
                decoder.refuse(record.offset, Reason.TOO_LARGE, detail)
                item = decoder.item(record)
            items.append(item)
            expected = record.offset + 1
        if expected < found.next_offset:
            items.append(await self._hole(partition, expected, found.next_offset))
        return decoder, items

    async def _hole(self, partition: int, first: int, until: int) -> Missing:
        await check_kept(self._log, partition, first)
        return Missing(first, until - 1)

    def _fold(self, partition: int, piece: tuple[Decoder, list[Item]]) -> None:
        decoder, items = piece
        while True:
            workspace = Workspace()
            while wanted := needed_keys(workspace, GENERATION, partition, items):
                workspace.load(
                    wanted, {key: StoredDocument(self._values[key], key) for key in wanted if key in self._values}
                )
            try:
                fold(workspace, GENERATION, partition, items)
            except FoldFault as fault:
                logger.warning("a fold raised, its event is parked: %s", fault)
                decoder.refuse(fault.offset, Reason.FOLD_FAILED, str(fault))
                items = [item if isinstance(item, Missing) else decoder.item(item.record) for item in items]
                continue
            self._values.update(
                (put.key, put.value) for put in workspace.changes(keys.partition(GENERATION, partition))
            )
            return


class FoldedPairs:
    """A stored generation, and a fresh fold that is brought to the very checkpoints with which documents were read.

    Attributes:
        old: for people.
        new: for people.
        exact: they are.
    """

    exact = True
    new = "a fresh fold of the log"

    def __init__(self, reader: StateReader, generation: int, partitions: int, fresh: FreshFold) -> None:
        self.old = f"generation {generation}"
        self._reader = reader
        self._generation = generation
        self._partitions = [partition_name(number).suffix for number in range(partitions)]
        self._fresh = fresh
        self._looked: dict[int, int] = {}

    async def read(self, suffixes: Collection[str], progress: Progress | None = None) -> Pair:
        """See `Pairs`; `progress` is told how the fold goes on.

        Raises:
            HistoryGone: the log has lost what the generation was folded from.
        """
        wanted = list(dict.fromkeys([*self._partitions, *suffixes]))
        old = await read_side(self._reader, self._generation, wanted)
        for accounts in old.accounts.values():
            if 0 <= accounts.log_start < self._fresh.log_start(accounts.partition):
                start = self._fresh.log_start(accounts.partition)
                raise HistoryGone(partition=accounts.partition, wanted=accounts.log_start, start=start)
            await self._follow(accounts)
        await self._fresh.advance({one.partition: one.checkpoint for one in old.accounts.values()}, progress)
        values = {suffix: self._fresh.get(suffix) for suffix in wanted}
        return Pair(old, side_of({suffix: value for suffix, value in values.items() if value is not None}))

    async def _follow(self, accounts: Accounts) -> None:
        """Look which values were parked for being too large, before the fold comes to them."""
        first = self._looked.get(accounts.partition, 0)
        until = accounts.parkings
        if until > first + PARKED_AT_ONCE:
            until = min(until, await self._fresh.end(accounts.partition))
        while first < until:
            indices = range(first, min(first + PARKED_AT_ONCE, until))
            suffixes = [parked_name(accounts.partition, index).suffix for index in indices]
            for value in await values_of(self._reader, self._generation, suffixes):
                document = json_object(value) or {}
                offset, detail = document.get("offset"), document.get("detail")
                if document.get("reason") == Reason.TOO_LARGE and isinstance(offset, int) and isinstance(detail, str):
                    self._fresh.follow(accounts.partition, offset, detail)
            first = indices.stop
        self._looked[accounts.partition] = first
