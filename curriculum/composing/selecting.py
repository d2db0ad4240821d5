"""Selects what a lesson teaches, for one learner, from what its topic names."""

from collections.abc import Iterable, Iterator, Sequence
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


def select(request: LessonRequest, learner: Learner, curriculum: Curriculum, asked: Asked, room: Room) -> Selection:
    """Select what to teach; the same arguments always give the same.

    Concepts that the topic names are taught even if they are mastered; of modules and packs, those that are not, in the
    usual order; or if objectives of the request ask for some of them, these alone. No concept is taught before
    what it builds on and the learner is known not to hold: that is taught earlier, warmed up, or taught in its place.

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
        place: found for place, text in enumerate(request.objectives) if (found := match(text, pool)) is not None
    }
    lesson = Admission(learner, curriculum, room)
    targets = list(_targets(request, learner, asked, pool, [concept for concept, _ in matches.values()]))
    if not targets:
        targets = list(_after_all(learner, curriculum, pool))
    _fill(lesson, targets)

    taught = tuple(
        lesson.taught[one.id] for one in lesson.in_order(taught.concept for taught in lesson.taught.values())
    )
    treated, elsewhere = _treated(request, curriculum, matches, [one.concept for one in taught])
    mastered = [
        one for one in pool if learner.has_mastered(one.id) and one.id not in lesson.taught | dict.fromkeys(named)
    ]
    waiting = lesson.taught.keys() | {one.concept.id for one in lesson.postponed}
    return Selection(
        taught=taught,
        warm_ups=_warm_ups(lesson, taught),
        mastered=tuple(mastered),
        postponed=tuple(lesson.postponed),
        crowded_out=tuple(one for one in pool if one.id in named - waiting),
        treated=treated,
        elsewhere=elsewhere,
        upcoming=_upcoming(lesson, [concept for concept, _ in targets]),
        source=_source(asked, curriculum, taught[0].concept),
    )


def _pool(asked: Asked, curriculum: Curriculum) -> list[Concept]:
    """All that the topic names, in the usual order, each once. A pack is meant only if nothing in it is named."""
    groups: Sequence[Module | Pack] = asked.modules or (() if asked.concepts else asked.packs)
    ids = {concept.id for concept in asked.concepts}
    ids.update(concept.id for group in groups for concept in group.concepts)
    return [concept for concept in curriculum.by_id.values() if concept.id in ids]


def _targets(
    request: LessonRequest, learner: Learner, asked: Asked, pool: Sequence[Concept], matched: Sequence[Concept]
) -> Iterator[tuple[Concept, Reason]]:
    """What would be taught if there were time for all, the most wanted first."""
    named = {concept.id for concept in asked.concepts}
    wanted = {concept.id for concept in matched}
    passed = _passed_over(request.level, learner, asked)
    for concept in sorted(pool, key=lambda one: (one.id not in wanted, one.id not in named)):
        if concept.id in named:
            yield concept, Reason.ASKED
        elif concept.id in wanted:
            yield concept, Reason.OBJECTIVE
        elif not wanted and not learner.has_mastered(concept.id) and concept.id not in passed:
            yield concept, Reason.NEXT


def _passed_over(level: Level, learner: Learner, asked: Asked) -> frozenset[str]:
    """What comes before the first concept of the level, where a pack was asked for by somebody not known in it."""
    if asked.concepts or asked.modules:
        return frozenset()
    passed: set[str] = set()
    for pack in asked.packs:
        if not learner.knows_any_of(one.id for one in pack.concepts):
            ranks = [LEVELS_IN_ORDER.index(one.level) for one in pack.concepts]
            begin = next((place for place, rank in enumerate(ranks) if rank >= LEVELS_IN_ORDER.index(level)), 0)
            passed.update(one.id for one in pack.concepts[:begin])
    return frozenset(passed)


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
    called_for = {Reason.ASKED, Reason.OBJECTIVE}
    waiting = [concept.id for concept, reason in targets if reason in called_for]
    for concept, reason in targets:
        if concept.id in waiting:
            waiting.remove(concept.id)
        if concept.id in lesson.taught or not lesson.spare:
            continue
        if reason in called_for:
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
) -> tuple[dict[int, tuple[Concept, int]], dict[int, Concept]]:
    """Which objectives of the request the concepts taught treat; and of the others, which concepts would."""
    treated: dict[int, tuple[Concept, int]] = {}
    elsewhere: dict[int, Concept] = {}
    for place, text in enumerate(request.objectives):
        found = matches.get(place)
        if found and found[0] in taught:
            treated[place] = found
        elif here := match(text, taught):
            treated[place] = here
        elif found or (found := match(text, curriculum.by_id.values())):
            elsewhere[place] = found[0]
    return treated, elsewhere


def _warm_ups(lesson: Admission, taught: Sequence[Taught]) -> tuple[WarmUp, ...]:
    """What is brought back to mind first, in the usual order: what is missing, then what is fading or unknown."""
    chosen = dict(lesson.warm_ups)
    for limit, offers in (
        (lesson.room.reminders, _fading(lesson, taught)),
        (lesson.room.checks, _unknown(lesson, taught)),
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


def _unknown(lesson: Admission, taught: Sequence[Taught]) -> list[WarmUp]:
    """What the lesson builds on directly, the nearest first, if nothing is known of the learner; each once."""
    if lesson.learner.is_known:
        return []
    needed_by = {needed: one.concept for one in taught for needed in one.concept.prerequisites}
    needed = lesson.in_order(lesson.curriculum.by_id[one] for one in needed_by)
    return [WarmUp(one, WarmUpReason.CHECK, needed_by[one.id]) for one in reversed(needed)]


def _upcoming(lesson: Admission, targets: Iterable[Concept]) -> tuple[Concept, ...]:
    of_pack: Sequence[Concept] = lesson.curriculum.pack_of(next(iter(lesson.taught))).concepts
    last = max(of_pack.index(one.concept) for one in lesson.taught.values() if one.concept in of_pack)
    following = (one for one in of_pack[last + 1 :] if not lesson.learner.has_mastered(one.id))
    wanted = {one.id: one for one in (*_way_to_postponed(lesson), *targets, *following)}
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
