"""Writes how a lesson ends: solutions and answers, the score that comes of them, and what is next."""

from math import ceil
from typing import Final

from curriculum.composing.opening import next_steps
from curriculum.composing.script import Part, Script, paragraphs, timed
from curriculum.composing.teaching import lettered
from curriculum.material import Exercise, Question
from curriculum.pacing import Need
from curriculum.phrases import LEVELS, Step
from curriculum.prose import amount, bullets, in_one_line, indented

_MINUTES_AN_ITEM: Final = 0.7
_LONGEST_WANTED: Final = 15
_MOST_ANSWERS: Final = 20
_MOST_REFLECTION: Final = 12
_LONGEST_REFLECTION: Final = 6
_LESSON_MINUTES_A_MINUTE: Final = 20


def answers(script: Script, *, with_next: bool) -> Part:
    """All solutions and right answers, with their reasons, and how to make a score of them.

    Args:
        script: the lesson.
        with_next: whether to say what is next, where no reflection follows.
    """
    exercises = [one for work in script.works for one in work.all_exercises]
    questions = [one for work in script.works for one in work.questions]
    items = len(exercises) + len(questions)
    text = paragraphs(
        "Compare with what you did, one by one, and mark yourself as you go. Another way that passes its check is "
        "right as well.",
        *(_solution(number, one) for number, one in exercises),
        *(_right(number, one, only=script.is_short) for number, one in questions),
        _score(len(exercises), len(questions), len(script.own)),
        next_steps(script) if with_next else "",
    )
    return Part(
        "answers",
        "Solutions and answers: compare, and mark yourself",
        Need(1, min(ceil(_MINUTES_AN_ITEM * items), _LONGEST_WANTED), _MOST_ANSWERS),
        "Your marks become the score that the next lesson is fitted to.",
        lambda _: text,
    )


def reflection(script: Script) -> Part:
    """What to take along, and what is next."""
    level = LEVELS[script.request.level]
    steps = (
        Step("Write down one thing you can do now that you could not do before.", 2),
        Step("Choose what is next by the list below, and put a date on it.", 1, 2),
        Step("Go through the objectives: which did you mark at the start, and was that so?", 2, 3),
        Step("Write down the mistake that you learned most from, and how you will notice it next time.", 2, 5),
    )
    wanted = min(1 + script.request.duration_minutes // _LESSON_MINUTES_A_MINUTE, _LONGEST_REFLECTION)
    return Part(
        "reflection",
        "Look back, and choose what is next",
        Need(1, wanted, _MOST_REFLECTION),
        next_steps(script),
        lambda minutes: paragraphs(
            timed(minutes, steps),
            "What is next:",
            bullets(
                (
                    next_steps(script),
                    "Mostly wrong or not done: ask for the same again on another day, in a shorter lesson.",
                    f"All right: {level.next_if_all}",
                    "In any case: answer the questions from memory again in two days, and once more in two weeks.",
                )
            ),
        ),
    )


def _solution(number: int, exercise: Exercise) -> str:
    return f"### Exercise {number}: {in_one_line(exercise.title)}\n\n{exercise.solution.strip()}"


def _right(number: int, question: Question, *, only: bool) -> str:
    """The right answer with its reason, and unless there is time for it `only`, what is wrong with the others."""
    right = next(letter for letter, answer in lettered(question) if answer.right)
    reasons = [
        f"**{letter}** is {'right' if answer.right else 'wrong'}. {indented(answer.reason)}"
        for letter, answer in lettered(question)
        if answer.right or not only
    ]
    return paragraphs(f"### Question {number}: {right}", bullets(reasons))


def _score(exercises: int, questions: int, own: int) -> str:
    marks = [
        "1 for each exercise that you solved, a half where you needed its solution to get there",
        "1 for each question whose letter was right the first time",
    ]
    if own:
        marks.append("1 for each objective of your own that you marked yes, a half for each partly")
    return paragraphs(
        "### Your score",
        "Count:",
        bullets(marks),
        f"Divide by {exercises + questions + own}, which is {_sum(exercises, questions, own)}. Report the result, a "
        "number from 0 to 1, as `score` with `POST /update-progress`, together with the `completion` and the time that "
        "it took. The next lesson takes it from there.",
    )


def _sum(exercises: int, questions: int, own: int) -> str:
    counted = [amount(exercises, "exercise"), amount(questions, "question")]
    if own:
        counted.append(amount(own, "objective"))
    return " + ".join(counted)
