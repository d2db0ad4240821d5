"""Writes warm-ups: the main idea of a concept, and one question on it with its answer."""

import re
from typing import Final

from curriculum.composing.learner import Learner
from curriculum.composing.script import Part, paragraphs
from curriculum.composing.selection import WarmUp, WarmUpReason
from curriculum.composing.teaching import answers_to_choose, lettered
from curriculum.composing.whys import name, why_warmed_up
from curriculum.lesson import LessonRequest
from curriculum.material import Concept
from curriculum.pacing import Need
from events.contracts import Level

_MOST_MINUTES: Final = 6
_LONGEST_WANTED: Final = 3
_LESSON_MINUTES_A_MINUTE: Final = 20
_LONGEST_IDEA: Final = 1_000
_NO_PROSE: Final = ("- ", "* ", "> ", "#", "    ", "|", "```", "~~~")
_BLOCK: Final = re.compile(r"^(`{3,}|~{3,})[^\n]*\n.*?^\1[`~]* *$|^\S.*?(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


def warm_up(warm: WarmUp, request: LessonRequest, learner: Learner) -> Part:
    """A warm-up. Each time the learner comes back to the concept, it has the next of its questions."""
    concept = warm.concept
    met = learner.on(concept.id)
    question = concept.questions[(met.lessons if met else 0) % len(concept.questions)]
    letter, right = next((letter, answer) for letter, answer in lettered(question) if answer.right)
    not_yet = (
        f"If that was new to you, ask for a lesson on {name(concept)} next."
        if warm.reason is WarmUpReason.CHECK
        else f"If you had another answer, plan a lesson on {name(concept)} soon."
    )
    text = paragraphs(
        main_idea(concept),
        "### Do you still have it?" if warm.reason is WarmUpReason.FADING else "### Do you have it?",
        question.text.strip(),
        answers_to_choose(question),
        f"Choose one, then compare. Right is **{letter}**:",
        right.reason.strip(),
        not_yet,
    )
    return Part(
        "warm_up",
        f"Warm-up: {name(concept)}",
        Need(1, min(1 + request.duration_minutes // _LESSON_MINUTES_A_MINUTE, _LONGEST_WANTED), _MOST_MINUTES),
        why_warmed_up(warm, request, learner),
        lambda _: text,
        concept.id,
    )


def main_idea(concept: Concept) -> str:
    """The first paragraph of prose of the explanation for beginners, with the code that it announces.

    Empty where it has none of usual length.
    """
    blocks = [found[0].strip() for found in _BLOCK.finditer(concept.explanations[Level.BEGINNER])]
    for place, block in enumerate(blocks):
        if not block.startswith(_NO_PROSE):
            announced = blocks[place + 1 : place + 2] if block.endswith(":") else []
            idea = paragraphs(block, *announced)
            return idea if len(idea) <= _LONGEST_IDEA else ""
    return ""
