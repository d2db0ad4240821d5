"""The documents, as the folds write them and the queries read them.

No document of a generation holds a clock's time, a batch boundary or a float sum: two generations built differently are
equal, byte for byte. (Where foreign producers put one learner into two partitions, how the platform's figures are split
between these partitions depends on which was folded first; their sums do not.) Times ending in `_us` are microseconds,
in `_ms` milliseconds, since 1970 UTC; fractions are in parts per million.
"""

from typing import Final

from msgspec import Struct, field

from read_models.control import ControlDocument, DecisionDocument, PruneDocument, RunDocument

LESSONS_SHOWN: Final = 100
"""A learner's document holds this many lessons, those active last; with more, documents of their own hold them all."""
COUNTED_INLINE: Final = 500
"""A learner's document holds this many identities of counted events; with more, all are in documents of their own."""
ACHIEVEMENTS_KEPT: Final = 500
"""A learner's document holds this many achievements, those earned first."""
OBSERVATIONS_KEPT: Final = 8
"""A concept of a learner, or a lesson not known yet, keeps this many observations, the latest."""
CONCEPTS_KEPT: Final = 300
"""A document holds this many concepts, those whose ids come first: whichever leaves could never come back."""
WEAK_SCORE_PPM: Final = 600_000
"""A lower score means that something was not understood yet."""
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


class Register(Struct, frozen=True, order=True):
    """A value of which the latest counts: by time, then by event id, then by the value itself.

    The last is there for two sources that use one id; so the order in which events come never matters.
    """

    time_us: int
    event_id: str
    value: int


class Observation(Struct, frozen=True, array_like=True):
    """A result that says something about the concepts of its lesson. Ordered by `place`.

    Attributes:
        time_us: when it occurred.
        event_id: of its event.
        score_ppm: how well it went; `None` where a lesson was completed without a score.
    """

    time_us: int
    event_id: str
    score_ppm: int | None

    @property
    def place(self) -> tuple[int, str, int]:
        """Its place among others, as `Register` has it: later, greater id, greater value."""
        return (self.time_us, self.event_id, -1 if self.score_ppm is None else self.score_ppm)


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
        concepts: what it teaches, sorted; known with the summary.
        waiting: the last observations, in ascending order, of a lesson whose concepts are not known yet.
    """

    summary: LessonSummary | None = None
    completion: Register | None = None
    score: Register | None = None
    completed_at_us: int | None = None
    time_spent_ms: int = 0
    reports: int = 0
    last_activity_us: int = 0
    concepts: list[str] = field(default_factory=list)
    waiting: list[Observation] = field(default_factory=list)


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
        paced_lessons: lessons asked for and completed, with time reported.
        paced_time_ms: over all reports in these.
        paced_plan_minutes: that these were planned for.
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
    paced_lessons: int = 0
    paced_time_ms: int = 0
    paced_plan_minutes: int = 0

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
        self.paced_lessons += other.paced_lessons
        self.paced_time_ms += other.paced_time_ms
        self.paced_plan_minutes += other.paced_plan_minutes


class ConceptFigures(Struct, omit_defaults=True):
    """How lessons on a concept went, over learners.

    Attributes:
        lessons: asked for, that teach it.
        scored: of these, with a score.
        score_sum_ppm: of the scores that occurred last, one a lesson.
        weak: lessons whose last score was below `WEAK_SCORE_PPM`.
    """

    lessons: int = 0
    scored: int = 0
    score_sum_ppm: int = 0
    weak: int = 0

    def add(self, other: "ConceptFigures") -> None:
        """Add every figure of `other` to this one's."""
        self.lessons += other.lessons
        self.scored += other.scored
        self.score_sum_ppm += other.score_sum_ppm
        self.weak += other.weak


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
        concepts: by concept, the last observations, in ascending order, at most `OBSERVATIONS_KEPT` each.
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
    concepts: dict[str, list[Observation]] = field(default_factory=dict)
    last_activity_us: int = 0
    as_of: dict[str, Position] = field(default_factory=dict)


class CountedDocument(Struct):
    """Identities of counted events, sorted: a share of those of a learner of very many."""

    counted: list[str] = field(default_factory=list)


class LessonsDocument(Struct):
    """Entries by lesson id: a share of those of a learner of very many."""

    lessons: dict[str, LessonEntry] = field(default_factory=dict)


class ElementDocument(Struct, frozen=True, omit_defaults=True):
    """One step of a lesson.

    Attributes:
        content: Markdown.
        concept: what it is about, where that is one concept.
        why: it is in this lesson, in a sentence for the learner.
    """

    kind: str
    title: str
    minutes: int
    content: str
    concept: str | None = None
    why: str | None = None


class LessonDocument(Struct, frozen=True, omit_defaults=True):
    """A lesson in full, as it was composed; the attributes are those of `events.contracts.LessonRequested`."""

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
    concepts: list[str] = field(default_factory=list)
    packs: list[str] = field(default_factory=list)
    standing: str = "new"
    suggestions: list[str] = field(default_factory=list)


class AuthoredDocument(Struct, frozen=True):
    """What a model wrote last for a learner's lesson.

    Attributes:
        time_us: when.
        event_id: of the event that says so; of two at the same time the greater counts.
        author: the component, and the model if known.
        parts: Markdown by the element's place in the lesson (as text, JSON's keys).
    """

    time_us: int
    event_id: str
    author: str
    parts: dict[str, str]


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
        concepts: this partition's share of the platform's figures by concept.
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
    concepts: dict[str, ConceptFigures] = field(default_factory=dict)
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
    | AuthoredDocument
    | CataloguePage
    | ParkedDocument
    | ParkedEventDocument
    | RunDocument
    | PruneDocument
    | DecisionDocument
)
