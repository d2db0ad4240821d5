"""Sees to it that a lesson can be recorded."""

from dataclasses import replace
from typing import Final

from pydantic_core import to_json

from curriculum.composing.script import paragraphs
from curriculum.lesson import ComposedLesson
from events.contracts import LessonElement

MAX_LESSON_BYTES: Final = 200_000
"""Of a lesson as JSON: an event holds 256 KiB, and has more to say than the lesson."""
MAX_CONTENT_LENGTH: Final = 50_000
"""Characters of an element, by its contract."""

_CUT_TO: Final = (MAX_CONTENT_LENGTH, 15_000, 5_000, 1_500)
_CUT: Final = "(The material is longer than a lesson can hold, and ends here.)"
_ROOM_FOR_THAT: Final = 100
_FENCE: Final = "```"


def fits(lesson: ComposedLesson) -> bool:
    """Whether the lesson as JSON has at most `MAX_LESSON_BYTES`, and each element at most `MAX_CONTENT_LENGTH`."""
    if any(len(one.content) > MAX_CONTENT_LENGTH for one in lesson.elements):
        return False
    fields = (lesson.title, lesson.objectives, lesson.concepts, lesson.packs, lesson.suggestions)
    return len(to_json(fields)) + sum(len(to_json(one)) for one in lesson.elements) <= MAX_LESSON_BYTES


def cut(lesson: ComposedLesson) -> ComposedLesson:
    """The lesson with its longest texts cut until it fits: only material beyond all measure comes to that."""
    for length in _CUT_TO:
        lesson = replace(lesson, elements=tuple(_cut(one, length) for one in lesson.elements))
        if fits(lesson):
            break
    return lesson


def _cut(element: LessonElement, length: int) -> LessonElement:
    if len(element.content) <= length:
        return element
    text = element.content[: length - _ROOM_FOR_THAT]
    text = text.rpartition("\n\n")[0] or text
    # A block of code that was cut open would swallow what follows.
    is_open = sum(line.startswith(_FENCE) for line in text.split("\n")) % 2
    return element.model_copy(update={"content": paragraphs(f"{text}\n{_FENCE}" if is_open else text, _CUT)})
