"""Asking agents from the services: behind the requests, bounded, and given up at once in the end."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import pytest

from agents import course, progress
from agents.advice import Advice, status_version
from agents.course import Report
from learnflow.agents import ADVICE_ASKED, LESSONS_AT_ONCE, LESSONS_WAITING, AgentAdviser, Authoring
from sidecar.errors import SidecarUnavailable
from tests.agents.ports import lesson
from tests.agents.test_advice import DIGEST
from tests.deadlines import until

ADVICE = Advice(text="Go on with loops.", author="model m1")
VERSION = status_version(DIGEST)


class Asked:
    """Implements `AgentCaller`.

    Attributes:
        calls: agent and method of every ask, with its body.
        answer: what agents answer; an exception is raised.
        gate: no answer is given while it is closed.
    """

    def __init__(self, answer: bytes | Exception) -> None:
        self.calls: list[tuple[str, str, str, bytes]] = []
        self.answer = answer
        self.gate = asyncio.Event()
        self.gate.set()
        self.now = self.most = 0

    async def ask(self, agent_type: str, agent_id: str, method: str, body: bytes, *, timeout_seconds: float) -> bytes:
        assert timeout_seconds > 0
        self.calls.append((agent_type, agent_id, method, body))
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.gate.wait()
        finally:
            self.now -= 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def authors() -> Asked:
    return Asked(Report(outcome="authored").model_dump_json().encode())


async def test_every_lesson_offered_is_asked_for(authors: Asked) -> None:
    authoring = Authoring(authors, timeout_seconds=1)
    async with authoring.running():
        for number in range(20):
            authoring.offer(lesson(f"lesson-{number}", f"learner-{number % 3}"))
        await until(_has(authors, 20))
    assert {(kind, method) for kind, _, method, _ in authors.calls} == {(course.AGENT_TYPE, course.METHOD)}
    assert {json.loads(body)["lesson_id"] for *_, body in authors.calls} == {f"lesson-{n}" for n in range(20)}
    assert all(json.loads(body)["learner_id"] == agent_id for _, agent_id, _, body in authors.calls)
    assert authors.most <= LESSONS_AT_ONCE


@pytest.mark.parametrize("answer", [SidecarUnavailable("CourseAgent", "away"), ValueError("a fault"), b"junk"])
async def test_a_failure_holds_up_nobody(authors: Asked, answer: bytes | Exception) -> None:
    authors.answer = answer
    authoring = Authoring(authors, timeout_seconds=1)
    async with authoring.running():
        for number in range(3 * LESSONS_AT_ONCE):
            authoring.offer(lesson(f"lesson-{number}"))
        await until(_has(authors, 3 * LESSONS_AT_ONCE))


async def test_a_full_queue_delays_nobody(authors: Asked, caplog: pytest.LogCaptureFixture) -> None:
    authors.gate.clear()
    authoring = Authoring(authors, timeout_seconds=60)
    async with authoring.running():
        for number in range(LESSONS_AT_ONCE):
            authoring.offer(lesson(f"lesson-{number}"))
        await until(_has(authors, LESSONS_AT_ONCE))
        began = time.monotonic()
        for number in range(LESSONS_WAITING + 7):
            authoring.offer(lesson(f"further-{number}"))
        assert time.monotonic() - began < 10
        assert sum("wait already" in message for message in caplog.messages) == 7
        began = time.monotonic()
    # All of it is given up: what is under way, and what waits.
    assert time.monotonic() - began < 10
    assert len(authors.calls) == LESSONS_AT_ONCE
    assert authors.now == 0


@pytest.fixture
def advisers() -> Asked:
    return Asked(ADVICE.model_dump_json().encode())


async def test_advice_is_the_agent_s(advisers: Asked) -> None:
    adviser = AgentAdviser(advisers, timeout_seconds=1)
    assert await adviser("ada", VERSION, DIGEST) == ADVICE
    ((kind, agent_id, method, body),) = advisers.calls
    assert (kind, agent_id, method) == (progress.AGENT_TYPE, "ada", progress.METHOD)
    assert json.loads(body) == {"status_version": VERSION, "digest": DIGEST.model_dump(mode="json")}


async def test_many_who_want_the_same_at_once_ask_once(advisers: Asked) -> None:
    adviser = AgentAdviser(advisers, timeout_seconds=1)
    advisers.gate.clear()
    asked = [asyncio.create_task(adviser("ada", VERSION, DIGEST)) for _ in range(20)]
    await until(_has(advisers, 1))
    advisers.gate.set()
    assert await asyncio.gather(*asked) == [ADVICE] * 20
    assert len(advisers.calls) == 1
    await adviser("ada", VERSION, DIGEST)
    assert len(advisers.calls) == 2


@pytest.mark.parametrize("answer", [SidecarUnavailable("ProgressAgent", "away"), b"junk", b'{"text": ""}'])
async def test_without_an_answer_there_is_no_advice(advisers: Asked, answer: bytes | Exception) -> None:
    advisers.answer = answer
    assert await AgentAdviser(advisers, timeout_seconds=1)("ada", VERSION, DIGEST) is None


async def test_nobody_waits_for_long_and_the_ask_goes_on(advisers: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learnflow.agents.ADVICE_SECONDS", 0.05)
    adviser = AgentAdviser(advisers, timeout_seconds=60)
    advisers.gate.clear()
    assert await adviser("ada", VERSION, DIGEST) is None
    assert await adviser("ada", VERSION, DIGEST) is None
    assert len(advisers.calls) == advisers.now == 1
    learners = [f"learner-{number}" for number in range(ADVICE_ASKED + 3)]
    waiting = [asyncio.create_task(adviser(learner, VERSION, DIGEST)) for learner in learners]
    await until(_has(advisers, ADVICE_ASKED))
    began = time.monotonic()
    await adviser.close()
    assert time.monotonic() - began < 10
    assert await asyncio.gather(*waiting) == [None] * len(waiting)
    assert len(advisers.calls) == ADVICE_ASKED
    assert advisers.now == 0


def _has(asked: Asked, calls: int) -> Callable[[], Awaitable[bool]]:
    async def has() -> bool:
        return len(asked.calls) >= calls

    return has
