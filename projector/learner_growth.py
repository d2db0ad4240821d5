"""How a learner outgrows one document, so that nobody's history can exceed what a sidecar carries (ADR 3).

A learner of very many events has their identities in documents of their own; a learner of very many lessons has all
lessons in documents of their own, and copies of those active last in the learner's.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import TypeVar

from events.contracts import LessonRequested, ProgressUpdated
from events.envelope import RecordedEvent
from projector.workspace import Workspace
from read_models import keys
from read_models.documents import (
    COUNTED_INLINE,
    LESSONS_SHOWN,
    CountedDocument,
    LearnerDocument,
    LessonEntry,
    LessonsDocument,
)

S = TypeVar("S", CountedDocument, LessonsDocument)


def split_keys(workspace: Workspace, generation: int, event: RecordedEvent) -> Iterator[str]:
    """The further documents that the event needs because its learner has outgrown one; the learner's must be known."""
    head = workspace.find(keys.learner(generation, event.data.learner_id), LearnerDocument)
    if head is None:
        return
    if head.counted_split:
        yield keys.learner_counted(generation, head.learner_id, event.fingerprint)
    if head.lessons_split and isinstance(event.data, LessonRequested | ProgressUpdated):
        yield keys.learner_lessons(generation, head.learner_id, event.data.lesson_id)


def count_once(workspace: Workspace, generation: int, head: LearnerDocument, fingerprint: str) -> bool:
    """Note the identity of an event; false if it was there."""
    if head.counted_split:
        key = keys.learner_counted(generation, head.learner_id, fingerprint)
        return _insert(_share(workspace, key, CountedDocument).counted, fingerprint)
    if not _insert(head.counted, fingerprint):
        return False
    if len(head.counted) > COUNTED_INLINE:
        workspace.know_absent(keys.learner_counted_all(generation, head.learner_id))
        for one in head.counted:
            key = keys.learner_counted(generation, head.learner_id, one)
            _share(workspace, key, CountedDocument).counted.append(one)
        head.counted = []
        head.counted_split = True
    return True


def lesson_entry(
    workspace: Workspace, generation: int, head: LearnerDocument, lesson_id: str
) -> tuple[LessonEntry, bool]:
    """What the learner knows of a lesson, to be changed in place, and whether it is new; then call `show_lesson`."""
    entries = head.lessons
    if head.lessons_split:
        key = keys.learner_lessons(generation, head.learner_id, lesson_id)
        entries = _share(workspace, key, LessonsDocument).lessons
    entry = entries.get(lesson_id)
    if entry is not None:
        return entry, False
    entry = entries[lesson_id] = LessonEntry()
    return entry, True


def show_lesson(
    workspace: Workspace, generation: int, head: LearnerDocument, lesson_id: str, entry: LessonEntry
) -> None:
    """Keep the lessons active last in the learner's document, this changed one among them or not."""
    head.lessons[lesson_id] = entry
    if len(head.lessons) <= LESSONS_SHOWN:
        return
    if not head.lessons_split:
        workspace.know_absent(keys.learner_lessons_all(generation, head.learner_id))
        for one, known in head.lessons.items():
            key = keys.learner_lessons(generation, head.learner_id, one)
            _share(workspace, key, LessonsDocument).lessons[one] = known
        head.lessons_split = True
    # Last activity only grows, so a lesson that leaves can only come back by an event of its own.
    del head.lessons[min(head.lessons, key=lambda one: (head.lessons[one].last_activity_us, one))]


def _share(workspace: Workspace, key: str, shape: type[S]) -> S:
    share = workspace.find(key, shape)
    if share is None:
        share = shape()
        workspace.put(key, share)
    workspace.touch(key)
    return share


def _insert(ordered: list[str], text: str) -> bool:
    place = bisect_left(ordered, text)
    if place < len(ordered) and ordered[place] == text:
        return False
    ordered.insert(place, text)
    return True
