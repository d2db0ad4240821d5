"""A learner as the composer sees one: what they hold, what they have mastered, what is fading, how fast they go."""

from dataclasses import dataclass
from typing import Final

from curriculum.standing import HELD_FROM, ConceptStanding, Grasp, Standing
from events.contracts import StandingUsed

SLOWEST: Final = 2.0
FASTEST: Final = 0.5


@dataclass(frozen=True, slots=True)
class Learner:
    """What a standing says of its learner; `None`: it could not be had in time."""

    standing: Standing | None

    @property
    def used(self) -> StandingUsed:
        """What a lesson for this learner is fitted to."""
        if self.standing is None:
            return StandingUsed.UNAVAILABLE
        return StandingUsed.NEW if self.standing == Standing() else StandingUsed.KNOWN

    def is_known_in(self, concept: str) -> bool:
        """Whether they ever met anything of the pack of a concept."""
        pack = concept.partition("/")[0]
        return self.standing is not None and any(one.partition("/")[0] == pack for one in self.standing.concepts)

    @property
    def pace(self) -> float:
        """Minutes taken for each minute planned, 0.5 to 2; 1 where nothing is known."""
        pace = self.standing.pace if self.standing else None
        return 1.0 if pace is None else min(max(pace, FASTEST), SLOWEST)

    def on(self, concept: str) -> ConceptStanding | None:
        """How they stand with a concept; `None` where they never met it or it is not known."""
        return self.standing.concepts.get(concept) if self.standing else None

    def holds(self, concept: str) -> bool:
        """Whether what builds on the concept can be taught without a word about it."""
        met = self.on(concept)
        return met is not None and met.mastery >= HELD_FROM

    def is_weak_in(self, concept: str) -> bool:
        """Whether they are known not to hold it. What they never met here they may have learnt elsewhere."""
        met = self.on(concept)
        return met is not None and met.mastery < HELD_FROM

    def has_mastered(self, concept: str) -> bool:
        """Whether teaching it again would waste their time: mastered, and not fading."""
        met = self.on(concept)
        return met is not None and met.grasp is Grasp.MASTERED and not met.fading

    def is_losing(self, concept: str) -> bool:
        """Whether they held it well once and are forgetting it."""
        met = self.on(concept)
        return met is not None and met.fading
