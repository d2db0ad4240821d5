"""What a selection is made for, and what it comes to."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from typing import Final, Protocol

from curriculum.material import Concept, Module, Pack
from events.contracts import Level

LEVELS_IN_ORDER: Final = (Level.BEGINNER, Level.INTERMEDIATE, Level.ADVANCED)
_DEEPER: Final = {**dict(pairwise(LEVELS_IN_ORDER)), Level.ADVANCED: Level.ADVANCED}


class Asked(Protocol):
    """What a topic names with certainty: a `curriculum.search.Finding`."""

    @property
    def concepts(self) -> tuple[Concept, ...]:
        """Concepts that it names."""

    @property
    def modules(self) -> tuple[Module, ...]:
        """Modules that it names."""

    @property
    def packs(self) -> tuple[Pack, ...]:
        """Packs that it names."""


class Reason(Enum):
    """Why a concept is taught."""

    ASKED = auto()
    """The topic names it."""
    OBJECTIVE = auto()
    """An objective of the request asks for it."""
    NEXT = auto()
    """It is the next of what the topic names."""
    NEEDED = auto()
    """What was asked for builds on it."""
    ONWARDS = auto()
    """All that the topic names is mastered, and this comes after it."""
    REVIEW = auto()
    """All is mastered, and of that it is held least firmly."""


class WarmUpReason(Enum):
    """Why a concept is warmed up."""

    UNMET = auto()
    """The learner does not hold it, and something in the lesson builds on it."""
    FADING = auto()
    """The learner is losing it."""
    CHECK = auto()
    """Something in the lesson builds on it, and whether the learner holds it is not known, or it was asked for, too."""


def deeper_than(level: Level) -> Level:
    """The next level; `ADVANCED` has none, and is its own."""
    return _DEEPER[level]


@dataclass(frozen=True, slots=True)
class Taught:
    """A concept to teach.

    Attributes:
        concept: what is explained, practised and checked.
        reason: why.
        needed_for: what builds on it, with `Reason.NEEDED`.
        again: whether the learner has mastered it, and so gets it one level deeper.
    """

    concept: Concept
    reason: Reason
    needed_for: Concept | None = None
    again: bool = False

    def level(self, requested: Level) -> Level:
        """The level of its explanation and exercises, in a lesson that was asked for at `requested`."""
        return deeper_than(requested) if self.again else requested


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A concept to bring back to mind; `before` builds on it, or is of the same module."""

    concept: Concept
    reason: WarmUpReason
    before: Concept


@dataclass(frozen=True, slots=True)
class Postponed:
    """A concept that was asked for, and what has to come before it; at least one."""

    concept: Concept
    missing: tuple[Concept, ...]


@dataclass(frozen=True, slots=True)
class Room:
    """What there is time for.

    Attributes:
        concepts: to teach, at most; at least 1.
        warm_ups: of any sort, at most.
        gaps: warm-ups of what the learner does not hold, at most.
        checks: warm-ups of what the learner never met here, at most.
        reminders: warm-ups of what is fading, at most.
    """

    concepts: int
    warm_ups: int
    gaps: int
    checks: int
    reminders: int


@dataclass(frozen=True, slots=True)
class Selection:
    """What a lesson is made of.

    Attributes:
        taught: at least one, in the usual order.
        warm_ups: in the usual order.
        mastered: left out of what the topic names, for being mastered.
        postponed: asked for, and left for another lesson; its prerequisites come first.
        crowded_out: named by the topic, and left for another lesson for want of time alone.
        treated: for the objectives of the request, counted from 0: the concept taught that treats it, and which of the
            concept's objectives, counted from 1.
        later: for those of the others that a concept of what the topic names treats, for which there is no room: that.
        elsewhere: for those that only a concept treats which the topic does not name: that concept.
        upcoming: what may come next, most fitting first; at most three.
        source: title of the module or pack that the topic names, or that the concepts are of.
    """

    taught: tuple[Taught, ...]
    warm_ups: tuple[WarmUp, ...]
    mastered: tuple[Concept, ...]
    postponed: tuple[Postponed, ...]
    crowded_out: tuple[Concept, ...]
    treated: Mapping[int, tuple[Concept, int]]
    later: Mapping[int, Concept]
    elsewhere: Mapping[int, Concept]
    upcoming: tuple[Concept, ...]
    source: str
