"""One attempt to fold parked values of a partition: what was read, what is made of it, and the transaction."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from events.errors import EventRejected, Reason
from projector.fold import fold_late
from projector.items import Happened, Refused, refused
from projector.needs import needed_keys
from projector.parked.errors import ValueGone
from projector.parked.outcomes import Outcome, Retried
from projector.parked.values import LogPosition, decided, record_of
from projector.workspace import Workspace
from read_models import codec, keys
from read_models.control import DecisionDocument
from read_models.documents import ParkedDocument, ParkedEventDocument
from sidecar.log_reader import LogReader
from sidecar.records import Delete, LogRecord, Put, StoredDocument

Decode = Callable[[LogRecord], Happened | Refused]
"""What a record holds; the same for the same record, whoever asks and whenever."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Parked values that one transaction is to take.

    Attributes:
        generation: that they are parked in.
        partition: of the log.
        indices: of their documents, by offset.
        dropped_too: whether those are folded as well that somebody has dropped.
    """

    generation: int
    partition: int
    indices: Mapping[int, int]
    dropped_too: bool

    @property
    def partition_key(self) -> str:
        """Key of the partition's document, which every transaction re-writes."""
        return keys.partition(self.generation, self.partition)

    def parked_key(self, offset: int) -> str:
        """Key of the document of the value at an offset."""
        return keys.parked(self.generation, self.partition, self.indices[offset])

    def keys(self) -> list[str]:
        """All documents that are known to be needed before any was read."""
        decisions = [keys.decision(self.partition, offset) for offset in self.indices]
        return [keys.CONTROL, self.partition_key, *map(self.parked_key, self.indices), *decisions]


@dataclass
class Attempt:
    """What is made of a batch, in memory.

    Attributes:
        batch: that it is about.
        stored: what was read under `batch.keys()`, as of one moment; those without a document were confirmed absent.
        results: what became of each offset that was decided on.
    """

    batch: Batch
    stored: Mapping[str, StoredDocument]
    results: dict[int, Retried] = field(default_factory=dict)
    _workspace: Workspace = field(default_factory=Workspace)
    _notes: dict[str, StoredDocument] = field(default_factory=dict)
    _parked: dict[int, ParkedDocument] = field(default_factory=dict)
    _decisions: dict[int, DecisionDocument] = field(default_factory=dict)
    _happened: dict[int, Happened] = field(default_factory=dict)
    _refused: dict[int, EventRejected] = field(default_factory=dict)
    _deletes: dict[str, Delete] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._workspace.load([self.batch.partition_key, *map(self.batch.parked_key, self.batch.indices)], self.stored)

    @property
    def absent(self) -> set[int]:
        """Offsets whose value is parked no more."""
        return self.batch.indices.keys() - self._parked.keys()

    async def decode(self, log: LogReader, decode: Decode, hopeless: Mapping[int, tuple[Reason, str]]) -> None:
        """Look at every value again.

        Args:
            log: has the values that are too large to be kept twice.
            decode: says what they hold.
            hopeless: what is known already not to fold, by offset, and why.

        Raises:
            SidecarError: the log does not answer.
            UnreadableDocument: the store holds something that is no document of ours.
        """
        for offset in self.batch.indices:
            parked = self._workspace.find(self.batch.parked_key(offset), ParkedDocument)
            if parked is None or parked.offset != offset:
                continue
            self._parked[offset] = parked
            decision = self._decision(offset, parked)
            if decision is not None:
                self._decisions[offset] = decision
                if not self.batch.dropped_too:
                    self.results[offset] = self._result(offset, Outcome.LEFT_DROPPED)
                    continue
            try:
                item = decode(await record_of(log, parked))
            except ValueGone as gone:
                self.results[offset] = self._result(offset, Outcome.STILL_PARKED, parked.reason, str(gone))
                continue
            if offset in hopeless:
                item = refused(item, *hopeless[offset])
            if isinstance(item, Happened):
                self._happened[offset] = item
            else:
                self._refused[offset] = item.rejection

    def wanted(self) -> set[str]:
        """Documents that folding needs and that are not known yet; ask again after `learn`, until there are none."""
        items = list(self._happened.values())
        wanted = needed_keys(self._workspace, self.batch.generation, self.batch.partition, items)
        prints = {self._parked[offset].fingerprint for offset in (*self._happened, *self._refused)}
        prints |= {rejection.fingerprint for rejection in self._refused.values()}
        return wanted | self._workspace.unknown({self._note_key(one) for one in prints if one is not None})

    def learn(self, wanted: Collection[str], stored: Mapping[str, StoredDocument]) -> None:
        """Take note of documents; what is not in `stored` there is not."""
        self._workspace.load(wanted, stored)
        self._notes.update({key: stored[key] for key in wanted if key in stored})

    def fold(self) -> list[Put | Delete]:
        """Fold what can be folded now, and say what to write; nothing where nothing changes.

        Raises:
            FoldFault: a fold raised; the attempt is of no use any more.
            AccountsBroken: the partition has no document.
            UnreadableDocument: the store holds something that is no document of ours.
        """
        changed = fold_late(self._workspace, self.batch.generation, self.batch.partition, self._happened.values())
        for offset, applied in zip(self._happened, changed, strict=True):
            self.results[offset] = self._result(offset, Outcome.APPLIED if applied else Outcome.DUPLICATE)
            self._unpark(offset)
        for offset, rejection in self._refused.items():
            reason, detail = rejection.reason.value, rejection.detail
            self.results[offset] = self._result(offset, Outcome.STILL_PARKED, reason, detail)
            self._explain(offset, rejection)
        first, *puts = self._workspace.changes(self.batch.partition_key)
        rest: list[Put | Delete] = [*(put for put in puts if put.key not in self._deletes), *self._deletes.values()]
        if not rest:
            return []
        return [first, *sorted(rest, key=lambda operation: operation.key)]

    def _decision(self, offset: int, parked: ParkedDocument) -> DecisionDocument | None:
        stored = self.stored.get(keys.decision(self.batch.partition, offset))
        return None if stored is None else decided(parked, codec.decode(stored.value, DecisionDocument))

    def _result(self, offset: int, outcome: Outcome, reason: str | None = None, detail: str | None = None) -> Retried:
        position = LogPosition(self.batch.partition, offset)
        return Retried(position, self.batch.generation, outcome, reason, detail, self._decisions.get(offset))

    def _unpark(self, offset: int) -> None:
        self._delete(self.batch.parked_key(offset), self.stored)
        if offset in self._decisions:
            self._delete(keys.decision(self.batch.partition, offset), self.stored)
        self._withdraw_note(offset)

    def _explain(self, offset: int, rejection: EventRejected) -> None:
        """Keep why a value can't be folded now; where that is what it was, nothing changes."""
        parked = self._parked[offset]
        now = replace(parked, reason=rejection.reason.value, detail=rejection.detail, fingerprint=rejection.fingerprint)
        self._workspace.put(self.batch.parked_key(offset), now)
        self._withdraw_note(offset)
        if rejection.fingerprint is None:
            return
        key = self._note_key(rejection.fingerprint)
        note = ParkedEventDocument(self.batch.partition, self.batch.indices[offset], now.reason, now.detail)
        other = None if key in self._deletes else self._workspace.find(key, ParkedEventDocument)
        # Of several the least counts, as where they are parked.
        if other is None or (note.partition, note.index) < (other.partition, other.index):
            self._deletes.pop(key, None)
            self._workspace.put(key, note)

    def _withdraw_note(self, offset: int) -> None:
        """Have nobody told any more that the event is parked here; another place may be told instead."""
        fingerprint = self._parked[offset].fingerprint
        if fingerprint is None:
            return
        key = self._note_key(fingerprint)
        note = self._workspace.find(key, ParkedEventDocument)
        here = (self.batch.partition, self.batch.indices[offset])
        if note is not None and key not in self._deletes and (note.partition, note.index) == here:
            self._delete(key, self._notes)

    def _delete(self, key: str, stored: Mapping[str, StoredDocument]) -> None:
        self._deletes[key] = Delete(key, stored[key].etag)

    def _note_key(self, fingerprint: str) -> str:
        return keys.parked_event(self.batch.generation, fingerprint)
