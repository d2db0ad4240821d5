"""Writes what a long lesson goes on with: the same once more from memory, and a project of the learner's own."""

from collections.abc import Iterator, Sequence
from typing import Final

from curriculum.composing.choosing import LONGEST_PRACTICE, MINUTES_A_QUESTION, scaled
from curriculum.composing.script import Part, Script, paragraphs, timed
from curriculum.composing.teaching import numbers_of
from curriculum.composing.whys import name
from curriculum.objectives import wording_for
from curriculum.pacing import Need
from curriculum.phrases import PROJECT, ProjectStage, Step
from curriculum.prose import bullets, listed

_MOST_AGAIN: Final = 45
_MOST_CHECK: Final = 30
_LEAST_MINUTES: Final = 3


def second_round(script: Script) -> Iterator[Part]:
    """The exercises and the questions of the lesson once more, from memory, now that some time has passed."""
    exercises = [one for work in script.works for one in work.all_exercises]
    questions = [one for work in script.works for one in work.questions]
    needed = sum(scaled(one.minutes, script.learner.pace) for _, one in exercises) // 2
    why = "What is called back to mind after a while stays longer, and this lesson has time for it."
    yield Part(
        "practice",
        "Once more, from memory",
        Need(_LEAST_MINUTES, min(max(needed, _LEAST_MINUTES), _MOST_AGAIN), _MOST_AGAIN),
        why,
        lambda minutes: paragraphs(
            f"Go back to {numbers_of(exercises)}. Put away what you wrote, and look at no hint and no solution.",
            timed(
                minutes,
                (
                    Step("Choose the exercise that was hardest for you, and do it again from its task alone.", 4),
                    Step("Compare with your first version. Mark what you did differently, and which is better.", 1, 4),
                    Step("Do another one in another order: begin with what you were least sure of.", 4, 9),
                    Step("Change the task of one exercise, so that your solution fails. Mend it.", 3, 15),
                    Step("Do all that is left, the longest ago first.", 4, 25),
                ),
            ),
        ),
    )
    wanted = scaled(MINUTES_A_QUESTION * len(questions), script.learner.pace)
    numbers = listed([str(number) for number, _ in questions])
    yield Part(
        "check",
        "The questions again, with reasons",
        Need(_LEAST_MINUTES, min(max(wanted, _LEAST_MINUTES), _MOST_CHECK), _MOST_CHECK),
        why,
        lambda _: paragraphs(
            f"Answer {'question' if len(questions) == 1 else 'questions'} {numbers} once more, without looking at what "
            "you wrote down the first time.",
            "This time say for each answer that you do **not** choose what somebody who chooses it has missed.",
            "Where the letter differs from your first one, mark the question: its answer is worth reading twice.",
        ),
    )


def project(script: Script) -> Iterator[Part]:
    """Independent work that uses what the lesson taught, in stages; each stage can be left out from the end."""
    names = [name(work.portion.taught.concept) for work in script.works]
    subject = listed(names)
    for stage in PROJECT:
        yield Part(
            "practice",
            f"Something of your own: {stage.name}",
            Need(_LEAST_MINUTES, min(stage.minutes, LONGEST_PRACTICE), LONGEST_PRACTICE),
            f"There is time to use {subject} for something that nobody prepared."[:500],
            lambda minutes, stage=stage: _stage(script, stage, subject, minutes),  # type: ignore[misc]
        )


def _stage(script: Script, stage: ProjectStage, subject: str, minutes: int) -> str:
    objectives = _objectives_of(script)
    ideas = bullets(wording_for(script.lines[place]).tasks[-1] for place in objectives) if stage.with_ideas else ""
    return paragraphs(
        f"{stage.aim.format(subject=subject)}",
        timed(minutes, stage.steps),
        f"Ideas, if none comes to you:\n\n{ideas}" if ideas else "",
    )


def _objectives_of(script: Script) -> Sequence[int]:
    """One objective for each way of working, so that no idea comes twice."""
    ways = {wording_for(line): place for place, line in reversed(list(enumerate(script.lines)))}
    return sorted(ways.values())
