"""How much fits into a lesson, by its minutes and by how fast its learner goes."""

from typing import Final

from curriculum.composing.selection import Room

MOST_CONCEPTS: Final = 8
_CONCEPTS_UP_TO: Final = ((25, 1), (50, 2), (80, 3))  # minutes, concepts
_MINUTES_A_CONCEPT: Final = 32  # beyond the last of these
_MINUTES_A_WARM_UP: Final = 6  # of the lesson, for each warm-up in it
_MOST_WARM_UPS: Final = 5
_MOST_GAPS: Final = 3  # of what a lesson builds on; with more, it would build on sand
_MINUTES_A_CHECK: Final = 10
_MOST_CHECKS: Final = 3
_REMINDERS_FROM: Final = 15
_MOST_REMINDERS: Final = 2


def room_for(duration_minutes: int, pace: float, most_concepts: int = MOST_CONCEPTS) -> Room:
    """What there is time for in a lesson.

    Args:
        duration_minutes: 5 to 240.
        pace: minutes that the learner takes for each minute planned; positive.
        most_concepts: at least 1.
    """
    planned = duration_minutes / pace
    longest, most = _CONCEPTS_UP_TO[-1]
    concepts = next(
        (count for minutes, count in _CONCEPTS_UP_TO if planned <= minutes),
        most + 1 + int((planned - longest) // _MINUTES_A_CONCEPT),
    )
    return Room(
        concepts=min(concepts, most_concepts),
        warm_ups=min(duration_minutes // _MINUTES_A_WARM_UP, _MOST_WARM_UPS),
        gaps=min(duration_minutes // _MINUTES_A_WARM_UP, _MOST_GAPS),
        checks=min(duration_minutes // _MINUTES_A_CHECK, _MOST_CHECKS),
        reminders=_MOST_REMINDERS if duration_minutes >= _REMINDERS_FROM else 0,
    )
