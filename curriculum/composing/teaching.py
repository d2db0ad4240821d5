"""Writes what a concept is taught with: explanation, examples, exercises with their hints, questions."""

import re
from collections.abc import Iterator, Sequence
from math import ceil
from typing import Final

from curriculum.composing.choosing import (
    LONGEST_PRACTICE,
    MINUTES_A_QUESTION,
    MINUTES_AN_EXAMPLE,
    reading_minutes,
    scaled,
)
from curriculum.composing.script import Part, Script, Work, paragraphs
from curriculum.composing.selection import deeper_than
from curriculum.composing.whys import name, why_taught
from curriculum.material import Answer, Concept, Exercise, Question
from curriculum.pacing import Need
from curriculum.prose import amount, in_one_line, indented, listed
from events.contracts import Level

LETTERS: Final = "ABCDEF"
_MOST_READING: Final = 30
_MOST_EXAMPLES: Final = 30
_MOST_CHECK: Final = 30
_LONGEST_FENCE: Final = re.compile("`{3,}")


def first_round(script: Script, work: Work, *, with_example: bool) -> Iterator[Part]:
    """Explanation, examples if there are any and time for them, practice, check."""
    taught = work.portion.taught
    concept, pace = taught.concept, script.learner.pace
    why = why_taught(taught, script.request, script.learner, script.selection)
    yield _explanation(script, concept, work.portion.level, why, _goals(script, work))
    if with_example and work.portion.examples:
        texts = [f"### {in_one_line(one.title)}\n\n{one.text.strip()}" for one in work.portion.examples]
        yield Part(
            "example",
            f"{name(concept)}: {'worked examples' if len(texts) > 1 else 'a worked example'}",
            Need(1, scaled(MINUTES_AN_EXAMPLE * len(texts), pace), _MOST_EXAMPLES),
            why,
            lambda _: paragraphs("Cover the end of an example, and say what comes out before you look.", *texts),
            concept.id,
        )
    yield practice(script, concept, f"{name(concept)}: practise", why, work.exercises)
    yield _check(script, work, why)


def further_reading(script: Script, work: Work) -> Part | None:
    """The explanation of the next level, where there is one."""
    portion = work.portion
    level = deeper_than(portion.level)
    if level is portion.level:
        return None
    why = f"There is time to go one step further with {name(portion.taught.concept)}."
    return _explanation(script, portion.taught.concept, level, why, "")


def practice(script: Script, concept: Concept, title: str, why: str, exercises: Sequence[tuple[int, Exercise]]) -> Part:
    """Exercises to do, with what to begin from and with hints, but without their solutions."""
    pace = script.learner.pace
    needed = sum(scaled(one.minutes, pace) for _, one in exercises)

    def content(minutes: int) -> str:
        advice = "Try each exercise before you look at its hints below. The solutions come near the end of the lesson."
        if needed > minutes:
            advice += (
                f" At your pace all of this takes about {amount(needed, 'minute')}, and there "
                f"{'is' if minutes == 1 else 'are'} {amount(minutes, 'minute')}: begin at the top, talk the rest "
                "through, and finish it another time."
            )
        tasks = [_task(script, concept, number, one) for number, one in exercises]
        hints = [_hints(number, one) for number, one in exercises]
        return paragraphs(advice, *tasks, "### Hints", *hints)

    return Part("practice", title, Need(1, min(needed, LONGEST_PRACTICE), LONGEST_PRACTICE), why, content, concept.id)


def fenced(code: str) -> str:
    """Python in a block that no line of it can end."""
    longest = max(map(len, _LONGEST_FENCE.findall(code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}python\n{code.strip(chr(10))}\n{fence}"


def answers_to_choose(question: Question) -> str:
    """The answers with their letters, none of them marked."""
    return "\n".join(f"- **{letter}.** {indented(answer.text)}" for letter, answer in lettered(question))


def lettered(question: Question) -> list[tuple[str, Answer]]:
    """The answers with their letters, in the order of the material."""
    return list(zip(LETTERS, question.answers, strict=False))


def _explanation(script: Script, concept: Concept, level: Level, why: str, goals: str) -> Part:
    text = concept.explanations[level].strip()
    return Part(
        "explanation",
        f"{name(concept)}: explained at {level.value} level",
        Need(1, min(scaled(reading_minutes(text), script.learner.pace), _MOST_READING), _MOST_READING),
        why,
        lambda _: paragraphs(goals, text),
        concept.id,
    )


def _goals(script: Script, work: Work) -> str:
    portion = work.portion
    goals = script.objectives(portion.taught.concept.id, portion.reached)
    return f"This part works towards:\n\n{goals}" if goals else ""


def _check(script: Script, work: Work, why: str) -> Part:
    concept = work.portion.taught.concept
    texts = [
        paragraphs(
            f"### Question {number}",
            script.objectives(concept.id, one.objectives),
            one.text.strip(),
            answers_to_choose(one),
        )
        for number, one in work.questions
    ]
    wanted = scaled(ceil(MINUTES_A_QUESTION * len(texts)), script.learner.pace)
    return Part(
        "check",
        f"{name(concept)}: check yourself",
        Need(1, min(wanted, _MOST_CHECK), _MOST_CHECK),
        why,
        lambda _: paragraphs(
            "Answer from memory: one letter for each question, written down with your reason in a few words.", *texts
        ),
        concept.id,
    )


def _task(script: Script, concept: Concept, number: int, exercise: Exercise) -> str:
    time = scaled(exercise.minutes, script.learner.pace)
    if exercise.check_code:
        told = paragraphs("You are done when this runs below your code without an error:", fenced(exercise.check_code))
    else:
        told = paragraphs("You are done when:", exercise.checks.strip()) if exercise.checks else ""
    return paragraphs(
        f"### Exercise {number}: {in_one_line(exercise.title)} (about {amount(time, 'minute')})",
        script.objectives(concept.id, exercise.objectives),
        exercise.task.strip(),
        f"Begin with this:\n\n{fenced(exercise.start)}" if exercise.start else "",
        told,
    )


def _hints(number: int, exercise: Exercise) -> str:
    return paragraphs(
        *(
            f"#### Exercise {number}, hint {place}\n\n{hint.strip()}"
            for place, hint in enumerate(exercise.hints, start=1)
        )
    )


def numbers_of(works: Sequence[tuple[int, Exercise]]) -> str:
    """Names exercises by their numbers, such as `exercise 3` or `exercises 1, 2 and 4`."""
    return f"exercise{'' if len(works) == 1 else 's'} {listed([str(number) for number, _ in works])}"
