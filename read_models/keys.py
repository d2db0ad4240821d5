"""Where each document is kept. Ids hold no slash (`events.identity.ID_PATTERN`), so no two keys can meet."""

import hashlib
from typing import Final

CONTROL: Final = "control"
RUN: Final = "replay"
"""Key of the sign of life of the replay under way."""
BUCKETS: Final = 64


def partition(generation: int, number: int) -> str:
    """Key of a partition's checkpoint, accounts and figures."""
    return f"g{generation}/partition/{number}"


def learner(generation: int, learner_id: str) -> str:
    """Key of a learner's document."""
    return f"g{generation}/learner/{learner_id}"


def learner_counted(generation: int, learner_id: str, fingerprint: str) -> str:
    """Key of the document that holds this event's identity, for a learner of very many events."""
    return f"g{generation}/learner/{learner_id}/counted/{_bucket(fingerprint)}"


def learner_counted_all(generation: int, learner_id: str) -> list[str]:
    """All keys that `learner_counted` can give for a learner."""
    return [f"g{generation}/learner/{learner_id}/counted/{bucket}" for bucket in range(BUCKETS)]


def learner_lessons(generation: int, learner_id: str, lesson_id: str) -> str:
    """Key of the document that holds this lesson's entry, for a learner of very many lessons."""
    return f"g{generation}/learner/{learner_id}/lessons/{_bucket(lesson_id)}"


def learner_lessons_all(generation: int, learner_id: str) -> list[str]:
    """All keys that `learner_lessons` can give for a learner."""
    return [f"g{generation}/learner/{learner_id}/lessons/{bucket}" for bucket in range(BUCKETS)]


def lesson(generation: int, lesson_id: str) -> str:
    """Key of a lesson in full."""
    return f"g{generation}/lesson/{lesson_id}"


def authored(generation: int, lesson_id: str, learner_id: str) -> str:
    """Key of what a model wrote for a lesson; that of anybody but its learner is nobody's."""
    return f"g{generation}/authored/{lesson_id}/{learner_id}"


def catalogue(generation: int, number: int, page: int) -> str:
    """Key of a page of a partition's catalogue."""
    return f"g{generation}/catalogue/{number}/{page}"


def parked(generation: int, number: int, index: int) -> str:
    """Key of a partition's parked events, counted from 0 in the order of parking."""
    return f"g{generation}/parked/{number}/{index}"


def parked_event(generation: int, fingerprint: str) -> str:
    """Key of the note that the event of this identity is parked."""
    return f"g{generation}/parked-event/{fingerprint}"


def prune(generation: int) -> str:
    """Key of the note by which a generation that is being thrown away can be found whole."""
    return f"g{generation}/prune"


def decision(number: int, offset: int) -> str:
    """Key of what was decided about a parked value; of no generation."""
    return f"decision/{number}/{offset}"


def _bucket(text: str) -> int:
    return hashlib.sha256(text.encode()).digest()[0] % BUCKETS
