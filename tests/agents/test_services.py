"""The services with agents: lessons are offered behind the POST, advice is there whatever becomes of the agent."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.routing import BaseRoute

from agents.advice import AUTHOR
from agents.course import Report
from learnflow.sidecar import Sidecar, ports_of
from sidecar.agents import HostedAgent, Memory
from sidecar.errors import SidecarUnavailable
from tests.agents.ports import Kept, Model
from tests.deadlines import until
from tests.http.harness import WITHOUT_PROJECTOR, Api, check_problem, faulty_fields, open_sidecar, serving

ADVICE = "You have begun well. Go on with what you asked for last, because it is still fresh in your memory."


def say(told: str) -> str:
    """Advice, or the parts of a lesson with a sentence more."""
    data = json.loads(told)
    if "parts" not in data:
        return ADVICE
    return json.dumps(
        {"parts": [one | {"content": one["content"] + " Take your time with it."} for one in data["parts"]]}
    )


class OneProcess:
    """Implements `Agents` for one process: takes the turns itself, those of one agent in turn.

    Attributes:
        hosted: the kinds of agents that are hosted.
        away: whether nobody can be asked.
    """

    def __init__(self) -> None:
        self.hosted: dict[str, HostedAgent] = {}
        self.away = False
        self.reports: list[Report] = []
        self._memories: dict[tuple[str, str], tuple[asyncio.Lock, Memory]] = {}

    @property
    def routes(self) -> Sequence[BaseRoute]:
        return ()

    async def host(self, agents: Mapping[str, HostedAgent]) -> None:
        self.hosted.update(agents)

    async def ask(self, agent_type: str, agent_id: str, method: str, body: bytes, *, timeout_seconds: float) -> bytes:
        if self.away:
            raise SidecarUnavailable(agent_type, "away")
        agent = self.hosted[agent_type]
        assert agent.method == method
        lock, memory = self._memories.setdefault((agent_type, agent_id), (asyncio.Lock(), Kept()))
        async with asyncio.timeout(timeout_seconds), lock:
            answer = await agent.turn(agent_id, body, memory)
        if method == "author":
            self.reports.append(Report.model_validate_json(answer))
        return answer


class World:
    """Services with agents, and what these talk to."""

    def __init__(self, api: Api, model: Model, agents: OneProcess) -> None:
        self.api, self.model, self.agents = api, model, agents

    async def authored(self, lessons: int) -> None:
        await until(_reached(lambda: len(self.agents.reports), lessons))


@pytest.fixture
async def ports(tmp_path: Path) -> AsyncIterator[Sidecar]:
    embedded = open_sidecar(tmp_path / "data")
    yield ports_of(embedded)
    await embedded.close()


@pytest.fixture
async def world(ports: Sidecar) -> AsyncIterator[World]:
    model, agents = Model(say), OneProcess()
    async with serving(replace(ports, agents=agents, conversation=model)) as api:
        yield World(api, model, agents)


async def test_a_lesson_is_worked_on_behind_the_post(world: World) -> None:
    world.model.gate.clear()
    began = time.monotonic()
    accepted = await world.api.lesson(topic="for loops")
    assert time.monotonic() - began < 5
    assert accepted["lesson"]["elements"]
    assert await world.api.recorded() == 1
    world.model.gate.set()
    await world.authored(1)
    assert world.agents.reports[0].outcome == "authored"
    assert await world.api.recorded() == 2


async def test_a_lesson_repeated_under_its_key_is_worked_on_once(world: World) -> None:
    for _ in range(3):
        await world.api.accepted(
            "/generate-lesson", {"learner_id": "ada", "topic": "for loops"}, {"Idempotency-Key": "one"}
        )
    # The learner's agent takes its turns as it is asked: when this one is over, those before are.
    await world.api.lesson(topic="dictionaries")
    authored = _reached(lambda: sum(one.outcome == "authored" for one in world.agents.reports), 2)
    await until(authored)
    assert sum("parts" in json.loads(messages[1].text) for messages in world.model.told) == 2


async def test_advice_is_written_once_a_version(world: World) -> None:
    progress = await world.api.progress(completion=0.5)
    first = await world.api.get("/status/advice", after=progress, learner_id="ada")
    assert (first["learner_id"], first["advice"], first["author"]) == ("ada", ADVICE, "model m1")
    assert re.fullmatch(r"[0-9a-f]{32}", first["status_version"])
    assert first["as_of"] == (await world.api.get("/status", learner_id="ada"))["as_of"]
    assert await world.api.get("/status/advice", learner_id="ada") == first
    assert len(world.model.told) == 1
    second = await world.api.get("/status/advice", after=await world.api.progress(completion=1.0), learner_id="ada")
    assert second["status_version"] != first["status_version"]
    assert len(world.model.told) == 2


async def test_without_agents_advice_follows_from_rules(world: World) -> None:
    world.agents.away = True
    progress = await world.api.progress(completion=0.5)
    advice = await world.api.get("/status/advice", after=progress, learner_id="ada")
    assert advice["author"] == AUTHOR
    assert "50 %" in advice["advice"]
    await world.api.lesson()


async def test_nobody_waits_for_a_model_that_hangs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learnflow.agents.ADVICE_SECONDS", 0.1)
    world.model.gate.clear()
    progress = await world.api.progress()
    assert (await world.api.get("/status/advice", after=progress, learner_id="ada"))["author"] == AUTHOR
    world.model.gate.set()

    async def written() -> bool:
        return bool((await world.api.get("/status/advice", learner_id="ada"))["author"] != AUTHOR)

    await until(written)
    assert len(world.model.told) == 1


async def test_it_ends_at_once_while_a_model_hangs(ports: Sidecar) -> None:
    model, agents = Model(say), OneProcess()
    model.gate.clear()
    async with serving(replace(ports, agents=agents, conversation=model), WITHOUT_PROJECTOR) as api:
        for number in range(20):
            await api.lesson(f"learner-{number}")
        await until(_reached(lambda: len(model.told), 1))
        began = time.monotonic()
    assert time.monotonic() - began < 10


async def test_each_service_hosts_its_own(ports: Sidecar) -> None:
    for service, kind in zip(WITHOUT_PROJECTOR, ("CourseAgent", "ProgressAgent"), strict=True):
        for conversation in (None, Model(say)):
            agents = OneProcess()
            async with serving(replace(ports, agents=agents, conversation=conversation), [service]):
                assert agents.hosted.keys() == {kind}


async def test_without_a_model_nothing_is_asked(ports: Sidecar) -> None:
    agents = OneProcess()
    agents.away = True
    async with serving(replace(ports, agents=agents)) as api:
        lesson = await api.lesson()
        advice = await api.get("/status/advice", after=lesson, learner_id="ada")
        assert advice["author"] == AUTHOR
        check_problem(await api.client.get("/status/advice?learner_id=nobody"), 404, "unknown-learner")
        for query, field in {"": "learner_id", "?learner_id=": "learner_id", "?learner_id=ada&x=1": "x"}.items():
            problem = check_problem(await api.client.get(f"/status/advice{query}"), 422, "invalid-request")
            assert faulty_fields(problem) == {field}


def _reached(count: Callable[[], int], wanted: int) -> Callable[[], Awaitable[bool]]:
    async def reached() -> bool:
        return count() >= wanted

    return reached
