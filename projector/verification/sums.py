"""Do the partitions' figures add up to the learners'?

Together, not one by one: a learner whom foreign producers put into several partitions counts in the one that was folded
first.
"""

from collections.abc import Mapping
from typing import Any, Final, Self

from projector.verification.accounts import json_object
from projector.verification.names import Kind

GROWING: Final = frozenset(
    {
        "events",
        "lessons_requested",
        "lessons_known",
        "lessons_started",
        "lessons_completed",
        "lessons_scored",
        "time_spent_ms",
        "achievements",
        "learners",
        "paced_lessons",
        "paced_time_ms",
        "paced_plan_minutes",
    }
)
"""Figures that never fall as a generation goes on; `score_sum_ppm` may."""


class Sums:
    """Figures of the learners and of the partitions, added up."""

    def __init__(self) -> None:
        self.learners: dict[str, int] = {}
        self.partitions: dict[str, int] = {}

    @classmethod
    def of(cls, values: Mapping[str, bytes]) -> Self:
        """The sums over all documents of a generation, by suffix, as of one moment."""
        sums = cls()
        for suffix, value in values.items():
            kind, _, rest = suffix.partition("/")
            if kind == Kind.LEARNER and "/" not in rest:
                add_totals(sums.learners, value)
            elif kind == Kind.PARTITION:
                add_totals(sums.partitions, value)
        return sums

    def unequal(self) -> tuple[str, ...]:
        """Names of the figures that do not add up to the same."""
        return unequal(self.learners, self.partitions)


def add_totals(sums: dict[str, int], value: bytes | None) -> None:
    """Add the totals of a document, as far as it has any."""
    totals: Any = (json_object(value) or {}).get("totals")
    for name, figure in totals.items() if isinstance(totals, dict) else ():
        if isinstance(figure, int):
            sums[name] = sums.get(name, 0) + figure


def unequal(one: Mapping[str, int], other: Mapping[str, int]) -> tuple[str, ...]:
    """Names of the figures that differ, sorted; one that is left out is 0."""
    return tuple(name for name in sorted(one.keys() | other.keys()) if one.get(name, 0) != other.get(name, 0))
