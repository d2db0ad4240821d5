"""What looks at log and documents mean: how far each partition is behind, and whether that is being dealt with.

Pure. `judge` compares two looks, a `Watcher` each look with all before it; `projector.lag` takes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from read_models.control import ControlDocument, LogIdentityDocument
from read_models.documents import PartitionDocument
from sidecar.records import LogIdentity, PartitionBounds

PATIENCE_SECONDS: Final = 10.0
"""What has waited for less than this is on its way."""


class PartitionState(StrEnum):
    """What is to be said of a partition; `docs/lag.md` says what to do about each."""

    CURRENT = "current"
    LAGGING = "lagging"
    STUCK = "stuck"
    BEYOND_LOG = "beyond-log"
    HISTORY_GONE = "history-gone"
    REWRITTEN = "rewritten"
    ANOTHER_LOG = "another-log"
    NO_ACCOUNTS = "no-accounts"
    UNKNOWN = "unknown"


class TroubleKind(StrEnum):
    """What can be wrong with the whole; none of these hides what else is known."""

    LOG_UNREADABLE = "log unreadable"
    DOCUMENTS_UNREADABLE = "documents unreadable"
    ANOTHER_LOG = "another log"
    NOTHING_PROJECTED = "nothing projected yet"
    NO_SUCH_GENERATION = "no such generation"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong with the whole, with a sentence about it."""

    kind: TroubleKind
    detail: str


@dataclass(slots=True)
class LogSaid:
    """What the log said at one look; where it broke off, what it had said by then.

    Attributes:
        identity: which log it is.
        bounds: of every partition.
        waiting: of partitions that are behind, when the log took the first record that is not folded yet, in
            milliseconds since 1970; `None` where only offsets without a record are left. Where there was no time to ask
            for all of them, the first.
        rewritten: partitions whose last folded record is another one in the log; empty if nobody asked for it.
        unreadable: why it broke off.
    """

    identity: LogIdentity | None = None
    bounds: Mapping[int, PartitionBounds] = field(default_factory=dict)
    waiting: dict[int, int | None] = field(default_factory=dict)
    rewritten: set[int] = field(default_factory=set)
    unreadable: str | None = None

    def differs_from(self, control: ControlDocument | None) -> bool:
        """Whether the documents were folded from another log than this; `False` while that is not known."""
        if control is None or self.identity is None:
            return False
        return control.log != LogIdentityDocument(self.identity.topic_id, self.identity.partitions)


@dataclass(slots=True)
class DocumentsSaid:
    """What the documents said at one look; where they broke off, what they had said by then.

    Attributes:
        control: `None` where there is none, or it can't be read.
        generation: that was looked at; `None` where that is not known.
        accounts: of the partitions that have a document.
        unreadable: why they broke off, or what in them can't be understood.
    """

    control: ControlDocument | None = None
    generation: int | None = None
    accounts: dict[int, PartitionDocument] = field(default_factory=dict)
    unreadable: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What log and documents said at one moment.

    Attributes:
        at_seconds: of a clock that never goes back.
        at_ms: since 1970, by the clock of this machine.
        log: what the log said.
        documents: what the documents said.
    """

    at_seconds: float
    at_ms: int
    log: LogSaid
    documents: DocumentsSaid

    @property
    def partitions(self) -> list[int]:
        """The numbers of all partitions that either side knows of, in order."""
        control = self.documents.control
        return sorted({*self.log.bounds, *range(0 if control is None else control.log.partitions)})

    @property
    def subject(self) -> tuple[int, LogIdentity] | None:
        """What was looked at, generation and log; looks at different ones can't be compared, `None` where unknown."""
        if self.documents.generation is None or self.log.identity is None:
            return None
        return self.documents.generation, self.log.identity

    def behind(self, partition: int) -> int | None:
        """How many offsets wait; negative for a checkpoint beyond the log's end, `None` where one side is not known."""
        bounds, accounts = self.log.bounds.get(partition), self.documents.accounts.get(partition)
        if bounds is None or accounts is None or self.log.differs_from(self.documents.control):
            return None
        return bounds.end - (accounts.checkpoint + 1)

    def checkpoint(self, partition: int) -> int | None:
        """The last offset accounted for; `None` where that is not known."""
        accounts = self.documents.accounts.get(partition)
        return None if accounts is None else accounts.checkpoint


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far a partition is behind.

    Attributes:
        partition: its number.
        state: what is to be said of it.
        end: the log's next offset; `None` where the log did not say.
        accounts: its document; `None` where there is none, or it could not be read.
        events: offsets not accounted for yet; `None` where there is no such number: a checkpoint beyond the log's end
            is not zero events behind.
        seconds: how long the first record not folded yet has been in the log, by the log's clock and this machine's; 0
            where none waits, never negative; `None` where that is not known.
    """

    partition: int
    state: PartitionState
    end: int | None
    accounts: PartitionDocument | None
    events: int | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class LagReport:
    """How far all is behind.

    Attributes:
        generation: that was looked at; `None` where that is not known.
        active: the generation that serves; `None` where that is not known.
        building: the one that a replay builds; `None` for none, or where that is not known.
        partitions: in order of their numbers; empty where neither side told how many there are.
        troubles: of the whole.
        folded_per_second: offsets accounted for between two looks; `None` without a look to compare with.
        seconds_until_current: at the rate at which the lag shrank between two looks, which is what was folded less what
            was appended; `None` where it did not shrink, or that is not known.
    """

    generation: int | None
    active: int | None
    building: int | None
    partitions: tuple[PartitionLag, ...]
    troubles: tuple[Trouble, ...]
    folded_per_second: float | None = None
    seconds_until_current: float | None = None

    @property
    def events(self) -> int | None:
        """How many offsets wait, in all partitions of which that is known; `None` where it is of none."""
        known = [part.events for part in self.partitions if part.events is not None]
        return sum(known) if known else None

    @property
    def seconds(self) -> float | None:
        """The longest that a record has waited in any partition; `None` where that is known of none."""
        return max((part.seconds for part in self.partitions if part.seconds is not None), default=None)

    def has(self, *kinds: TroubleKind) -> bool:
        """Whether there is a trouble of one of these kinds."""
        return any(trouble.kind in kinds for trouble in self.troubles)


def judge(before: Look | None, now: Look, *, patience_seconds: float = PATIENCE_SECONDS) -> LagReport:
    """Compare two looks: what is behind and has waited long enough is stuck if its checkpoint stood still between them.

    Without a look before, or with one at another generation or another log, nothing is called stuck.

    Args:
        before: an earlier look.
        now: the one that is reported.
        patience_seconds: what has waited for less than this is lagging, wherever its checkpoint stands.
    """
    if before is None or before.subject is None or before.subject != now.subject:
        return _report(now, {}, patience_seconds)
    elapsed = now.at_seconds - before.at_seconds
    stood = {}
    for number in now.partitions:
        if before.checkpoint(number) == now.checkpoint(number):
            # What was current at the look before has waited for an unknown part of the time since.
            stood[number] = elapsed if (before.behind(number) or 0) > 0 else 0.0
    report = _report(now, stood, patience_seconds)
    return report if elapsed <= 0 else _with_rates(before, now, report, elapsed)


class Watcher:
    """Compares each look with all before it: the memory of how long a partition that is behind has stood still.

    It begins empty with its process: what its first look finds is lagging at worst, and stuck once it was seen to stand
    still for `patience_seconds`. So neither two looks in quick succession nor a clock that is wrong make anything look
    stuck. Looks at which log or documents could not be read are no news; another generation or log begins anew.
    """

    def __init__(self, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience = patience_seconds
        self._subject: tuple[int, LogIdentity] | None = None
        self._standing: dict[int, tuple[int, float]] = {}

    def judge(self, now: Look) -> LagReport:
        """What this look says, in the light of those before it; looks come in the order of their `at_seconds`."""
        if now.subject is not None and now.subject != self._subject:
            self._subject, self._standing = now.subject, {}
        stood = {}
        for number in now.partitions:
            behind, checkpoint = now.behind(number), now.checkpoint(number)
            if behind is None or checkpoint is None:
                continue
            known = self._standing.get(number)
            if behind <= 0 or known is None or known[0] != checkpoint:
                self._standing.pop(number, None)
                if behind > 0:
                    self._standing[number] = checkpoint, now.at_seconds
            elif now.at_seconds - known[1] >= self._patience:
                stood[number] = now.at_seconds - known[1]
        return _report(now, stood, self._patience)


def _report(now: Look, stood: Mapping[int, float], patience: float) -> LagReport:
    control = now.documents.control
    return LagReport(
        generation=now.documents.generation,
        active=None if control is None else control.active,
        building=None if control is None or control.building is None else control.building.generation,
        partitions=tuple(_partition(now, number, stood.get(number), patience) for number in now.partitions),
        troubles=tuple(_troubles(now)),
    )


def _partition(now: Look, number: int, stood: float | None, patience: float) -> PartitionLag:
    bounds, behind = now.log.bounds.get(number), now.behind(number)
    events = None if behind is None or behind < 0 else behind
    seconds = _seconds(now, number, events)
    if now.log.waiting.get(number, 0) is None:
        stood = None  # nobody's event waits at offsets without a record, however long they stand open
    return PartitionLag(
        partition=number,
        state=_hindrance(now, number) or _progress(now, events, seconds, stood, patience),
        end=None if bounds is None else bounds.end,
        accounts=now.documents.accounts.get(number),
        events=events,
        seconds=seconds,
    )


def _seconds(now: Look, number: int, events: int | None) -> float | None:
    if events is None or (events > 0 and number not in now.log.waiting):
        return None
    appended_at_ms = now.log.waiting.get(number)
    return 0.0 if events == 0 or appended_at_ms is None else max(0.0, (now.at_ms - appended_at_ms) / 1000)


def _hindrance(now: Look, number: int) -> PartitionState | None:
    """What makes a number of events behind meaningless, or keeps anybody from ever folding them."""
    accounts, bounds = now.documents.accounts.get(number), now.log.bounds.get(number)
    if now.log.differs_from(now.documents.control):
        return PartitionState.ANOTHER_LOG
    if accounts is None:
        return PartitionState.NO_ACCOUNTS if now.documents.unreadable is None else PartitionState.UNKNOWN
    if bounds is None:
        return PartitionState.UNKNOWN
    if accounts.checkpoint >= bounds.end:
        return PartitionState.BEYOND_LOG
    if accounts.checkpoint + 1 < bounds.start:
        return PartitionState.HISTORY_GONE
    return PartitionState.REWRITTEN if number in now.log.rewritten else None


def _progress(
    now: Look, events: int | None, seconds: float | None, stood: float | None, patience: float
) -> PartitionState:
    if events == 0:
        return PartitionState.CURRENT
    if seconds is None and now.log.unreadable is not None:
        return PartitionState.UNKNOWN
    if stood is None or max(seconds or 0.0, stood) < patience:
        return PartitionState.LAGGING
    return PartitionState.STUCK


def _troubles(now: Look) -> list[Trouble]:
    found = []
    documents, log = now.documents, now.log
    if log.unreadable is not None:
        found.append(Trouble(TroubleKind.LOG_UNREADABLE, log.unreadable))
    if documents.unreadable is not None:
        found.append(Trouble(TroubleKind.DOCUMENTS_UNREADABLE, documents.unreadable))
    if documents.control is None:
        if documents.unreadable is None:
            found.append(Trouble(TroubleKind.NOTHING_PROJECTED, "no projector has begun since the documents were made"))
        return found
    if log.identity is not None and log.differs_from(documents.control):
        theirs, ours = documents.control.log, log.identity
        detail = (
            f"the documents were folded from log {theirs.topic_id} ({theirs.partitions} partitions), but this is log"
            f" {ours.topic_id} ({ours.partitions} partitions)"
        )
        found.append(Trouble(TroubleKind.ANOTHER_LOG, detail))
    if str(documents.generation) not in documents.control.folds:
        there = ", ".join(sorted(documents.control.folds, key=lambda name: (len(name), name))) or "none"
        detail = f"generation {documents.generation} is not there (these are: {there})"
        found.append(Trouble(TroubleKind.NO_SUCH_GENERATION, detail))
    return found


def _with_rates(before: Look, now: Look, report: LagReport, elapsed: float) -> LagReport:
    folded = shrunk = left = 0
    for number in now.partitions:
        old, new = before.checkpoint(number), now.checkpoint(number)
        if old is not None and new is not None:
            folded += max(0, new - old)  # documents that were restored to an older copy have folded nothing
        then, still = before.behind(number), now.behind(number)
        if then is not None and still is not None:
            shrunk += max(0, then) - max(0, still)
            left += max(0, still)
    until = 0.0 if left == 0 else left * elapsed / shrunk if shrunk > 0 else None
    return replace(report, folded_per_second=folded / elapsed, seconds_until_current=until)
