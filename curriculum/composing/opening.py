"""Writes how a lesson begins: where it goes, why so for this learner, what was left out."""

from collections.abc import Iterable, Iterator
from typing import Final

from curriculum.composing.learner import Learner
from curriculum.composing.script import Part, Script, paragraphs
from curriculum.composing.selection import LEVELS_IN_ORDER, Postponed, WarmUpReason
from curriculum.composing.telling import day_of
from curriculum.composing.whys import name, why_asked, why_taught
from curriculum.material import Concept
from curriculum.pacing import Need
from curriculum.phrases import NEW_LEARNER, STANDING_UNAVAILABLE, TREATED_ELSEWHERE, TREATED_LATER, UNTREATED
from curriculum.prose import bullets, in_one_line, listed
from events.contracts import StandingUsed

_MOST_MINUTES: Final = 8
_LONGEST_WANTED: Final = 5
_LESSON_MINUTES_A_MINUTE: Final = 20
_MOST_NAMED: Final = 8
_CLEARLY_SLOWER, _CLEARLY_FASTER = 1.1, 0.9


def opening(script: Script, suggestions: Iterable[str]) -> Part:
    """The element that says what the lesson is for, and why it is as it is."""
    reasons = (
        "### Why this, for you",
        bullets(
            f"**{name(work.portion.taught.concept)}.** "
            + why_taught(work.portion.taught, script.request, script.learner, script.selection)
            for work in script.works
        ),
    )
    ready = (
        "### Getting ready",
        (
            "Have something to write with at hand, and whatever you work with. Read the objectives, and mark those "
            "that you believe you can do already: you will see at the end whether that was so."
        ),
    )
    text = paragraphs(
        "### What you can do after this lesson",
        bullets(map(script.objective, range(len(script.lines)))),
        # The minute that this has in the shortest lessons is for reading the objectives; each element has its reason.
        *(() if script.is_short else reasons),
        *_notes(script),
        _meant(tuple(suggestions)),
        *(() if script.is_short else ready),
    )
    wanted = min(1 + script.request.duration_minutes // _LESSON_MINUTES_A_MINUTE, _LONGEST_WANTED)
    return Part(
        "objectives",
        "Where this lesson goes, and why",
        Need(1, wanted, _MOST_MINUTES),
        why_asked(script.request),
        lambda _: text,
    )


def next_steps(script: Script) -> str:
    """What may come next, in a sentence."""
    names = [name(one) for one in script.selection.upcoming]
    if not names:
        return "You have come to the end of this material. Use it for something of your own."
    return f"Next in line for you: {', then '.join(names)}."


def _notes(script: Script) -> Iterator[str]:
    """What a learner should know of how the lesson came about."""
    learner, selection = script.learner, script.selection
    if learner.used is StandingUsed.UNAVAILABLE:
        yield STANDING_UNAVAILABLE
    elif not any(learner.is_known_in(one.concept.id) for one in selection.taught):
        yield NEW_LEARNER
    for postponed in selection.postponed:
        yield _postponed(script, postponed)
    if selection.crowded_out:
        names = [name(one) for one in selection.crowded_out]
        yield f"There is not time for all that you asked for. Left for another lesson: {listed(names)}."
    if selection.warm_ups:
        yield _warmed(script)
    if selection.mastered:
        yield _left_out(script)
    for work in script.works:
        if work.portion.taught.again:
            yield _again(script, work.portion.taught.concept)
    yield from _own(script)
    yield from _paced(learner)
    yield next_steps(script)


def _postponed(script: Script, postponed: Postponed) -> str:
    concept = name(postponed.concept)
    missing = [name(one) for one in postponed.missing[:_MOST_NAMED]]
    rest = " and more" if len(postponed.missing) > _MOST_NAMED else ""
    taught = [name(work.portion.taught.concept) for work in script.works]
    return (
        f"{concept} has to wait. It builds on {listed(missing)}{rest}, which you have not shown yet, and there is not "
        f"time for all of it today. So this lesson is about {listed(taught)}, and {concept} comes after what it needs."
    )


def _warmed(script: Script) -> str:
    names = {
        reason: [name(one.concept) for one in script.selection.warm_ups if one.reason is reason]
        for reason in WarmUpReason
    }
    said = []
    if unmet := names[WarmUpReason.UNMET]:
        said.append(f"The lesson builds on {listed(unmet)}, so it begins with the main idea of that.")
    if check := names[WarmUpReason.CHECK]:
        said.append(f"The lesson builds on {listed(check)}; it begins with a quick check that you know that.")
    if fading := names[WarmUpReason.FADING]:
        said.append(f"You are losing {listed(fading)}; a warm-up brings it back.")
    return " ".join(said)


def _left_out(script: Script) -> str:
    mastered = script.selection.mastered
    named = [f"{name(one)} ({_last_day(script, one)})" for one in mastered[:_MOST_NAMED]]
    more = len(mastered) - _MOST_NAMED
    if more > 0:
        named.append(f"{more} more")
    return f"Left out, because you have mastered it: {listed(named)}. Ask for one by its name to go deeper."


def _last_day(script: Script, concept: Concept) -> str:
    met = script.learner.on(concept.id)
    return f"last seen {day_of(met.last_seen_at, script.request.asked_at)}" if met else "seen before"


def _again(script: Script, concept: Concept) -> str:
    level = script.request.level
    if level is LEVELS_IN_ORDER[-1]:
        return f"You have mastered {name(concept)} already. So the exercises are hard ones."
    return f"You have mastered {name(concept)} already. So it goes one level deeper, and its exercises are harder."


def _own(script: Script) -> Iterator[str]:
    elsewhere, later = script.selection.elsewhere, script.selection.later
    untreated = [place for place in script.own if place not in elsewhere and place not in later]
    if untreated:
        yield UNTREATED.format(objectives=_named(untreated))
    for phrase, concepts in ((TREATED_LATER, later), (TREATED_ELSEWHERE, elsewhere)):
        for place, concept in concepts.items():
            yield phrase.format(objectives=_named([place]), concept=name(concept))


def _named(places: list[int]) -> str:
    return f"{'objective' if len(places) == 1 else 'objectives'} {listed([str(place + 1) for place in places])}"


def _paced(learner: Learner) -> Iterator[str]:
    if learner.pace >= _CLEARLY_SLOWER:
        yield "You usually take more time than planned, so there is less in this lesson, and more time for it."
    elif learner.pace <= _CLEARLY_FASTER:
        yield "You usually need less time than planned, so there is more in this lesson."


def _meant(suggestions: tuple[str, ...]) -> str:
    return f"Did you also mean: {listed([in_one_line(one) for one in suggestions], last='or')}?" if suggestions else ""
