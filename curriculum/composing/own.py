"""Writes work on objectives of the learner's own that no material treats: as an outline does."""

from collections.abc import Iterator
from typing import Final

from curriculum.composing.script import Part, Script, paragraphs
from curriculum.objectives import Wording, wording_for
from curriculum.pacing import Need
from curriculum.prose import bullets

_MINUTES_OF_PRACTICE: Final = 5
_MINUTES_OF_CHECK: Final = 2
_MOST_PRACTICE: Final = 45
_MOST_CHECK: Final = 30
_WHY: Final = "You asked for it in your own words, and the teaching material does not treat it here."
_FIRST_TASKS: Final = 2


def own_parts(script: Script) -> Iterator[Part]:
    """A practice and a check of the objectives that no concept of the lesson treats; nothing where there are none."""
    if not script.own:
        return
    count = len(script.own)
    yield Part(
        "practice",
        "Practise your own objectives",
        Need(1, min(_MINUTES_OF_PRACTICE * count, _MOST_PRACTICE), _MOST_PRACTICE),
        _WHY,
        lambda _: own_practice(script),
    )
    yield Part(
        "check",
        "Check your own objectives",
        Need(1, min(_MINUTES_OF_CHECK * count, _MOST_CHECK), _MOST_CHECK),
        _WHY,
        lambda _: own_check(script),
    )


def own_practice(script: Script) -> str:
    """What to do for each of these objectives; empty where there are none."""
    tasks = [
        paragraphs(
            script.objective(place),
            f"Look in material of your own for {wording.look_for}",
            bullets(wording.tasks[:_FIRST_TASKS]),
        )
        for place, wording in _worded(script)
    ]
    source = "The facts for these come from your own material."
    return paragraphs("### Your own objectives", source, *tasks) if tasks else ""


def own_check(script: Script) -> str:
    """How to judge oneself on each of these objectives; empty where there are none."""
    questions = [
        paragraphs(
            script.objective(place),
            bullets((wording.question.text, f"Good enough if {wording.question.good_enough_if}")),
        )
        for place, wording in _worded(script)
    ]
    advice = "Mark each **yes** (good enough without looking), **partly** or **not yet**."
    return paragraphs("### Your own objectives", advice, *questions) if questions else ""


def _worded(script: Script) -> list[tuple[int, Wording]]:
    return [(place, wording_for(script.lines[place])) for place in script.own]
