"""The outline: what a lesson is where no pack knows its topic. It works for any topic.

It knows nothing about the topic and says so. What it adds is the order of work, the time for each step, tasks that fit
what the objective asks for, and a way to judge one's own answers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from curriculum.lesson import ComposedLesson, LessonRequest
from curriculum.objectives import wording_for
from curriculum.pacing import Pace, RoundPace, apportion, plan
from curriculum.phrases import (
    LEVELS,
    OUTLINE_NOTICE,
    OUTLINE_REMINDER,
    OUTLINE_UNFITTED,
    OUTLINE_UNKNOWN,
    RETURNS,
    LevelWording,
    Step,
)
from curriculum.prose import (
    LONGEST_PLAIN_TOPIC,
    amount,
    bullets,
    in_a_sentence,
    in_one_line,
    listed,
    literal,
    shortened,
    with_subtitle,
)
from events.contracts import LessonElement, StandingUsed

OUTLINE_COMPOSER: Final = "outline/2"
"""Recorded with each lesson: what composed it. Another wording or another pace is another version."""

_LONGEST_LIST: Final = 2_000  # characters of all objectives, up to which the opening lists them in full
_LONGEST_LISTED: Final = 120
_COMFORTABLE_MINUTES_PER_OBJECTIVE: Final = 6
_TIGHT_MINUTES_PER_OBJECTIVE: Final = 4
_DERIVED_OBJECTIVES_FROM: Final = ((90, 4), (45, 3), (0, 2))  # minutes of the lesson, objectives
_TASKS_FROM: Final = ((8, 3), (3, 2), (0, 1))  # minutes of practice for one objective, tasks
_ROOM_FOR_SECOND_QUESTION: Final = 3
_MOST_SUGGESTIONS: Final = 10  # as many as an event records


@dataclass(frozen=True, slots=True)
class _Round:
    """One round of explanation, practice and check, with all that its texts need."""

    heading: str
    topic: str
    """In Markdown."""
    level: LevelWording
    pace: RoundPace
    objectives: tuple[tuple[int, str], ...]
    """Each with its number in the lesson, from 1."""


def outline(
    request: LessonRequest, standing: StandingUsed = StandingUsed.NEW, suggestions: Sequence[str] = ()
) -> ComposedLesson:
    """Compose the outline of a lesson; the same request always gives the same lesson.

    The elements are `objectives`, then one or more rounds of `explanation`, `practice`, `check`, then `reflection`.
    Their minutes are at least 1, at most 45, and add up to the requested duration. Objectives of the request are taken
    as they are, in their order; each is in at least one explanation, one practice and one check. In the text of the
    elements, line breaks and other control characters of the request become spaces: one line stays one line; and what
    would be Markdown is escaped.

    Args:
        request: what is asked for.
        standing: whether the learner was known; recorded, and said where it could not be found out.
        suggestions: names of teaching material that may have been meant; the first ten are mentioned and recorded.
    """
    topic = in_a_sentence(request.topic)
    # A long topic is named in full at the start; after that its beginning will do.
    short_topic = literal(in_a_sentence(shortened(request.topic, LONGEST_PLAIN_TOPIC)))
    level = LEVELS[request.level]
    objectives = request.objectives or _derived_objectives(topic, level, request.duration_minutes)
    pace = plan(request.duration_minutes, len(objectives), level.shares)
    lines = tuple(in_one_line(objective) for objective in objectives)
    suggestions = tuple(suggestions[:_MOST_SUGGESTIONS])

    notes = [_unknown(short_topic, suggestions)]
    if standing is StandingUsed.UNAVAILABLE:
        notes.append(OUTLINE_UNFITTED)
    elements = [_opening(literal(topic), lines, pace, notes, derived=not request.objectives)]
    for number, round_pace in enumerate(pace.rounds, start=1):
        heading = f"Round {number} of {len(pace.rounds)}: " if len(pace.rounds) > 1 else ""
        numbered = tuple(enumerate(lines, start=1))[round_pace.start : round_pace.stop]
        this_round = _Round(heading, short_topic, level, round_pace, numbered)
        elements += [_explanation(this_round), _practice(this_round), _check(this_round)]
    elements.append(_reflection(short_topic, level, len(objectives), pace.closing))

    return ComposedLesson(
        title=with_subtitle(request.topic, level.subtitle),
        level=request.level,
        duration_minutes=request.duration_minutes,
        objectives=objectives,
        elements=tuple(elements),
        composer=OUTLINE_COMPOSER,
        standing=standing,
        suggestions=suggestions,
    )


def _unknown(topic: str, suggestions: Sequence[str]) -> str:
    unknown = OUTLINE_UNKNOWN.format(topic=topic)
    if not suggestions:
        return unknown
    meant = listed([f'"{in_one_line(name)}"' for name in suggestions], last="or")
    return f"{unknown} Did you mean: {meant}? Ask for that name, and you get a lesson with its material."


def _derived_objectives(topic: str, level: LevelWording, duration_minutes: int) -> tuple[str, ...]:
    count = next(count for minutes, count in _DERIVED_OBJECTIVES_FROM if duration_minutes >= minutes)
    return tuple(template.format(topic=topic) for template in level.derived_objectives[:count])


def _opening(
    topic: str, objectives: Sequence[str], pace: Pace, notes: Sequence[str], *, derived: bool
) -> LessonElement:
    body = sum(one.explanation + one.practice + one.check for one in pace.rounds)
    rounds = f"{len(pace.rounds)} rounds" if len(pace.rounds) > 1 else "one round"
    heading = "What this lesson works towards:"
    if sum(map(len, objectives)) > _LONGEST_LIST:
        # Each objective stands in full in its own round; a list of pages is read by nobody.
        objectives = [shortened(objective, _LONGEST_LISTED) for objective in objectives]
        heading = "What this lesson works towards, in short (each round has its objectives in full):"
    paragraphs = [
        OUTLINE_NOTICE.format(topic=topic),
        *notes,
        heading,
        bullets(_objective(number, text) for number, text in enumerate(objectives, start=1)),
    ]
    if derived:
        paragraphs.append(
            "You named no objectives, so these follow from the level alone. Change any that does not fit your topic."
        )
    if body < _TIGHT_MINUTES_PER_OBJECTIVE * len(objectives):
        fitting = body // _COMFORTABLE_MINUTES_PER_OBJECTIVE
        choice = f"{fitting} objectives" if fitting > 1 else "objective"
        paragraphs.append(
            f"There is little time for {len(objectives)} objectives. Pick the {choice} you need most and spend most of "
            "the minutes there. Only look through the rest, and plan another lesson for it."
        )
    plan_in_a_line = (
        f"The plan: {amount(pace.opening, 'minute')} to get ready, {amount(body, 'minute')} for {rounds} of "
        f"explanation, practice and check, {amount(pace.closing, 'minute')} to look back."
    )
    paragraphs += [
        plan_in_a_line,
        _timed(
            pace.opening,
            (
                Step(
                    f"Put your material on {topic} in front of you, with at least one example in it, and pen and paper."
                ),
                Step(
                    "For each objective, write one sentence on what you can do already. You will need it at the end.",
                    2,
                    2,
                ),
                Step(
                    "Leaf through the material. Mark where each objective is treated; look elsewhere for what is not.",
                    2,
                    4,
                ),
            ),
        ),
        "If you teach this lesson: choose the examples beforehand, and read the tasks out as they stand.",
    ]
    return _element("objectives", "Where this lesson goes, and what you need for it", pace.opening, paragraphs)


def _explanation(this: _Round) -> LessonElement:
    pace = this.pace
    named = [_objective(number, text) for number, text in this.objectives]
    if pace.visit:
        # What to look for was said on the first visit, and would spoil the recall that this one starts with.
        back = RETURNS[pace.visit - 1]
        title = f"come back to {_which(this)}, {back.name}"
        steps = back.reading
    else:
        title = f"find out about {_which(this)} in your material"
        steps = this.level.reading
        hints = (wording_for(text).look_for for _, text in this.objectives)
        named = [f"{name}\n  Look in your material for {hint}" for name, hint in zip(named, hints, strict=True)]
    paragraphs = [OUTLINE_REMINDER.format(topic=this.topic), bullets(named)]
    if len(this.objectives) > 1:
        paragraphs.append("Take the objectives one after the other:")
    paragraphs.append(_timed(pace.explanation, steps))
    return _element("explanation", this.heading + title, pace.explanation, paragraphs)


def _practice(this: _Round) -> LessonElement:
    pace = this.pace
    several = len(this.objectives) > 1
    minutes: Sequence[int] = (0,) * len(this.objectives)
    if pace.practice >= len(this.objectives):
        minutes = apportion(pace.practice, (1,) * len(this.objectives))
    support = "" if pace.visit or pace.practice == 1 else f" {this.level.support}"
    paragraphs = [f"Practise on {this.topic}, on paper or for real.{support}"]
    if not all(minutes):
        paragraphs.append("There is not time for every task. Do those of the objectives you need most.")
    for (number, text), share in zip(this.objectives, minutes, strict=True):
        time = f" ({amount(share, 'minute')})" if several and share else ""
        paragraphs += [_objective(f"{number}{time}", text), _tasks(this, text, share)]
    paragraphs.append("A task that needs longer than its minutes: talk it through now, and do it in full later.")
    if pace.practice > 1:
        paragraphs.append(this.level.when_stuck)
    return _element("practice", f"{this.heading}practise {_which(this)}", pace.practice, paragraphs)


def _tasks(this: _Round, objective: str, minutes: int) -> str:
    count = next(count for needed, count in _TASKS_FROM if minutes >= needed)
    if this.pace.visit:
        tasks: Sequence[str] = RETURNS[this.pace.visit - 1].tasks
    else:
        # The last task is the hardest there is, so an advanced learner with much time starts one step lower.
        first = min(this.level.first_task, len(wording_for(objective).tasks) - count)
        tasks = wording_for(objective).tasks[first:]
    chosen = tuple(Step(task, 3 + place) for place, task in enumerate(tasks[:count]))
    return _timed(minutes, chosen) if minutes else bullets(step.text for step in chosen)


def _check(this: _Round) -> LessonElement:
    pace = this.pace
    if pace.check > 1:
        answer, compare = apportion(pace.check, (3, 2))
        how = (
            f"Answer from memory, in writing or aloud, in the first {amount(answer, 'minute')}. Then take "
            f"{amount(compare, 'minute')} to compare with your material."
        )
    else:
        how = "Answer from memory in keywords, then compare with your material."
    paragraphs = [
        f"There is no answer key in an outline: judge by your own material on {this.topic}. {how}",
    ]
    for number, text in this.objectives:
        question = wording_for(text).question
        paragraphs.append(
            f"{_objective(number, text)}\n\n- {question.text}\n- Good enough if {question.good_enough_if}"
        )
    if pace.check >= _ROOM_FOR_SECOND_QUESTION and len(this.objectives) == 1:
        extra = RETURNS[pace.visit - 1].question if pace.visit else this.level.questions[this.objectives[0][0] % 2 - 1]
        paragraphs.append(f"And one more:\n\n- {extra.text}\n- Good enough if {extra.good_enough_if}")
    paragraphs.append(
        "Mark each objective **yes** (good enough without looking), **partly** (after a look, or with a gap) or "
        "**not yet**."
    )
    return _element("check", f"{this.heading}check yourself on {_which(this)}", pace.check, paragraphs)


def _reflection(topic: str, level: LevelWording, objective_count: int, minutes: int) -> LessonElement:
    steps = (
        Step(
            "Record how much of the lesson you finished, the minutes it really took, and your score: count 1 for each "
            f"objective whose last mark is yes and a half for each partly, then divide by {objective_count}.",
            2,
        ),
        Step("Choose what is next by the list below, and put a date on it.", 1, 2),
        Step("Read what you wrote at the start. Write down one thing you can do now that you could not do then.", 2, 3),
        Step("Write down one question that is still open, and where or whom you will ask.", 1, 5),
        Step("Write down which step helped most and which you would skip next time.", 1, 7),
    )
    paragraphs = [
        f"Look back on your work on {topic}.",
        _timed(minutes, steps),
        "What is next:",
        bullets(
            (
                "Mostly not yet: do this lesson again on another day with other material. Ask for fewer objectives.",
                "Some partly or not yet: ask for a short lesson with only these objectives.",
                f"All yes: {level.next_if_all}",
                "In any case: answer the check questions from memory again in two days, and once more in two weeks.",
            )
        ),
    ]
    return _element("reflection", "Look back, and choose what is next", minutes, paragraphs)


def _objective(number: int | str, text: str) -> str:
    """An objective with its number, in Markdown that shows the objective as it was typed."""
    return f"**Objective {number}.** {literal(text)}"


def _which(this: _Round) -> str:
    first, last = this.objectives[0][0], this.objectives[-1][0]
    if first == last:
        return f"objective {first}"
    return f"objectives {first} {'and' if last == first + 1 else 'to'} {last}"


def _timed(minutes: int, steps: Iterable[Step]) -> str:
    """A numbered list of the steps that there is time for; their minutes add up to `minutes`, which is at least 1."""
    chosen = [step for step in steps if step.from_minutes <= minutes]
    parts = apportion(minutes, tuple(step.weight for step in chosen))
    return "\n".join(
        f"{place}. ({part} min) {step.text}"
        for place, (part, step) in enumerate(zip(parts, chosen, strict=True), start=1)
    )


def _element(kind: str, title: str, minutes: int, paragraphs: Iterable[str]) -> LessonElement:
    return LessonElement(
        kind=kind, title=title[:1].upper() + title[1:], minutes=minutes, content="\n\n".join(paragraphs)
    )
