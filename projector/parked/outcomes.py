"""What a retry made of a parked value."""

from dataclasses import dataclass
from enum import StrEnum

from projector.parked.values import LogPosition
from read_models.control import DecisionDocument


class Outcome(StrEnum):
    """What became of a parked value; stable, for people and programs."""

    APPLIED = "applied"
    """Folded: it is in the figures now."""
    DUPLICATE = "duplicate"
    """Its event had been counted from another offset; it is accounted for as its duplicate now."""
    STILL_PARKED = "still-parked"
    """It can't be folded by this version either."""
    NOT_PARKED = "not-parked"
    """Nothing was parked there."""
    TAKEN = "taken"
    """Somebody else folded it while this retry was at it."""
    LEFT_DROPPED = "left-dropped"
    """Somebody had dropped it, and this retry was not told to fold it all the same."""


@dataclass(frozen=True, slots=True)
class Retried:
    """What a retry made of one position.

    Attributes:
        generation: that was active.
        reason: why it can't be folded now, one of `events.errors.Reason`; `None` unless it is parked still.
        detail: the same in a sentence.
        decision: that had it dropped: removed where it is folded now, in force where it is not; `None` for none.
    """

    position: LogPosition
    generation: int
    outcome: Outcome
    reason: str | None = None
    detail: str | None = None
    decision: DecisionDocument | None = None

    @property
    def folded(self) -> bool:
        """Whether this retry has folded it."""
        return self.outcome in {Outcome.APPLIED, Outcome.DUPLICATE}
