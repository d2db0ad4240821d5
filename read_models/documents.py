"""The documents, as the folds write them and the queries read them.

No document of a generation holds a clock's time, a batch boundary or a float sum: two generations built differently are
equal, byte for byte. (Where foreign producers put one learner into two partitions, how the platform's figures are split
between these partitions depends on which was folded first; their sums do not.) Times ending in `_us` are microseconds,
in `_ms` milliseconds, since 1970 UTC; fractions are in parts per million.
"""

from typing import Final

from msgspec import Struct, field

LESSONS_SHOWN: Final = 100
"""A learner's document holds this many lessons, those active last; with more, documents of their own hold them all."""
COUNTED_INLINE: Final = 500
"""A learner's document holds this many identities of counted events; with more, all are in documents of their own."""
ACHIEVEMENTS_KEPT: Final = 500
"""A learner's document holds this many achievements, those earned first."""
CATALOGUE_PAGE: Final = 64
"""Entries in a page of the catalogue."""


class Position(Struct, frozen=True):
    """A place in a partition of the log.

    Attributes:
        offset: within the partition.
        appended_at_ms: when the log took the record there.
    """

    offset: int
    appended_at_ms: int


class LogIdentityDocument(Struct, frozen=True):
    """Which log a store was folded from."""

    topic_id: str
    partitions: int


class BuildingDocument(Struct, frozen=True):
    """The generation that a replay builds, and which replay that is.

    Attributes:
        generation: that is built.
        run: names one start or resumption of a replay; whoever finds another here has been replaced.
        host: the name of the machine, or container, where it runs.
        pid: its process there.
        space: what tells apart where process numbers mean the same; empty where that is not known.
        reopened: whether the generation was there before this run, which only brings it to the end of the log.
    """

    generation: int
    run: str
    host: str
    pid: int
    space: str = ""
    reopened: bool = False


class RolloutDocument(Struct, frozen=True):
    """A generation of another fold version took over, and projectors of that version have yet to.

    Attributes:
        generation: that serves since.
        before: the one that served until then.
    """

    generation: int
    before: int


class ControlDocument(Struct, frozen=True, omit_defaults=True):
    """What all others are read by.

    Attributes:
        active: the generation that serves.
        log: which log the generations were folded from.
        folds: fold version by generation (as text, JSON's keys), of all generations that there are.
        latest: the highest number that a generation was ever given, so that no number is given twice; 0 for the
            highest in `folds`.
        building: the generation that a replay builds now, or has not finished.
        hold: names a request to all engines to wait for a moment, so that a switch gets through; empty for none.
        rollout: what a replay has to go on folding until projectors do.
    """

    active: int
    log: LogIdentityDocument
    folds: dict[str, str]
    latest: int = 0
    building: BuildingDocument | None = None
    hold: str = ""
    rollout: RolloutDocument | None = None


class RunDocument(Struct, frozen=True):
    """A replay's sign of life; by its changing others see that it lives.

    Attributes:
        run: as `BuildingDocument` has it.
        beat: counts up while it lives.
    """

    run: str
    beat: int


class PruneDocument(Struct, frozen=True):
    """What is needed to find the documents of a generation whose partitions' documents are gone already.

    Attributes:
        catalogues: length of the catalogue by partition (as text, JSON's keys).
        parkings: documents of parked values ever written, by partition.
    """

    catalogues: dict[str, int]
    parkings: dict[str, int]


class DecisionDocument(Struct, frozen=True):
    """That a parked value needs nobody's attention any more. It outlives the generations, which park it again.

    Folds are pure and know nothing of it: one that can make something of the value does.

    Attributes:
        sha256: of the value, in hexadecimal.
        reason: why, in the words of whoever decided.
        decided_by: who, as far as is known.
        decided_at_ms: when, by the clock of the machine where it was decided.
    """

    partition: int
    offset: int
    sha256: str
    reason: str
    decided_by: str
    decided_at_ms: int


class Register(Struct, frozen=True, order=True):
    """A value of which the latest counts: by time, then by event id, then by the value itself.

    The last is there for two sources that use one id; so the order in which events come never matters.
    """

    time_us: int
    event_id: str
    value: int


class LessonSummary(Struct, frozen=True):
    """A lesson as lists show it.

    Attributes:
        partition: of the log, where it was requested.
        position: within that partition.
        index: its place in that partition's catalogue.
    """

    topic: str
    title: str
    level: str
    duration_minutes: int
    requested_at_us: int
    partition: int
    position: Position
    index: int


class LessonEntry(Struct, omit_defaults=True):
    """A lesson as its learner knows it.

    Attributes:
        summary: the lesson; `None` where only progress in it is known.
        completion: the completion that occurred last.
        score: the score that occurred last.
        completed_at_us: when it was first reported complete.
        time_spent_ms: over all reports.
        reports: how many there were.
        last_activity_us: of the request and all reports.
    """

    summary: LessonSummary | None = None
    completion: Register | None = None
    score: Register | None = None
    completed_at_us: int | None = None
    time_spent_ms: int = 0
    reports: int = 0
    last_activity_us: int = 0


class Totals(Struct, omit_defaults=True):
    """Figures that add up, of a learner or of a partition's share of the platform.

    Attributes:
        events: that were counted.
        lessons_requested: lessons asked for.
        lessons_known: lessons asked for or reported on.
        lessons_started: lessons with a report.
        lessons_completed: lessons once reported complete.
        lessons_scored: lessons with a score.
        score_sum_ppm: of the scores that occurred last, one a lesson.
        time_spent_ms: over all reports.
        achievements: different ones kept, over all learners.
        learners: who have an event.
    """

    events: int = 0
    lessons_requested: int = 0
    lessons_known: int = 0
    lessons_started: int = 0
    lessons_completed: int = 0
    lessons_scored: int = 0
    score_sum_ppm: int = 0
    time_spent_ms: int = 0
    achievements: int = 0
    learners: int = 0

    def add(self, other: "Totals") -> None:
        """Add every figure of `other` to this one's."""
        # One by one: this is done twice for every event, and a loop over the names takes five times as long.
        self.events += other.events
        self.lessons_requested += other.lessons_requested
        self.lessons_known += other.lessons_known
        self.lessons_started += other.lessons_started
        self.lessons_completed += other.lessons_completed
        self.lessons_scored += other.lessons_scored
        self.score_sum_ppm += other.score_sum_ppm
        self.time_spent_ms += other.time_spent_ms
        self.achievements += other.achievements
        self.learners += other.learners


class DayActivity(Struct):
    """What happened on a day (UTC).

    Attributes:
        events: that occurred.
        time_spent_ms: that was reported.
    """

    events: int = 0
    time_spent_ms: int = 0


class LearnerDocument(Struct, omit_defaults=True):
    """All that is known of a learner.

    Attributes:
        lessons: by lesson id, at most `LESSONS_SHOWN`.
        lessons_split: whether all entries are in documents of their own, and `lessons` holds copies of the latest.
        counted: identities of the events counted, sorted; empty once `counted_split`.
        counted_split: whether the identities are in documents of their own.
        days: by date (UTC), as ISO 8601 writes it.
        achievements: by name, when first earned.
        as_of: by partition (as text, JSON's keys), the last event in here.
    """

    learner_id: str
    totals: Totals = field(default_factory=Totals)
    lessons: dict[str, LessonEntry] = field(default_factory=dict)
    lessons_split: bool = False
    counted: list[str] = field(default_factory=list)
    counted_split: bool = False
    days: dict[str, DayActivity] = field(default_factory=dict)
    achievements: dict[str, int] = field(default_factory=dict)
    last_activity_us: int = 0
    as_of: dict[str, Position] = field(default_factory=dict)


class CountedDocument(Struct):
    """Identities of counted events, sorted: a share of those of a learner of very many."""

    counted: list[str] = field(default_factory=list)


class LessonsDocument(Struct):
    """Entries by lesson id: a share of those of a learner of very many."""

    lessons: dict[str, LessonEntry] = field(default_factory=dict)


class ElementDocument(Struct, frozen=True):
    """One step of a lesson."""

    kind: str
    title: str
    minutes: int
    content: str


class LessonDocument(Struct, frozen=True):
    """A lesson in full."""

    lesson_id: str
    learner_id: str
    topic: str
    title: str
    level: str
    duration_minutes: int
    objectives: list[str]
    elements: list[ElementDocument]
    composer: str
    requested_at_us: int


class CatalogueEntry(Struct, frozen=True):
    """A lesson in a partition's catalogue."""

    lesson_id: str
    learner_id: str
    summary: LessonSummary


class CataloguePage(Struct):
    """A page of a partition's catalogue, oldest first; entries are appended or blanked, never moved."""

    entries: list[CatalogueEntry | None] = field(default_factory=list)


class ParkedDocument(Struct, frozen=True):
    """A value of the log that could not be folded.

    Attributes:
        reason: one of `events.errors.Reason`.
        size: of the value, in bytes.
        sha256: of the value, in hexadecimal.
        value: the value in base64; `None` where it is too large to keep a second time: read it from the log.
        fingerprint: the event's identity, where one could be read.
    """

    partition: int
    offset: int
    appended_at_ms: int
    key: str | None
    reason: str
    detail: str
    size: int
    sha256: str
    value: str | None
    fingerprint: str | None


class ParkedEventDocument(Struct, frozen=True):
    """Where the event of an identity is parked, and why."""

    partition: int
    index: int
    reason: str
    detail: str


OUTCOMES: Final = ("applied", "duplicate", "parked", "missing")
"""What can become of an offset; each is a count of `PartitionDocument`."""


class PartitionDocument(Struct, omit_defaults=True):
    """A partition's checkpoint, and what became of every offset up to it.

    `applied + duplicate + parked + missing == checkpoint - log_start + 1`, always.

    Attributes:
        log_start: the first offset that this generation was folded from.
        checkpoint: the last offset accounted for; `log_start - 1` before the first.
        as_of: the last record seen.
        seal: short hash of that record (`read_models.seals`), by which a log that was cut and grew again is told apart.
        applied: offsets whose event changed a document.
        duplicate: offsets whose event had been counted before.
        parked: offsets whose value could not be folded.
        missing: offsets that the log confirms to have no record.
        totals: this partition's share of the platform's figures.
        last_activity_us: of the events applied.
        catalogue: length of this partition's catalogue.
        parkings: how many documents of parked values were written.
        retried: how many of these were folded after all, when somebody asked for it; they count under `applied` or
            `duplicate` and no more under `parked`.
    """

    partition: int
    log_start: int
    checkpoint: int
    as_of: Position | None = None
    seal: str = ""
    applied: int = 0
    duplicate: int = 0
    parked: int = 0
    missing: int = 0
    totals: Totals = field(default_factory=Totals)
    last_activity_us: int = 0
    catalogue: int = 0
    parkings: int = 0
    retried: int = 0


Document = (
    ControlDocument
    | PartitionDocument
    | LearnerDocument
    | CountedDocument
    | LessonsDocument
    | LessonDocument
    | CataloguePage
    | ParkedDocument
    | ParkedEventDocument
    | RunDocument
    | PruneDocument
    | DecisionDocument
)
