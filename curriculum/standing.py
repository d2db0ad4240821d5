"""What is known of a learner when a lesson is composed: the composer's view of a status."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

HELD_FROM: Final = 0.5
"""The mastery from which a concept counts as held: more likely than not, the learner can do it."""


class Grasp(StrEnum):
    """How well a learner has a concept, in a word."""

    BEGINNING = "beginning"
    DEVELOPING = "developing"
    PROFICIENT = "proficient"
    MASTERED = "mastered"

    @classmethod
    def of(cls, mastery: float) -> "Grasp":
        """The word for a mastery, 0 to 1."""
        return next((word for least, word in _LEAST if mastery >= least), cls.BEGINNING)

    @property
    def is_held(self) -> bool:
        """Whether it stands for a mastery of `HELD_FROM` or more."""
        return self in {Grasp.PROFICIENT, Grasp.MASTERED}


_LEAST: Final = ((0.8, Grasp.MASTERED), (HELD_FROM, Grasp.PROFICIENT), (0.35, Grasp.DEVELOPING))


@dataclass(frozen=True, slots=True)
class ConceptStanding:
    """How a learner stands with one concept that they have met.

    Attributes:
        mastery: the probability, 0 to 1, that the learner can do it today.
        grasp: the same in a word.
        fading: it was held well once and is being forgotten.
        last_score: 0 to 1, the score of the last lesson on it that had one.
        last_seen_at: when it was last worked on.
        lessons: how many reports on it count into this.
    """

    mastery: float
    grasp: Grasp
    fading: bool
    last_score: float | None
    last_seen_at: datetime
    lessons: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a learner stands.

    Attributes:
        concepts: by concept id; a concept not in here was never worked on.
        pace: minutes taken for each minute planned, over completed lessons; `None` while nothing is known.
        as_of: the time of the last event in it; `None` for none.
    """

    concepts: Mapping[str, ConceptStanding] = field(default_factory=dict)
    pace: float | None = None
    as_of: datetime | None = None
