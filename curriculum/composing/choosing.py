"""Chooses the examples, exercises and questions that a concept is taught with, for the minutes it has."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from curriculum.composing.selection import Taught
from curriculum.material import Example, Exercise, Question
from curriculum.phrases import LEVELS
from events.contracts import Level

MINUTES_A_QUESTION: Final = 1.5
MINUTES_AN_EXAMPLE: Final = 3.0
LONGEST_PRACTICE: Final = 45
_ROOM_FOR_AN_EXAMPLE: Final = 5  # minutes of a concept
_STRETCH: Final = 1.5  # of the time for practice, rather than to leave an objective out
_STUDY_WORDS_A_MINUTE: Final = 50  # to read, to try out and to take a note, not to skim
_LONGEST_READING: Final = 15
_MASTERED: Final = (2, 3)
_DIFFICULTIES: Final = {Level.BEGINNER: (1, 2), Level.INTERMEDIATE: (1, 3), Level.ADVANCED: (2, 3)}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the material a lesson may hold, so that it stays small enough to be recorded.

    Attributes:
        concepts: to teach, at most.
        exercises: of a concept, at most; those that an objective needs may be more.
        questions: likewise.
        examples: of a concept, at most.
        further: whether there may be more than the first round of a concept.
    """

    concepts: int
    exercises: int
    questions: int
    examples: int
    further: bool


@dataclass(frozen=True, slots=True)
class Portion:
    """What a concept is taught with.

    Attributes:
        taught: the concept, and why.
        level: of the explanation and the exercises.
        examples: none where there is no time.
        exercises: at least one, from easy to hard.
        questions: at least one.
        reached: which of its objectives, from 1, are in one of the exercises and in one of the questions.
        more: exercises for which there is time only if much of it is left; from easy to hard.
    """

    taught: Taught
    level: Level
    examples: tuple[Example, ...]
    exercises: tuple[Exercise, ...]
    questions: tuple[Question, ...]
    reached: tuple[int, ...]
    more: tuple[Exercise, ...]


def scaled(minutes: float, pace: float) -> int:
    """Whole minutes that a learner takes for what is planned as `minutes`; at least 1."""
    return max(round(minutes * pace), 1)


def reading_minutes(text: str) -> int:
    """Whole minutes to work through an explanation, at a pace of 1."""
    return min(ceil(len(text.split()) / _STUDY_WORDS_A_MINUTE), _LONGEST_READING)


def choose(
    taught: Taught, requested: Level, asked: Sequence[int], minutes: int, pace: float, limits: Limits
) -> Portion:
    """Choose what a concept is taught with.

    Exercises are of the difficulties that fit the level; others only for an objective that would stay without.

    Args:
        taught: the concept.
        requested: the level of the lesson.
        asked: which of its objectives, from 1, the request asks for: each gets an exercise and a question, whatever the
            time. Of a concept of which none is asked for, all are worked on for which there is time, and one at least.
        minutes: that the concept has.
        pace: minutes taken for each minute planned.
        limits: how much there may be.
    """
    concept = taught.concept
    level = taught.level(requested)
    shares = [minutes * share / sum(LEVELS[level].shares) for share in LEVELS[level].shares]
    wanted = tuple(asked) or tuple(range(1, len(concept.objectives) + 1))

    easiest, hardest = _MASTERED if taught.again else _DIFFICULTIES[level]
    fitting = [one for one in concept.exercises if easiest <= one.difficulty <= hardest]
    # What the explanation leaves of its share is better spent on practice.
    unread = shares[0] - scaled(reading_minutes(concept.explanations[level]) + MINUTES_AN_EXAMPLE, pace)
    practice_time = min(shares[1] + max(unread, 0), LONGEST_PRACTICE)
    needed = _needed_exercises(
        sorted(concept.exercises, key=lambda one: max(easiest - one.difficulty, one.difficulty - hardest, 0)),
        wanted,
        pace,
        None if asked else practice_time * _STRETCH,
    )
    exercises = _filled(needed, fitting, practice_time, pace, limits.exercises)
    practised = [number for number in wanted if any(number in one.objectives for one in exercises)]
    questions = _questions(concept.questions, practised, shares[2] / (MINUTES_A_QUESTION * pace), limits.questions)
    reached = tuple(number for number in practised if any(number in one.objectives for one in questions))

    apt = [one for one in concept.examples if set(one.objectives) & set(reached)] or list(concept.examples)
    room = max(int(shares[0] / 2 / (MINUTES_AN_EXAMPLE * pace)), 1) if minutes >= _ROOM_FOR_AN_EXAMPLE else 0
    return Portion(
        taught=taught,
        level=level,
        examples=tuple(apt[: min(room, limits.examples)]),
        exercises=exercises,
        questions=questions,
        reached=reached,
        more=tuple(one for one in concept.exercises if one not in exercises and one.difficulty >= easiest)
        if limits.further
        else (),
    )


def _needed_exercises(
    exercises: Sequence[Exercise], wanted: Iterable[int], pace: float, minutes: float | None
) -> list[Exercise]:
    """The first exercise there is for each of the wanted objectives; after the first of all, up to `minutes`."""
    chosen: list[Exercise] = []
    for number in wanted:
        if any(number in one.objectives for one in chosen):
            continue
        first = next(one for one in exercises if number in one.objectives)
        spent = sum(scaled(one.minutes, pace) for one in chosen)
        if minutes is None or not chosen or spent + scaled(first.minutes, pace) <= minutes:
            chosen.append(first)
    return chosen


def _filled(
    needed: Sequence[Exercise], fitting: Iterable[Exercise], minutes: float, pace: float, most: int
) -> tuple[Exercise, ...]:
    """The needed exercises and those for which there is time besides, from easy to hard."""
    chosen = list(needed)
    left = minutes - sum(scaled(one.minutes, pace) for one in chosen)
    for one in fitting:
        cost = scaled(one.minutes, pace)
        if one not in chosen and cost <= left and len(chosen) < most:
            chosen.append(one)
            left -= cost
    return tuple(sorted(chosen, key=lambda one: one.difficulty))


def _questions(questions: Sequence[Question], practised: Iterable[int], room: float, most: int) -> tuple[Question, ...]:
    """A question at least for each objective that is practised, and as many more as there is room for."""
    chosen: list[Question] = []
    for number in practised:
        if not any(number in one.objectives for one in chosen):
            chosen.append(next(one for one in questions if number in one.objectives))
    for one in questions:
        if one not in chosen and len(chosen) < min(room, most):
            chosen.append(one)
    return tuple(one for one in questions if one in chosen)
