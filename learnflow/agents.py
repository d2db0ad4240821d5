"""The agents of the services: hosted by the sidecar, and asked for what they do."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Final

from pydantic import ValidationError
from starlette.routing import BaseRoute

from agents import course, progress
from agents.advice import Advice, StatusDigest
from agents.course import CourseAgent, Report
from agents.progress import ProgressAgent, Question
from events.contracts import LessonRequested
from learnflow.sidecar import Sidecar
from sidecar.agents import AgentCaller, HostedAgent
from sidecar.conversation import Conversation, Message, Reply
from sidecar.errors import SidecarUnavailable
from web.tracing import continue_trace

logger = logging.getLogger(__name__)

LESSONS_WAITING: Final = 200
"""More wait for nobody: a lesson is whole without a model."""
LESSONS_AT_ONCE: Final = 4
OTHER_TURNS: Final = 2.0
"""How much longer than its model an ask may take: the agent may have other turns before it, and an append behind it."""
APPEND_SECONDS: Final = 30.0
ADVICE_SECONDS: Final = 5.0
"""How long a GET waits for advice; what comes later is there for the next one."""
ADVICE_ASKED: Final = 200
"""How many asks for advice may be under way in a process; more are answered by rules."""


class NoConversation:
    """Implements `Conversation` where none is configured: agents are placed all the same, and change nothing."""

    name = "none"

    async def converse(self, messages: Sequence[Message], *, timeout_seconds: float) -> Reply:  # noqa: ARG002 - nobody hears
        """See `Conversation`."""
        raise SidecarUnavailable("conversation", "none is configured")


class Authoring:
    """Has lessons worked on by their learners' agents, behind the requests that asked for them."""

    def __init__(self, agents: AgentCaller, *, timeout_seconds: float) -> None:
        """Make it.

        Args:
            agents: that are asked.
            timeout_seconds: that the model has.
        """
        self._agents = agents
        self._seconds = OTHER_TURNS * timeout_seconds + APPEND_SECONDS
        self._queue: asyncio.Queue[LessonRequested] = asyncio.Queue(LESSONS_WAITING)

    def offer(self, lesson: LessonRequested) -> None:
        """Have a recorded lesson worked on, if there is room; returns at once and never fails."""
        try:
            self._queue.put_nowait(lesson)
        except asyncio.QueueFull:
            logger.warning("lesson %s stays as it was composed: %s wait already", lesson.lesson_id, LESSONS_WAITING)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work while the context lasts; what is under way at its end, or waits, is given up at once."""
        workers = [asyncio.create_task(self._work(), name=f"authoring-{n}") for n in range(LESSONS_AT_ONCE)]
        try:
            yield
        finally:
            waiting = self._queue.qsize()
            if waiting:
                logger.warning("%s lessons stay as they were composed: this service is stopping", waiting)
            await _end(workers)

    async def _work(self) -> None:
        while True:
            lesson = await self._queue.get()
            try:
                await self._ask(lesson)
            except Exception:
                logger.exception("lesson %s stays as it was composed", lesson.lesson_id)

    async def _ask(self, lesson: LessonRequested) -> None:
        try:
            answer = await self._agents.ask(
                course.AGENT_TYPE,
                lesson.learner_id,
                course.METHOD,
                lesson.model_dump_json().encode(),
                timeout_seconds=self._seconds,
            )
        except SidecarUnavailable as failure:
            logger.warning("lesson %s stays as it was composed: %s", lesson.lesson_id, failure)
            return
        report = Report.model_validate_json(answer)
        logger.info("lesson %s: %s, %s parts", lesson.lesson_id, report.outcome, report.parts)


class AgentAdviser:
    """Implements `query_api.advice.Adviser` by the learners' agents."""

    def __init__(self, agents: AgentCaller, *, timeout_seconds: float) -> None:
        """Make it.

        Args:
            agents: that are asked.
            timeout_seconds: that the model has.
        """
        self._agents = agents
        self._seconds = OTHER_TURNS * timeout_seconds
        self._asked: dict[tuple[str, str], asyncio.Task[Advice | None]] = {}

    async def __call__(self, learner_id: str, version: str, digest: StatusDigest) -> Advice | None:
        """See `Adviser`. Takes `ADVICE_SECONDS` at most; the ask goes on behind it."""
        place = (learner_id, version)
        task = self._asked.get(place)
        if task is None:
            if len(self._asked) >= ADVICE_ASKED:
                logger.warning("advice stays without a model: %s asks are under way", ADVICE_ASKED)
                return None
            task = asyncio.create_task(self._ask(learner_id, Question(status_version=version, digest=digest)))
            self._asked[place] = task
            task.add_done_callback(lambda _: self._asked.pop(place, None))
        done, _ = await asyncio.wait({task}, timeout=ADVICE_SECONDS)
        return task.result() if done and not task.cancelled() else None

    async def close(self) -> None:
        """Give up what is under way."""
        await _end(list(self._asked.values()))

    async def _ask(self, learner_id: str, question: Question) -> Advice | None:
        try:
            answer = await self._agents.ask(
                progress.AGENT_TYPE,
                learner_id,
                progress.METHOD,
                question.model_dump_json().encode(),
                timeout_seconds=self._seconds,
            )
            return Advice.model_validate_json(answer)
        except SidecarUnavailable as failure:
            logger.warning("advice stays without a model: %s", failure)
        except ValidationError:
            logger.exception("this is no advice")
        return None


class ServiceAgents:
    """What a process has of agents: nothing with a sidecar that hosts none.

    Attributes:
        adviser: has advice written; `None` where no model is configured.
    """

    def __init__(self, *, course_agent: bool, progress_agent: bool, sidecar: Sidecar, timeout_seconds: float) -> None:
        """Make it.

        Args:
            course_agent: whether `CourseAgent` is hosted here.
            progress_agent: whether `ProgressAgent` is.
            sidecar: that hosts them.
            timeout_seconds: that a model has.
        """
        self._sidecar = sidecar
        self._seconds = timeout_seconds
        conversation = sidecar.conversation or NoConversation()
        self._hosted: dict[str, HostedAgent] = {}
        if course_agent:
            self._hosted[course.AGENT_TYPE] = self._course(conversation)
        if progress_agent:
            self._hosted[progress.AGENT_TYPE] = self._progress(conversation)
        self._authoring: Authoring | None = None
        self.adviser: AgentAdviser | None = None
        if sidecar.agents is not None and sidecar.conversation is not None:
            self._authoring = Authoring(sidecar.agents, timeout_seconds=timeout_seconds)
            self.adviser = AgentAdviser(sidecar.agents, timeout_seconds=timeout_seconds)

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """What the app must serve for its sidecar."""
        return self._sidecar.agents.routes if self._sidecar.agents is not None and self._hosted else ()

    def offer(self, lesson: LessonRequested) -> None:
        """Have a recorded lesson worked on, where a model is configured; returns at once and never fails."""
        if self._authoring is not None:
            self._authoring.offer(lesson)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Host and ask while the context lasts; it has to begin before the app serves."""
        if self._sidecar.agents is not None and self._hosted:
            await self._sidecar.agents.host(self._hosted)
        if self._authoring is None or self.adviser is None:
            yield
            return
        async with self._authoring.running():
            try:
                yield
            finally:
                await self.adviser.close()

    def _course(self, conversation: Conversation) -> HostedAgent:
        agent = CourseAgent(
            conversation,
            self._sidecar.appender,
            timeout_seconds=self._seconds,
            new_trace=lambda: continue_trace(None),
        )
        return HostedAgent(course.METHOD, agent.turn)

    def _progress(self, conversation: Conversation) -> HostedAgent:
        return HostedAgent(progress.METHOD, ProgressAgent(conversation, timeout_seconds=self._seconds).turn)


async def _end(tasks: Collection[asyncio.Task[None]] | Collection[asyncio.Task[Advice | None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
