"""The history that a replay is measured on: the same facts for us and for what we are compared with.

A learner asks for one lesson, some time between the others' doings, and reports on ten, of which that is one. Nothing
depends on the machine or on the clock: a case always gives the same facts and the same bytes.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from typing_extensions import override

from curriculum.composer import LessonRequest, compose
from curriculum.material import Curriculum
from curriculum.standing import Standing
from events.contracts import LessonRequested, Level, ProgressUpdated
from events.envelope import EventMetadata, encode
from events.identity import lesson_id_for

LESSONS: Final = 10
"""On which each learner reports."""
DAYS: Final = 14
EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE: Final = "/bench/replay"
_CATALOGUE: Final = 500
_TOPICS: Final = ("Python decorators", "photosynthesis", "the French Revolution", "linear algebra", "écrire un poème")
_MINUTES: Final = 20
_ODD: Final = 0x9E3779B97F4A7C15
_TRUE_COPIES: Final = 200
_COMPLETIONS: Final = (250_000, 500_000, 750_000, 1_000_000)


class BenchFailed(Exception):
    """What was measured is not what was to be measured."""


@dataclass(frozen=True, slots=True)
class Case:
    """A history.

    Attributes:
        events: how many there are, one of each learner a request for a lesson.
        learners: among whom they are spread.
    """

    events: int
    learners: int

    def __post_init__(self) -> None:
        if self.events < self.learners:
            raise ValueError("each learner has an event at least")

    @override
    def __str__(self) -> str:
        return f"{self.events:,} events of {self.learners:,} learners"


class Fact(NamedTuple):
    """An event, before anybody's form is given to it.

    Attributes:
        number: from 0; unique.
        learner: from 0.
        lesson: of the ten, from 0; `None` where one is asked for, which is the learner's lesson 0.
        second: when it occurred, since `EPOCH`.
    """

    number: int
    learner: int
    lesson: int | None
    second: int
    completion_ppm: int
    score_ppm: int
    spent_ms: int


def facts(case: Case) -> Iterator[Fact]:
    """All facts, in the order in which they are recorded."""
    draw = random.Random(1).random
    learners, step = case.learners, case.events // case.learners
    seconds = DAYS * 86_400
    for number in range(case.events):
        asking, rest = divmod(number, step)
        # Mostly in order, as events come; within the hour in any.
        second = number * seconds // case.events + int(draw() * 3600)
        if rest == 0 and asking < learners:
            yield Fact(number, asking, None, second, 0, 0, 0)
            continue
        yield Fact(
            number=number,
            learner=int(draw() * learners),
            lesson=int(draw() * LESSONS),
            second=second,
            completion_ppm=_COMPLETIONS[int(draw() * 4)],
            score_ppm=int(draw() * 1_000_001),
            spent_ms=int(draw() * 1_800) * 1000,
        )


def learner_id(learner: int) -> str:
    """How a learner is named."""
    return f"learner-{learner:06d}"


def event_id(number: int) -> str:
    """The id of an event, of the length that all of ours have; as the numbers are unique, so is it."""
    mixed = number * _ODD & 0xFFFF_FFFF_FFFF_FFFF
    return f"019b7a3c-5f00-7{mixed >> 52:03x}-8{mixed >> 40 & 0xFFF:03x}-00{mixed & 0xFF_FFFF_FFFF:010x}"


def moment(fact: Fact) -> datetime:
    """When it occurred."""
    return EPOCH + timedelta(seconds=fact.second)


class Encoder:
    """Facts as the values of our log: made by `events.envelope.encode` once, then only filled in.

    The first are compared with what `encode` itself makes of them.
    """

    def __init__(self, case: Case) -> None:
        self._first = case.events // case.learners
        self._lessons: list[str | None] = [None] * case.learners
        self._progress = _template(_PROGRESS_MARK)
        self._requests = [_template(_request(topic, _MARK_ID, _MARK_LEARNER)) for topic in _TOPICS]

    def value(self, fact: Fact) -> bytes:
        """The bytes of an event.

        Raises:
            BenchFailed: they are not those that a service would write.
        """
        number, learner = fact.number, learner_id(fact.learner)
        identity = event_id(number)
        filled = {
            b"id": identity.encode(),
            b"learner": learner.encode(),
            b"time": (EPOCH + timedelta(seconds=fact.second)).strftime("%Y-%m-%dT%H:%M:%SZ").encode(),
            b"trace": _trace(number).encode(),
            b"lesson": self._lesson(fact).encode(),
            b"completion": fact.completion_ppm,
            b"score": fact.score_ppm,
            b"spent": fact.spent_ms,
        }
        template = self._progress if fact.lesson is not None else self._requests[fact.learner % len(_TOPICS)]
        value = template % filled
        if number < _TRUE_COPIES and value != self._plainly(fact):
            raise BenchFailed(f"event {number} is not what events.envelope.encode makes of it")
        return value

    def _lesson(self, fact: Fact) -> str:
        if fact.lesson:
            return f"lesson-{(fact.learner * 7 + fact.lesson) % _CATALOGUE:03d}"
        found = self._lessons[fact.learner]
        if found is None:
            identity = event_id(fact.learner * self._first)
            found = lesson_id_for(source=SOURCE, event_id=identity, learner_id=learner_id(fact.learner))
            self._lessons[fact.learner] = found
        return found

    def _plainly(self, fact: Fact) -> bytes:
        identity, learner = event_id(fact.number), learner_id(fact.learner)
        metadata = EventMetadata(identity, SOURCE, moment(fact), _trace(fact.number), identity)
        if fact.lesson is None:
            return encode(metadata, _request(_TOPICS[fact.learner % len(_TOPICS)], identity, learner))
        data = ProgressUpdated(
            learner_id=learner,
            lesson_id=self._lesson(fact),
            completion_ppm=fact.completion_ppm,
            score_ppm=fact.score_ppm,
            time_spent_ms=fact.spent_ms,
        )
        return encode(metadata, data)


def _trace(number: int) -> str:
    mixed = number * _ODD & 0xFFFF_FFFF_FFFF_FFFF
    return f"00-{mixed:016x}{number:016x}-{mixed:016x}-01"


def _request(topic: str, identity: str, learner: str) -> LessonRequested:
    # An outline: made of no pack, so that measurements stay comparable while packs grow.
    lesson = compose(LessonRequest(topic, Level.BEGINNER, (), _MINUTES, _MARK_TIME), Standing(), Curriculum())
    return LessonRequested(
        learner_id=learner,
        lesson_id=lesson_id_for(source=SOURCE, event_id=identity, learner_id=learner),
        topic=topic,
        title=lesson.title,
        level=lesson.level,
        duration_minutes=lesson.duration_minutes,
        objectives=lesson.objectives,
        elements=lesson.elements,
        composer=lesson.composer,
    )


_MARK_ID: Final = "00000000-1111-7222-8333-444444444444"
_MARK_LEARNER: Final = "learner-mark"
_MARK_TRACE: Final = "00-5555555555555555aaaaaaaaaaaaaaaa-6666666666666666-01"
_MARK_TIME: Final = datetime(1999, 9, 9, 9, 9, 9, tzinfo=UTC)
_PROGRESS_MARK: Final = ProgressUpdated(
    learner_id=_MARK_LEARNER, lesson_id="lesson-mark", completion_ppm=123_457, score_ppm=234_567, time_spent_ms=345_678
)


def _template(data: ProgressUpdated | LessonRequested) -> bytes:
    value = encode(EventMetadata(_MARK_ID, SOURCE, _MARK_TIME, _MARK_TRACE, _MARK_ID), data).replace(b"%", b"%%")
    marks = {
        _MARK_ID: b"%(id)b",
        _MARK_LEARNER: b"%(learner)b",
        _MARK_TRACE: b"%(trace)b",
        "1999-09-09T09:09:09Z": b"%(time)b",
        data.lesson_id: b"%(lesson)b",
        "123457": b"%(completion)d",
        "234567": b"%(score)d",
        "345678": b"%(spent)d",
    }
    for mark, place in marks.items():
        value = value.replace(mark.encode(), place)
    return value
