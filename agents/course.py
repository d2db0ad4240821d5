"""CourseAgent: has the prose of a learner's lessons written anew, once a lesson.

Its turns of one learner don't overlap, so of many asks for one lesson the first calls the model and the others find it
done. What it appends bears an id that follows from the lesson, so even a turn taken twice counts once.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.authoring import accept, choose, prompt
from events.contracts import LessonAuthored, LessonRequested
from events.envelope import EventMetadata, encode
from events.errors import EventTooLarge
from events.identity import event_id_for_key
from sidecar.agents import Memory
from sidecar.append import EventAppender
from sidecar.conversation import Conversation, ConversationRefused
from sidecar.errors import AppendRefused, AppendUnconfirmed, MessageTooLarge, SidecarUnavailable
from sidecar.records import NewRecord

logger = logging.getLogger(__name__)

AGENT_TYPE: Final = "CourseAgent"
METHOD: Final = "author"
SOURCE: Final = "/learnflow/course-agent/author"
LESSONS_REMEMBERED: Final = 200
"""How many lessons of a learner, the latest, are known to be done; one asked for after that is written a second time,
and counted once."""
RETRY_SECONDS: Final = 60.0
"""How long after a failure the model is left alone with that lesson."""
APPEND_SECONDS: Final = 5.0
_APPEND_PAUSES: Final = (0.2, 1.0, 2.0)
_LONGEST_AUTHOR: Final = 100

Outcome = Literal["authored", "nothing-taken", "nothing-to-write", "done-before", "failed", "tried-before"]


class Report(BaseModel):
    """What a turn came to.

    Attributes:
        parts: how many were taken.
        dropped: how many were not, by reason.
    """

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    parts: int = 0
    dropped: dict[str, int] = {}


class _Remembered(BaseModel):
    """What the agent keeps: lessons done, oldest first, and when (in seconds since 1970) others were tried last."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    done: tuple[str, ...] = ()
    tried: Annotated[dict[str, float], Field(max_length=LESSONS_REMEMBERED)] = {}


class CourseAgent:
    """What `CourseAgent` does when it is asked, for any learner."""

    def __init__(
        self,
        conversation: Conversation,
        appender: EventAppender,
        *,
        timeout_seconds: float,
        new_trace: Callable[[], str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Make it.

        Args:
            conversation: with the model.
            appender: of the log.
            timeout_seconds: that the model has.
            new_trace: gives a `traceparent` of a trace of its own.
            now: the time.
        """
        self._conversation = conversation
        self._appender = appender
        self._timeout_seconds = timeout_seconds
        # As long as a call may be under way elsewhere, at least.
        self._pause_seconds = max(RETRY_SECONDS, timeout_seconds)
        self._new_trace = new_trace
        self._now = now

    async def turn(self, agent_id: str, body: bytes, memory: Memory) -> bytes:
        """Take a turn for a lesson, as `LessonRequested` has it in JSON; answers with a `Report`.

        Raises:
            ValueError: this is no lesson, or another learner's.
            SidecarUnavailable: what the agent remembers can't be had.
        """
        try:
            lesson = LessonRequested.model_validate_json(body)
        except ValidationError:
            raise ValueError("this is no lesson") from None  # the cause would repeat what somebody sent
        if lesson.learner_id != agent_id:
            raise ValueError("the lesson is another learner's")
        report = await self._author(lesson, memory)
        if report.dropped:
            logger.warning("lesson %s: not taken of what the model wrote: %s", lesson.lesson_id, report.dropped)
        return report.model_dump_json().encode()

    async def _author(self, lesson: LessonRequested, memory: Memory) -> Report:
        chosen = choose(lesson)
        if not chosen:
            return Report(outcome="nothing-to-write")
        known = _recall(await memory.load())
        if lesson.lesson_id in known.done:
            return Report(outcome="done-before")
        now = self._now().timestamp()
        # A clock that was put back must not keep a lesson waiting for longer.
        if lesson.lesson_id in known.tried and abs(now - known.tried[lesson.lesson_id]) < self._pause_seconds:
            return Report(outcome="tried-before")
        # Before the call: where Dapr moves the actor meanwhile, it asks again at its new place within seconds.
        await memory.save(self._with_tried(known, lesson.lesson_id, now))
        try:
            reply = await self._conversation.converse(prompt(lesson, chosen), timeout_seconds=self._timeout_seconds)
            authored = accept(lesson, chosen, reply.text)
            if authored.parts:
                author = f"{self._conversation.name} {reply.model}".strip()[:_LONGEST_AUTHOR]
                data = LessonAuthored(
                    learner_id=lesson.learner_id, lesson_id=lesson.lesson_id, author=author, parts=authored.parts
                )
                await self._append(data)
        except (SidecarUnavailable, ConversationRefused, EventTooLarge, MessageTooLarge) as failure:
            logger.warning("lesson %s stays as it was composed: %s", lesson.lesson_id, failure)
            await memory.save(self._with_tried(known, lesson.lesson_id, self._now().timestamp()))
            return Report(outcome="failed")
        # Only now: an event that is not in the log is not done.
        await memory.save(_with_done(known, lesson.lesson_id))
        return Report(
            outcome="authored" if authored.parts else "nothing-taken",
            parts=len(authored.parts),
            dropped={reason.value: count for reason, count in authored.dropped.items()},
        )

    def _with_tried(self, known: _Remembered, lesson_id: str, at: float) -> bytes:
        # Those tried long ago may be tried again anyway.
        recent = {name: then for name, then in known.tried.items() if abs(at - then) < self._pause_seconds}
        latest = dict(sorted({**recent, lesson_id: at}.items(), key=lambda one: one[1])[-LESSONS_REMEMBERED:])
        return _Remembered(done=known.done, tried=latest).model_dump_json().encode()

    async def _append(self, data: LessonAuthored) -> None:
        event_id = event_id_for_key(
            event_type=data.cloudevent_type(),
            learner_id=data.learner_id,
            key=data.lesson_id,
            command={"lesson_id": data.lesson_id},
        )
        metadata = EventMetadata(
            event_id=event_id,
            source=SOURCE,
            time=self._now(),
            traceparent=self._new_trace(),
            correlation_id=data.lesson_id,
        )
        record = NewRecord(data.learner_id, encode(metadata, data))
        for pause in _APPEND_PAUSES:
            try:
                await self._appender.append([record], timeout_seconds=APPEND_SECONDS)
            except (AppendUnconfirmed, AppendRefused) as failure:
                # The model has been paid for: it is worth some patience. A repeat under the same id counts once.
                logger.warning("lesson %s: what was written is not in the log yet: %s", data.lesson_id, failure)
                await asyncio.sleep(pause)
            else:
                return
        await self._appender.append([record], timeout_seconds=APPEND_SECONDS)


def _recall(stored: bytes | None) -> _Remembered:
    if stored is None:
        return _Remembered()
    try:
        return _Remembered.model_validate_json(stored)
    except ValidationError as error:
        # At worst a lesson is written a second time, and counted once.
        logger.error("what a CourseAgent remembers can't be read, it begins anew: %s", error)  # noqa: TRY400
        return _Remembered()


def _with_done(known: _Remembered, lesson_id: str) -> bytes:
    done = (*known.done, lesson_id)[-LESSONS_REMEMBERED:]
    tried = {name: at for name, at in known.tried.items() if name != lesson_id}
    return _Remembered(done=done, tried=tried).model_dump_json().encode()
