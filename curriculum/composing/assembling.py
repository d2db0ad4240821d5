"""Puts a lesson of concepts together: selects, chooses, spreads the minutes, writes; within the size of an event."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, count
from typing import Final

from curriculum.composing.choosing import Limits, Portion, choose, scaled
from curriculum.composing.closing import answers, reflection
from curriculum.composing.fitting import cut, fits
from curriculum.composing.further import project, second_round
from curriculum.composing.learner import Learner
from curriculum.composing.opening import opening
from curriculum.composing.own import own_check, own_parts, own_practice
from curriculum.composing.room import MOST_CONCEPTS, room_for
from curriculum.composing.script import Part, Script, Work, paragraphs
from curriculum.composing.selecting import select
from curriculum.composing.selection import Asked, Selection
from curriculum.composing.teaching import first_round, further_reading, practice
from curriculum.composing.warming import warm_up
from curriculum.composing.whys import name
from curriculum.lesson import MAX_OBJECTIVES, ComposedLesson, LessonRequest
from curriculum.material import Curriculum
from curriculum.pacing import spread
from curriculum.phrases import LEVELS
from curriculum.prose import in_one_line, listed, shortened, with_subtitle
from events.contracts import LessonElement

CONCEPTS_COMPOSER: Final = "concepts/1"
"""Recorded with each lesson: what composed it. Another selection, wording or pace is another version."""

_MAX_TEXT_LENGTH: Final = 500
_MOST_PACKS: Final = 20
_MOST_SUGGESTIONS: Final = 10
_MOST_TITLES: Final = 3
_MINUTES_AN_OWN_OBJECTIVE: Final = 6
_AT_THE_END: Final = 2  # parts that stay last: answers and reflection
_LEAST_A_CONCEPT: Final = 3
_WORTH_A_PART: Final = 8  # minutes left over; fewer of them are better spread over what there is

_LIMITS: Final = (
    Limits(MOST_CONCEPTS, 12, 12, 4, further=True),
    Limits(MOST_CONCEPTS, 4, 6, 2, further=False),
    Limits(4, 2, 4, 1, further=False),
    Limits(2, 1, 1, 1, further=False),
    Limits(1, 1, 1, 1, further=False),
)


def compose_concepts(
    request: LessonRequest, learner: Learner, curriculum: Curriculum, asked: Asked, suggestions: Sequence[str] = ()
) -> ComposedLesson:
    """Compose a lesson from the packs; the same arguments always give the same lesson.

    Its elements are `objectives`, any number of `warm_up`; for each concept `explanation`, `example`, `practice` and
    `check`; then what there is time for besides, `answers` and `reflection`. Short lessons go without examples and
    reflection. The minutes are at least 1, at most 45, and add up to the duration. Each objective of the lesson is
    named in a practice and in a check. No practice holds a solution. It fits into an event (`fitting`).

    Args:
        request: what is asked for.
        learner: for whom.
        curriculum: what there is.
        asked: what the topic names; at least one concept, module or pack.
        suggestions: what else may have been meant; the first ten are mentioned and recorded.
    """
    lesson = _compose(request, learner, curriculum, asked, suggestions, _LIMITS[0])
    for limits in _LIMITS[1:]:
        if fits(lesson):
            break
        lesson = _compose(request, learner, curriculum, asked, suggestions, limits)
    return lesson if fits(lesson) else cut(lesson)


def _compose(
    request: LessonRequest,
    learner: Learner,
    curriculum: Curriculum,
    asked: Asked,
    suggestions: Sequence[str],
    limits: Limits,
) -> ComposedLesson:
    room = room_for(request.duration_minutes, learner.pace, limits.concepts)
    selection = select(request, learner, curriculum, asked, room)
    portions = _portions(request, learner, selection, limits)
    suggestions = tuple(shortened(one, _MAX_TEXT_LENGTH) for one in suggestions[:_MOST_SUGGESTIONS])

    objectives, labels = _objectives(request, selection, portions)
    script = Script(
        request=request,
        learner=learner,
        selection=selection,
        works=_numbered(portions, (0,) * len(portions)),
        lines=tuple(map(in_one_line, objectives)),
        labels=labels,
        own=tuple(place for place in range(len(request.objectives)) if place not in selection.treated),
    )
    parts = _longest(script, suggestions, limits) or _shortest(script, suggestions)
    minutes = spread(request.duration_minutes, [part.need for part in parts])
    used = [*(one.concept.id for one in selection.warm_ups), *(one.concept.id for one in selection.taught)]
    return ComposedLesson(
        title=_title(script),
        level=request.level,
        duration_minutes=request.duration_minutes,
        objectives=objectives,
        elements=tuple(_element(part, share) for part, share in zip(parts, minutes, strict=True)),
        composer=CONCEPTS_COMPOSER,
        concepts=tuple(one.concept.id for one in selection.taught),
        packs=tuple(dict.fromkeys(curriculum.pack_of(one).release for one in used))[:_MOST_PACKS],
        standing=learner.used,
        suggestions=suggestions,
    )


def _portions(request: LessonRequest, learner: Learner, selection: Selection, limits: Limits) -> tuple[Portion, ...]:
    """The material of each concept, for an even share of the time that is left by what is around it."""
    own = len(request.objectives) - len(selection.treated)
    around = 4 + request.duration_minutes // 8 + 2 * len(selection.warm_ups)
    around += min(_MINUTES_AN_OWN_OBJECTIVE * own, request.duration_minutes // 3)
    minutes = max((request.duration_minutes - around) // len(selection.taught), _LEAST_A_CONCEPT)
    asked: dict[str, list[int]] = {}
    for concept, number in selection.treated.values():
        asked.setdefault(concept.id, []).append(number)
    return tuple(
        choose(one, request.level, asked.get(one.concept.id, ()), minutes, learner.pace, limits)
        for one in selection.taught
    )


def _objectives(
    request: LessonRequest, selection: Selection, portions: Sequence[Portion]
) -> tuple[tuple[str, ...], dict[tuple[str, int], tuple[int, ...]]]:
    """The objectives of the lesson; and for those of the concepts, where they are among them."""
    if request.objectives:
        places: dict[tuple[str, int], tuple[int, ...]] = {}
        for place, (concept, number) in selection.treated.items():
            places[concept.id, number] = (*places.get((concept.id, number), ()), place)
        return request.objectives, places
    keys = [(portion.taught.concept, number) for portion in portions for number in portion.reached][:MAX_OBJECTIVES]
    texts = tuple(shortened(concept.objectives[number - 1], _MAX_TEXT_LENGTH - 3) for concept, number in keys)
    return texts, {(concept.id, number): (place,) for place, (concept, number) in enumerate(keys)}


def _numbered(portions: Sequence[Portion], more: Sequence[int]) -> tuple[Work, ...]:
    """The work on each concept, with so many of its further exercises, numbered through."""
    exercises, questions = count(1), count(1)
    return tuple(
        Work(
            portion,
            tuple((next(exercises), one) for one in portion.exercises),
            tuple((next(questions), one) for one in portion.questions),
            tuple((next(exercises), one) for one in portion.more[:extra]),
        )
        for portion, extra in zip(portions, more, strict=True)
    )


def _longest(script: Script, suggestions: Sequence[str], limits: Limits) -> list[Part] | None:
    """A lesson with all its parts, and with as much beyond its first rounds as there is time for.

    `None` if even the parts that make it a lesson do not fit with a minute each.
    """
    duration = script.request.duration_minutes
    parts = _parts(script, suggestions)
    if sum(part.need.least for part in parts) > duration:
        return None
    offers = list(project(script))
    if limits.further:
        more = _with_more(script, duration - sum(part.need.want for part in parts))
        if more is not script:
            script, parts = more, _parts(more, suggestions)
        offers = [*second_round(script), *offers]
    # Independent work needs no material: however little of that there is, the minutes can be spent.
    missing = duration - sum(part.need.want for part in parts)
    for offer in offers:
        if missing < _WORTH_A_PART:
            break
        parts.insert(-_AT_THE_END, offer)
        missing -= offer.need.want
    return parts


def _with_more(script: Script, spare: int) -> Script:
    """The script with so many further exercises as fill the spare minutes; the same one where there are none."""
    more = [0] * len(script.works)
    for place, work in enumerate(script.works):
        for exercise in work.portion.more:
            cost = scaled(exercise.minutes, script.learner.pace)
            if cost > spare:
                break
            more[place] += 1
            spare -= cost
    works = _numbered([work.portion for work in script.works], more)
    return replace(script, works=works) if any(more) else script


def _parts(script: Script, suggestions: Sequence[str]) -> list[Part]:
    return [
        opening(script, suggestions),
        *(warm_up(one, script.request, script.learner) for one in script.selection.warm_ups),
        *chain.from_iterable(first_round(script, work, with_example=True) for work in script.works),
        *own_parts(script),
        *chain.from_iterable(_further(script, work) for work in script.works),
        answers(script, with_next=False),
        reflection(script),
    ]


def _further(script: Script, work: Work) -> Iterator[Part]:
    """What goes beyond the first round of a concept: the next level, and exercises left over."""
    if not work.more:
        return
    reading = further_reading(script, work)
    if reading:
        yield reading
    concept = work.portion.taught.concept
    why = f"There is time for more of {name(concept)}."
    yield practice(script, concept, f"{name(concept)}: further exercises", why, work.more)


def _shortest(script: Script, suggestions: Sequence[str]) -> list[Part]:
    """What makes it a lesson, and nothing besides; own objectives share the minutes of the last concept."""
    rounds = [list(first_round(script, work, with_example=False)) for work in script.works]
    if script.own:
        extra = {"practice": own_practice(script), "check": own_check(script)}
        rounds[-1] = [_joined(part, extra.get(part.kind, "")) for part in rounds[-1]]
    return [
        opening(script, suggestions),
        *(warm_up(one, script.request, script.learner) for one in script.selection.warm_ups),
        *chain.from_iterable(rounds),
        answers(script, with_next=True),
    ]


def _joined(part: Part, text: str) -> Part:
    return replace(part, content=lambda minutes: paragraphs(part.content(minutes), text))


def _element(part: Part, minutes: int) -> LessonElement:
    # Checked by `fits`, which has an answer to what is too long.
    return LessonElement.model_construct(
        kind=part.kind,
        title=shortened(part.title, _MAX_TEXT_LENGTH - 3),
        minutes=minutes,
        content=part.content(minutes),
        concept=part.concept,
        why=shortened(part.why, _MAX_TEXT_LENGTH - 3),
    )


def _title(script: Script) -> str:
    names = [name(work.portion.taught.concept) for work in script.works]
    subject = f"{names[0]} to {names[-1]}" if len(names) > _MOST_TITLES else listed(names)
    return with_subtitle(subject, LEVELS[script.request.level].subtitle)
