"""The composer: turns a request for a lesson, and what is known of its learner, into a lesson."""

from typing import Final

from curriculum.composing.assembling import CONCEPTS_COMPOSER, compose_concepts
from curriculum.composing.learner import Learner
from curriculum.lesson import ComposedLesson, LessonRequest
from curriculum.material import Curriculum
from curriculum.outline import OUTLINE_COMPOSER, outline
from curriculum.search import find
from curriculum.standing import Standing

__all__ = ["COMPOSERS", "ComposedLesson", "LessonRequest", "compose"]

COMPOSERS: Final = (CONCEPTS_COMPOSER, OUTLINE_COMPOSER)
"""What a lesson may name as its composer."""


def compose(request: LessonRequest, standing: Standing | None, curriculum: Curriculum) -> ComposedLesson:
    """Compose a lesson: of the packs where they treat the topic with certainty, else an outline.

    Pure and deterministic: the same arguments always give the same lesson. The minutes of its elements are at least 1,
    at most 45, and add up to the requested duration; objectives of the request are taken as they are, in their order.

    Args:
        request: what is asked for.
        standing: how the learner stands; `None` if that could not be had in time, which the lesson then says. An empty
            one is of a learner who is new.
        curriculum: the packs there are; may be none.
    """
    learner = Learner(standing)
    found = find(request.topic, curriculum)
    if found.concepts or found.modules or found.packs:
        return compose_concepts(request, learner, curriculum, found, found.suggestions)
    return outline(request, learner.used, found.suggestions)
