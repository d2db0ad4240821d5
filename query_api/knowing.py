"""From documents to what a learner knows, how fast they learn, and where learners get stuck. Pure.

Every figure is defined in `docs/figures.md`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from curriculum.material import Curriculum
from curriculum.standing import HELD_FROM, Grasp
from events.quantities import PPM, from_ppm
from events.times import to_microseconds
from query_api.answers import ConceptMastery, Pace, StuckConcept, moment_us
from read_models.documents import CONCEPTS_KEPT, ConceptFigures, LearnerDocument, Observation, PartitionDocument, Totals
from read_models.mastery import Trace, trace

FADING_BELOW: Final = 2 / 3
"""What is retained when it is time to come back: each good result doubles the time until then."""
MOST_STUCK: Final = 10
ENOUGH_SCORES: Final = 3
"""Fewer scored lessons on a concept say nothing about where learners get stuck."""
STUCK_BELOW: Final = 0.7
"""A concept with a better average score holds nobody up."""

_MINUTE_MS: Final = 60_000
_DECIMALS: Final = 6


def concept_masteries(document: LearnerDocument, now: datetime, curriculum: Curriculum) -> list[ConceptMastery]:
    """How well a learner has each concept at a moment, in the order in which they are taught; unknown ones last."""
    places = {concept_id: place for place, concept_id in enumerate(curriculum.by_id)}
    now_us = to_microseconds(now)
    return [
        _mastery_of(concept_id, document.concepts[concept_id], now_us, curriculum)
        for concept_id in sorted(document.concepts, key=lambda one: (places.get(one, len(places)), one))
    ]


def fading_first(masteries: Iterable[ConceptMastery]) -> list[ConceptMastery]:
    """Those that are being forgotten, the one with the least left first."""
    return sorted((one for one in masteries if one.fading), key=lambda one: (one.mastery, one.concept))


def pace_of(totals: Totals) -> Pace | None:
    """Minutes taken against minutes planned; `None` before a lesson was completed with time reported."""
    if totals.paced_lessons == 0:
        return None
    return Pace(
        lessons=totals.paced_lessons,
        minutes_taken=totals.paced_time_ms / _MINUTE_MS,
        minutes_planned=totals.paced_plan_minutes,
        ratio=totals.paced_time_ms / (_MINUTE_MS * totals.paced_plan_minutes),
    )


def stuck_concepts(partitions: Iterable[PartitionDocument], curriculum: Curriculum) -> list[StuckConcept]:
    """Where learners get stuck: concepts with enough scores and a low mean, the lowest first."""
    figures: dict[str, ConceptFigures] = {}
    documents = list(partitions)
    full = [max(one.concepts) for one in documents if len(one.concepts) >= CONCEPTS_KEPT]
    for partition in documents:
        for concept_id, theirs in partition.concepts.items():
            # A full partition has dropped what comes after; without its share the sum would be of some learners only.
            if full and concept_id > min(full):
                continue
            figures.setdefault(concept_id, ConceptFigures()).add(theirs)
    found = [
        StuckConcept(
            concept=concept_id,
            title=_title(concept_id, curriculum),
            lessons=one.lessons,
            scored=one.scored,
            average_score=one.score_sum_ppm / (one.scored * PPM),
            weak_share=one.weak / one.scored,
        )
        for concept_id, one in figures.items()
        if one.scored >= ENOUGH_SCORES
    ]
    hard = sorted(
        (one for one in found if one.average_score < STUCK_BELOW), key=lambda one: (one.average_score, one.concept)
    )
    return hard[:MOST_STUCK]


def _mastery_of(
    concept_id: str, observations: Sequence[Observation], now_us: int, curriculum: Curriculum
) -> ConceptMastery:
    traced = trace(observations, now_us)
    last_score = next((one.score_ppm for one in reversed(observations) if one.score_ppm is not None), None)
    return ConceptMastery(
        concept=concept_id,
        title=_title(concept_id, curriculum),
        mastery=round(traced.now, _DECIMALS),
        grasp=Grasp.of(traced.now),
        fading=_is_fading(traced),
        last_score=None if last_score is None else from_ppm(last_score),
        last_seen_at=moment_us(observations[-1].time_us),
        observations=len(observations),
    )


def _is_fading(traced: Trace) -> bool:
    """It was proficient at least, and much of that is forgotten."""
    return traced.then >= HELD_FROM and traced.retained < FADING_BELOW


def _title(concept_id: str, curriculum: Curriculum) -> str | None:
    concept = curriculum.by_id.get(concept_id)
    return None if concept is None else concept.title
