"""Admits concepts to a lesson, with what they build on: taught before them, warmed up, or taught in their place."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from curriculum.composing.learner import Learner
from curriculum.composing.selection import Postponed, Reason, Room, Taught, WarmUp, WarmUpReason
from curriculum.material import Concept, Curriculum


@dataclass(slots=True)
class Admission:
    """A lesson that is being filled. What is in it can be taught in the usual order without a gap.

    That is: whatever something in it builds on, directly or not, and the learner is known not to hold, is in it as
    well, taught or warmed up.
    """

    learner: Learner
    curriculum: Curriculum
    room: Room
    taught: dict[str, Taught] = field(default_factory=dict)
    warm_ups: dict[str, WarmUp] = field(default_factory=dict)
    postponed: list[Postponed] = field(default_factory=list)
    _order: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._order = {concept: place for place, concept in enumerate(self.curriculum.by_id)}

    @property
    def spare(self) -> int:
        """How many concepts can still be taught."""
        return self.room.concepts - len(self.taught)

    def in_order(self, concepts: Iterable[Concept]) -> list[Concept]:
        """The concepts in the usual order: after what they build on."""
        return sorted(concepts, key=lambda concept: self._order[concept.id])

    def missing(self, concept: Concept) -> list[Concept]:
        """What has to come before the concept and is not in the lesson yet, in the usual order."""
        there = self.taught.keys() | self.warm_ups.keys()
        return self.in_order(
            one
            for one in self.curriculum.prerequisites_of(concept)
            if self.learner.is_weak_in(one.id) and one.id not in there
        )

    def admit(self, concept: Concept, reason: Reason, *, before: int = 0, needed_for: Concept | None = None) -> bool:
        """Teach the concept, if there is room for it and for what it builds on; whether there was.

        Args:
            concept: what is to be taught.
            reason: why.
            before: how many of its prerequisites may be taught, at most; the others are warmed up.
            needed_for: what builds on it.
        """
        missing = self.missing(concept)
        for count in range(max(min(before, self.spare - 1, len(missing)), 0), -1, -1):
            teach = sorted(missing, key=self._mastery)[:count]
            if self.spare > count and self._fits(warm := self._to_warm_up(teach, missing)):
                for one in teach:
                    self._teach(Taught(one, Reason.NEEDED, concept))
                self._teach(Taught(concept, reason, needed_for, again=self.learner.has_mastered(concept.id)))
                for one in warm:
                    self.warm_ups[one.id] = WarmUp(one, WarmUpReason.UNMET, concept)
                return True
        return False

    def postpone(self, concept: Concept) -> None:
        """Leave the concept for another lesson; if nothing is taught yet, teach what it builds on, while there is room.

        Only for a concept that could not be admitted.
        """
        missing = self.missing(concept)
        self.postponed.append(Postponed(concept, tuple(missing)))
        if not self.taught:
            self._teach_instead(concept, missing)

    def _teach_instead(self, concept: Concept, missing: Sequence[Concept]) -> None:
        # The first in the usual order has the least to build on; whatever builds on nothing always fits.
        first = missing[0]
        if not self.admit(first, Reason.NEEDED, needed_for=concept):
            self._teach_instead(first, self.missing(first))
        for one in missing:
            if one.id not in self.taught:
                self.admit(one, Reason.NEEDED, needed_for=concept)

    def _teach(self, taught: Taught) -> None:
        self.taught[taught.concept.id] = taught
        self.warm_ups.pop(taught.concept.id, None)

    def _to_warm_up(self, teach: Sequence[Concept], missing: Sequence[Concept]) -> list[Concept]:
        warm = {one.id: one for one in missing}
        for concept in teach:
            warm.update({one.id: one for one in self.missing(concept)})
        for concept in teach:
            del warm[concept.id]
        return self.in_order(warm.values())

    def _fits(self, warm: Sequence[Concept]) -> bool:
        return len(self.warm_ups) + len(warm) <= self.room.gaps

    def _mastery(self, concept: Concept) -> float:
        met = self.learner.on(concept.id)
        return met.mastery if met else -1.0
