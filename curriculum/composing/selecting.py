"""Selects what a lesson teaches, for one learner, from what its topic names."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from curriculum.composing.admitting import Admission
from curriculum.composing.learner import Learner
from curriculum.composing.matching import match
from curriculum.composing.selection import (
    LEVELS_IN_ORDER,
    Asked,
    Reason,
    Room,
    Selection,
    Taught,
    WarmUp,
    WarmUpReason,
)
from curriculum.lesson import LessonRequest
from curriculum.material import Concept, Curriculum, Module, Pack
from events.contracts import Level

_MOST_UPCOMING: Final = 3
_CALLED_FOR: Final = frozenset((Reason.ASKED, Reason.OBJECTIVE))


def select(request: LessonRequest, learner: Learner, curriculum: Curriculum, asked: Asked, room: Room) -> Selection:
    """Select what to teach; the same arguments always give the same.

    Concepts that the topic names are taught even if they are mastered; of modules and packs, those that are not, in the
    usual order; or if objectives of the request ask for some of them, these alone. No concept is taught before
    what it builds on and the learner is known not to hold: that is taught earlier, warmed up, or taught in its place.
    What was never met here is no gap: the nearest of what the lesson builds on directly gets a quick check.

    Args:
        request: what is asked for.
        learner: for whom.
        curriculum: what there is.
        asked: what the topic names; at least one concept, module or pack.
        room: what there is time for.
    """
    named = {concept.id for concept in asked.concepts}
    pool = _pool(asked, curriculum)
    matches = {
        place: found
        for place, text in enumerate(request.objectives)
        if (found := match(text, pool, curriculum)) is not None
    }
    lesson = Admission(learner, curriculum, room)
    targets = _targets(request, learner, curriculum, asked, pool, room, [concept for concept, _ in matches.values()])
    if not targets:
        targets = list(_after_all(learner, curriculum, pool))
    _fill(lesson, targets)

    taught = tuple(
        lesson.taught[one.id] for one in lesson.in_order(taught.concept for taught in lesson.taught.values())
    )
    treated, later, elsewhere = _treated(request, curriculum, matches, [one.concept for one in taught])
    mastered = [
        one for one in pool if learner.has_mastered(one.id) and one.id not in lesson.taught | dict.fromkeys(named)
    ]
    waiting = lesson.taught.keys() | {one.concept.id for one in lesson.postponed}
    crowded_out = tuple(one for one in pool if one.id in named - waiting)
    return Selection(
        taught=taught,
        warm_ups=_warm_ups(lesson, taught, crowded_out),
        mastered=tuple(mastered),
        postponed=tuple(lesson.postponed),
        crowded_out=crowded_out,
        treated=treated,
        later=later,
        elsewhere=elsewhere,
        upcoming=_upcoming(lesson, targets),
        source=_source(asked, curriculum, taught[0].concept),
    )


def _pool(asked: Asked, curriculum: Curriculum) -> list[Concept]:
    """All that the topic names, in the usual order, each once. A pack is meant only if nothing in it is named."""
    groups: Sequence[Module | Pack] = asked.modules or (() if asked.concepts else asked.packs)
    ids = {concept.id for concept in asked.concepts}
    ids.update(concept.id for group in groups for concept in group.concepts)
    return [concept for concept in curriculum.by_id.values() if concept.id in ids]


def _targets(
    request: LessonRequest,
    learner: Learner,
    curriculum: Curriculum,
    asked: Asked,
    pool: Sequence[Concept],
    room: Room,
    matched: Sequence[Concept],
) -> list[tuple[Concept, Reason]]:
    """What would be taught if there were time for all, the most wanted first."""
    named = {concept.id for concept in asked.concepts}
    wanted = {concept.id for concept in matched}
    # What is asked for together with what it builds on says what that is for: with too little time it goes first.
    supporting = {
        needed.id
        for concept in asked.concepts
        for needed in curriculum.prerequisites_of(concept)
        if len(named) > room.concepts
    }
    targets = [
        (concept, Reason.ASKED if concept.id in named else Reason.OBJECTIVE)
        for concept in sorted(pool, key=lambda one: (one.id not in wanted, one.id in supporting))
        if concept.id in named | wanted
    ]
    if wanted:
        return targets
    open_ones = [one for one in pool if one.id not in named and not learner.has_mastered(one.id)]
    whole_packs = not asked.concepts and not asked.modules
    at_level = [one for one in open_ones if not (whole_packs and _is_passed_over(one, request.level, learner))]
    return [*targets, *((one, Reason.NEXT) for one in at_level or open_ones)]


def _is_passed_over(concept: Concept, level: Level, learner: Learner) -> bool:
    """Whether a learner who asks for a pack at a level is believed to hold a concept that is below it."""
    return LEVELS_IN_ORDER.index(concept.level) < LEVELS_IN_ORDER.index(level) and not learner.is_weak_in(concept.id)


def _after_all(learner: Learner, curriculum: Curriculum, pool: Sequence[Concept]) -> Iterator[tuple[Concept, Reason]]:
    """What is left for somebody who has mastered all that the topic names: what follows, or what is least firm."""
    of_pack = curriculum.pack_of(pool[-1].id).concepts
    end = of_pack.index(pool[-1]) + 1
    onwards = [one for one in (*of_pack[end:], *of_pack[:end]) if not learner.has_mastered(one.id)]
    if onwards:
        for concept in onwards:
            yield concept, Reason.ONWARDS
        return

    def firmness(concept: Concept) -> float:
        met = learner.on(concept.id)
        return met.mastery if met else 0.0

    for concept in sorted(pool, key=firmness):
        yield concept, Reason.REVIEW


def _fill(lesson: Admission, targets: Sequence[tuple[Concept, Reason]]) -> None:
    """Admit the targets in their order, while there is room."""
    waiting = [concept.id for concept, reason in targets if reason in _CALLED_FOR]
    for concept, reason in targets:
        if concept.id in waiting:
            waiting.remove(concept.id)
        if concept.id in lesson.taught or not lesson.spare:
            continue
        if reason in _CALLED_FOR:
            # What was called for goes before what it builds on, where that can do with a warm-up.
            if not lesson.admit(concept, reason, before=lesson.spare - 1 - len(waiting)):
                lesson.postpone(concept)
        elif not lesson.missing(concept):
            lesson.admit(concept, reason)
    if not lesson.taught:
        concept, reason = targets[0]
        if not lesson.admit(concept, reason, before=lesson.spare - 1):
            lesson.postpone(concept)


def _treated(
    request: LessonRequest,
    curriculum: Curriculum,
    matches: dict[int, tuple[Concept, int]],
    taught: Sequence[Concept],
) -> tuple[dict[int, tuple[Concept, int]], dict[int, Concept], dict[int, Concept]]:
    """Which objectives of the request the concepts taught treat; which others of what the topic names; which others."""
    treated: dict[int, tuple[Concept, int]] = {}
    later: dict[int, Concept] = {}
    elsewhere: dict[int, Concept] = {}
    for place, text in enumerate(request.objectives):
        found = matches.get(place)
        if found and found[0] in taught:
            treated[place] = found
        elif here := match(text, taught, curriculum):
            treated[place] = here
        elif found:
            later[place] = found[0]
        elif found := match(text, curriculum.by_id.values(), curriculum):
            elsewhere[place] = found[0]
    return treated, later, elsewhere


def _warm_ups(lesson: Admission, taught: Sequence[Taught], crowded_out: Collection[Concept]) -> tuple[WarmUp, ...]:
    """What is brought back to mind first, in the usual order: what is missing, then what is fading or unknown."""
    chosen = dict(lesson.warm_ups)
    for limit, offers in (
        (lesson.room.reminders, _fading(lesson, taught)),
        (lesson.room.checks, _unknown(lesson, taught, crowded_out)),
    ):
        fresh = [one for one in offers if one.concept.id not in lesson.taught.keys() | chosen.keys()]
        for one in fresh[: max(min(limit, lesson.room.warm_ups - len(chosen)), 0)]:
            chosen[one.concept.id] = one
    return tuple(chosen[one.id] for one in lesson.in_order(warm.concept for warm in chosen.values()))


def _fading(lesson: Admission, taught: Sequence[Taught]) -> list[WarmUp]:
    """What the learner is losing of what the lesson builds on, then of the modules it is from; each once."""
    found: dict[str, WarmUp] = {}
    for one in taught:
        for needed in lesson.curriculum.prerequisites_of(one.concept):
            found.setdefault(needed.id, WarmUp(needed, WarmUpReason.FADING, one.concept))
    for one in taught:
        for module in lesson.curriculum.pack_of(one.concept.id).modules:
            if one.concept in module.concepts:
                for neighbour in module.concepts:
                    found.setdefault(neighbour.id, WarmUp(neighbour, WarmUpReason.FADING, one.concept))
    return [warm_up for warm_up in found.values() if lesson.learner.is_losing(warm_up.concept.id)]


def _unknown(lesson: Admission, taught: Sequence[Taught], crowded_out: Collection[Concept]) -> list[WarmUp]:
    """What the lesson builds on directly and was never met here, the nearest first; each once.

    Before that what was asked for, has no room, and is built on.
    """
    needed_by = {
        needed: one.concept
        for one in taught
        for needed in one.concept.prerequisites
        if lesson.learner.on(needed) is None
    }
    asked_by = {
        needed.id: one.concept
        for one in taught
        for needed in lesson.curriculum.prerequisites_of(one.concept)
        if needed in crowded_out
    }
    by = {**needed_by, **asked_by}
    needed = lesson.in_order(lesson.curriculum.by_id[one] for one in by)
    needed.reverse()
    nearest = sorted(needed, key=lambda one: one.id not in asked_by)
    return [WarmUp(one, WarmUpReason.CHECK, by[one.id]) for one in nearest]


def _upcoming(lesson: Admission, targets: Sequence[tuple[Concept, Reason]]) -> tuple[Concept, ...]:
    """What was asked for and is left, then what follows: what can be taught without a question first."""
    learner = lesson.learner
    of_pack: Sequence[Concept] = lesson.curriculum.pack_of(next(iter(lesson.taught))).concepts
    behind = max(of_pack.index(one.concept) for one in lesson.taught.values() if one.concept in of_pack) + 1
    held = [one.id for one in of_pack if learner.holds(one.id)]
    # Whoever holds one thing, or learns it now, can hardly lack what is under it; but for what they are weak in.
    implied = {one for one in lesson.curriculum.implied_by([*held, *lesson.taught]) if not learner.is_weak_in(one)}
    around = [
        one
        for one in (*of_pack[behind:], *of_pack[:behind])
        if not learner.has_mastered(one.id) and one.id not in implied
    ]
    following = [*(concept for concept, reason in targets if reason not in _CALLED_FOR), *around]

    def is_ready(concept: Concept) -> bool:
        known = implied | lesson.taught.keys()
        ready = all(needed in known or learner.holds(needed) for needed in concept.prerequisites)
        return ready or not learner.is_known_in(concept.id)

    wanted = {
        one.id: one
        for one in (
            *_way_to_postponed(lesson),
            *(concept for concept, reason in targets if reason in _CALLED_FOR),
            *sorted(following, key=lambda one: not is_ready(one)),
        )
    }
    return tuple(one for one in wanted.values() if one.id not in lesson.taught)[:_MOST_UPCOMING]


def _way_to_postponed(lesson: Admission) -> Iterator[Concept]:
    """What was postponed, each after some of what it still needs."""
    for postponed in lesson.postponed:
        yield from [one for one in postponed.missing if one.id not in lesson.taught][: _MOST_UPCOMING - 1]
        yield postponed.concept


def _source(asked: Asked, curriculum: Curriculum, first: Concept) -> str:
    if asked.modules and not asked.concepts:
        return asked.modules[0].title
    return curriculum.pack_of(first.id).title
