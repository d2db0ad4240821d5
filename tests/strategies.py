"""What happens in tests: commands as plain facts, and the events that record them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from events.contracts import AuthoredPart, LessonAuthored, LessonElement, LessonRequested, Level, ProgressUpdated
from events.envelope import EventMetadata, encode
from events.identity import lesson_id_for

START = datetime(2024, 2, 27, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
SOURCE = "/tests"


@dataclass(frozen=True)
class Request:
    """A learner asked for a lesson."""

    event_id: str
    learner_id: str
    at: datetime
    topic: str
    level: str
    concepts: tuple[str, ...] = ()

    @property
    def lesson_id(self) -> str:
        return lesson_id_for(source=SOURCE, event_id=self.event_id, learner_id=self.learner_id)


@dataclass(frozen=True)
class Report:
    """A learner reported progress."""

    event_id: str
    learner_id: str
    at: datetime
    lesson_id: str
    completion_ppm: int
    score_ppm: int | None
    time_spent_ms: int
    achievements: tuple[str, ...]


@dataclass(frozen=True)
class Authoring:
    """A model wrote the first step of a lesson anew."""

    event_id: str
    learner_id: str
    at: datetime
    lesson_id: str
    content: str


Fact = Request | Report | Authoring


def value_of(fact: Fact) -> bytes:
    """The bytes that the log holds for a fact."""
    metadata = EventMetadata(fact.event_id, SOURCE, fact.at, TRACE, fact.event_id)
    if isinstance(fact, Report):
        data: LessonRequested | ProgressUpdated | LessonAuthored = ProgressUpdated(
            learner_id=fact.learner_id,
            lesson_id=fact.lesson_id,
            completion_ppm=fact.completion_ppm,
            score_ppm=fact.score_ppm,
            time_spent_ms=fact.time_spent_ms,
            achievements=fact.achievements,
        )
    elif isinstance(fact, Authoring):
        data = LessonAuthored(
            learner_id=fact.learner_id,
            lesson_id=fact.lesson_id,
            author="test",
            parts=(AuthoredPart(element=0, content=fact.content),),
        )
    else:
        data = LessonRequested(
            learner_id=fact.learner_id,
            lesson_id=fact.lesson_id,
            topic=fact.topic,
            title=f"About {fact.topic}",
            level=Level(fact.level),
            duration_minutes=30,
            objectives=("Know it",),
            elements=(LessonElement(kind="practice", title="Do it", minutes=30, content="Do it."),),
            composer="test/1",
            concepts=fact.concepts,
        )
    return encode(metadata, data)


learner_ids = st.sampled_from(["ada", "ben", "cyd"])
# Few of them, so that things often occur at the same moment.
moments = st.sampled_from([0, 1, 60 * 12, 60 * 24, 60 * 47, 60 * 24 * 9]).map(lambda m: START + timedelta(minutes=m))
event_ids = st.uuids(version=4).map(str)
requests = st.builds(
    Request,
    event_id=event_ids,
    learner_id=learner_ids,
    at=moments,
    topic=st.sampled_from(["loops", "Schleifen", "関数", "a" * 200]),
    level=st.sampled_from([level.value for level in Level]),
    concepts=st.lists(st.sampled_from(["python/loops", "python/lists", "music/notes"]), max_size=2, unique=True).map(
        tuple
    ),
)
reports = st.builds(
    Report,
    event_id=event_ids,
    learner_id=learner_ids,
    at=moments,
    lesson_id=st.sampled_from(["l1", "l2", "l3", "intro:loops@v2"]),
    completion_ppm=st.sampled_from([0, 1, 333_333, 999_999, 1_000_000]),
    score_ppm=st.none() | st.integers(0, 1_000_000),
    time_spent_ms=st.integers(0, 10_000_000),
    achievements=st.lists(st.sampled_from(["first", "fast", "ünïcode"]), max_size=2, unique=True).map(tuple),
)
authorings = st.builds(
    Authoring,
    event_id=event_ids,
    learner_id=learner_ids,
    at=moments,
    lesson_id=st.sampled_from(["l1", "l2"]),
    content=st.sampled_from(["One way to say it.", "Another way."]),
)


@st.composite
def histories(draw: st.DrawFn, *, most: int = 25) -> list[Fact]:
    """What learners did, in the order in which it was recorded; reports are partly of lessons asked for."""
    facts: list[Fact] = draw(
        st.lists(requests | reports | authorings, max_size=most, unique_by=lambda fact: fact.event_id)
    )
    asked = [fact for fact in facts if isinstance(fact, Request)]
    if asked:
        about = draw(
            st.lists(st.tuples(st.sampled_from(asked), reports), max_size=8, unique_by=lambda pair: pair[1].event_id)
        )
        for request, report in about:
            if all(report.event_id != fact.event_id for fact in facts):
                place = draw(st.integers(0, len(facts)))
                facts.insert(
                    place, Report(**{**vars(report), "learner_id": request.learner_id, "lesson_id": request.lesson_id})
                )
    return facts
