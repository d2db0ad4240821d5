"""Says, for this learner, why something is in the lesson."""

from typing import Final

from curriculum.composing.learner import Learner
from curriculum.composing.selection import Reason, Selection, Taught, WarmUp, WarmUpReason
from curriculum.composing.telling import day_of, percent, time_since
from curriculum.lesson import LessonRequest
from curriculum.material import Concept
from curriculum.prose import shortened

_LONGEST_NAME: Final = 80


def name(concept: Concept) -> str:
    """The title of a concept, short enough for a sentence."""
    return shortened(concept.title, _LONGEST_NAME)


def why_asked(request: LessonRequest) -> str:
    """Why there is a lesson."""
    topic = shortened(request.topic, _LONGEST_NAME)
    return f'You asked for "{topic}", {request.duration_minutes} minutes at {request.level.value} level.'


def why_taught(taught: Taught, request: LessonRequest, learner: Learner, selection: Selection) -> str:
    """Why a concept is taught: what called for it, and what is known of the learner's work on it; 400 characters."""
    history = _history(taught.concept, request, learner)
    if taught.reason is Reason.NEEDED and taught.needed_for:
        builds = f"{name(taught.needed_for)} builds on it."
        return f"{history.removesuffix('.')}, and {builds}" if history else builds
    source = shortened(selection.source, _LONGEST_NAME)
    called = {
        Reason.ASKED: "You asked for it.",
        Reason.OBJECTIVE: "One of your objectives asks for it.",
        Reason.ONWARDS: "You have mastered all that you asked for, and this comes next.",
        Reason.REVIEW: "You have mastered all of this, and this part you hold least firmly.",
    }.get(taught.reason, f"Next in the usual order of {source}.")
    return f"{called} {history}".strip()


def why_warmed_up(warm_up: WarmUp, request: LessonRequest, learner: Learner) -> str:
    """Why a concept is brought back to mind first; 400 characters."""
    before = name(warm_up.before)
    if warm_up.reason is WarmUpReason.CHECK:
        return f"{before} builds on {name(warm_up.concept)}: a quick check that you know it."
    history = _history(warm_up.concept, request, learner)
    if warm_up.reason is WarmUpReason.UNMET:
        return f"{history.removesuffix('.')}, and {before} builds on it."
    return history


def _history(concept: Concept, request: LessonRequest, learner: Learner) -> str:
    """What is known of the learner's work on a concept, in a sentence; empty for a newcomer to its pack."""
    met = learner.on(concept.id)
    title = name(concept)
    if met is None:
        return "New to you." if learner.is_known_in(concept.id) else ""
    now = request.asked_at
    if met.fading:
        return f"You held {title} well {time_since(met.last_seen_at, now)}; it is fading."
    if learner.has_mastered(concept.id):
        return f"You have mastered {title}, so this goes deeper."
    if met.last_score is None:
        return f"You worked on {title} {day_of(met.last_seen_at, now)}."
    return f"You scored {percent(met.last_score)} on {title} {day_of(met.last_seen_at, now)}."
