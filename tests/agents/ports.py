"""What agents talk to, in memory: a model that says what it is told to, a log, and a memory."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from events.contracts import LessonElement, LessonRequested, Level
from events.envelope import RecordedEvent, decode
from sidecar.conversation import Message, Reply, Role
from sidecar.errors import SidecarUnavailable
from sidecar.records import NewRecord

BEGIN: Final = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TRACE: Final = f"00-{'1' * 32}-{'2' * 16}-00"


class Model:
    """Implements `Conversation`.

    Attributes:
        answer: what is said to the data it was told; may raise.
        told: the messages of every call.
        gate: no answer is given while it is closed.
    """

    name = "model"

    def __init__(self, answer: Callable[[str], str]) -> None:
        self.answer = answer
        self.told: list[list[Message]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def converse(self, messages: Sequence[Message], *, timeout_seconds: float) -> Reply:
        self.told.append(list(messages))
        try:
            async with asyncio.timeout(timeout_seconds):
                await self.gate.wait()
        except TimeoutError as error:
            raise SidecarUnavailable("conversation", "no answer in time") from error
        assert messages[-1].role is Role.USER
        return Reply(self.answer(messages[-1].text), "m1")


class Log:
    """Implements `EventAppender`.

    Attributes:
        records: what it has.
        failures: what the next appends raise, in this order; they land all the same.
    """

    def __init__(self) -> None:
        self.records: list[NewRecord] = []
        self.failures: list[Exception] = []

    async def append(self, records: Sequence[NewRecord], *, timeout_seconds: float) -> None:
        assert timeout_seconds > 0
        self.records += records
        if self.failures:
            raise self.failures.pop(0)

    @property
    def events(self) -> list[RecordedEvent]:
        """What it has, read as a fold reads it; an event that is there twice counts once."""
        return list({event.fingerprint: event for event in (decode(one.value) for one in self.records)}.values())


class Kept:
    """Implements `Memory`.

    Attributes:
        value: what is kept.
        failures: what the next saves raise, in this order; `None` for one that works.
    """

    def __init__(self, value: bytes | None = None) -> None:
        self.value = value
        self.failures: list[Exception | None] = []

    async def load(self) -> bytes | None:
        return self.value

    async def save(self, value: bytes) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.value = value


class Clock:
    """Stands still until it is put forward."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def element(kind: str, content: str, **fields: object) -> LessonElement:
    return LessonElement.model_validate({"kind": kind, "title": kind, "minutes": 5, "content": content, **fields})


PROSE: Final = (
    "A loop repeats a block of lines. Each time round, a name gets the next value of a sequence, in order, and the"
    " lines of the block are carried out once more with that value."
)


def lesson(lesson_id: str = "lesson-1", learner_id: str = "ada", **fields: object) -> LessonRequested:
    """A lesson with prose, an exercise and questions."""
    elements = (
        element("objectives", f"You will be able to do this afterwards:\n\n- Write a loop.\n\n{PROSE}"),
        element("explanation", f"{PROSE}\n\n```python\nfor one in range(3):\n    print(one)\n```\n", why="It fades."),
        element("warm_up", f"{PROSE}\n\n- **A.** 3\n- **B.** 4\n\nRight is **B**."),
        element("practice", f"{PROSE}\n\nWrite one yourself."),
        element("check", f"{PROSE}\n\nWhat does it print?"),
        element("answers", f"{PROSE}\n\n3"),
        element("reflection", f"{PROSE}\n\nWhat was hard?"),
    )
    values: dict[str, object] = {
        "learner_id": learner_id,
        "lesson_id": lesson_id,
        "topic": "Loops",
        "title": "Loops: a first lesson",
        "level": Level.BEGINNER,
        "duration_minutes": 35,
        "objectives": ("Write a loop.",),
        "elements": elements,
        "composer": "test/1",
    }
    return LessonRequested.model_validate({**values, **fields})
