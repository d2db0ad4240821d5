"""CourseAgent: one call of the model for a lesson, one event in the log, whatever fails."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

import pytest

from agents.course import LESSONS_REMEMBERED, RETRY_SECONDS, SOURCE, CourseAgent, Report
from events.contracts import LessonAuthored, LessonRequested
from sidecar.conversation import ConversationRefused
from sidecar.errors import AppendRefused, AppendUnconfirmed, SidecarUnavailable
from tests.agents.ports import BEGIN, TRACE, Clock, Kept, Log, Model, lesson
from tests.deadlines import until

ADDED = " Take your time with it."


def rewrite(told: str) -> str:
    parts = [{"element": one["element"], "content": one["content"] + ADDED} for one in json.loads(told)["parts"]]
    return json.dumps({"parts": parts})


class World:
    """An agent, and all that it talks to."""

    def __init__(self, seconds: float = 0.05) -> None:
        self.model, self.log, self.memory, self.clock = Model(rewrite), Log(), Kept(), Clock()
        self.agent = CourseAgent(self.model, self.log, timeout_seconds=seconds, new_trace=lambda: TRACE, now=self.clock)

    async def ask(self, asked: LessonRequested | None = None) -> Report:
        asked = asked or lesson()
        body = asked.model_dump_json().encode()
        return Report.model_validate_json(await self.agent.turn(asked.learner_id, body, self.memory))


@pytest.fixture
async def world() -> World:
    return World()


async def test_what_it_wrote_is_an_event(world: World) -> None:
    report = await world.ask()
    assert (report.outcome, report.parts, report.dropped) == ("authored", 3, {})
    (event,) = world.log.events
    assert isinstance(event.data, LessonAuthored)
    assert (event.data.learner_id, event.data.lesson_id, event.data.author) == ("ada", "lesson-1", "model m1")
    assert [(part.element, part.content) for part in event.data.parts] == [
        (place, lesson().elements[place].content + ADDED) for place in (0, 1, 6)
    ]
    assert event.source == SOURCE
    assert event.time_us == int(BEGIN.timestamp() * 1_000_000)
    assert world.log.records[0].key == "ada"


async def test_a_lesson_is_written_once(world: World) -> None:
    outcomes = [(await world.ask()).outcome for _ in range(5)]
    assert outcomes == ["authored", *["done-before"] * 4]
    assert len(world.model.told) == len(world.log.records) == 1


async def test_each_lesson_is_one_event_whoever_loses_what_it_remembers(world: World) -> None:
    for number in range(3):
        world.memory.value = None
        await world.ask(lesson(f"lesson-{number % 2}"))
    world.memory.value = b"no memory at all"
    await world.ask(lesson("lesson-0"))
    assert len(world.log.records) == 4
    assert sorted(one.data.lesson_id for one in world.log.events if isinstance(one.data, LessonAuthored)) == [
        "lesson-0",
        "lesson-1",
    ]


@pytest.mark.parametrize("said", ["junk", "I'm sorry, I can't do that.", '{"parts": []}'])
async def test_an_answer_of_which_nothing_is_taken_is_final(world: World, said: str) -> None:
    world.model.answer = lambda _: said
    assert (await world.ask()).outcome == "nothing-taken"
    assert (await world.ask()).outcome == "done-before"
    assert not world.log.records


async def test_a_failing_model_is_left_alone_for_a_while(world: World) -> None:
    def fail(_: str) -> str:
        raise SidecarUnavailable("conversation", "INTERNAL")

    world.model.answer = fail
    outcomes = [(await world.ask()).outcome for _ in range(3)]
    assert outcomes == ["failed", "tried-before", "tried-before"]
    assert (await world.ask(lesson("lesson-2"))).outcome == "failed"
    world.clock.forward(RETRY_SECONDS - 1)
    assert (await world.ask()).outcome == "tried-before"
    world.clock.forward(1)
    world.model.answer = rewrite
    assert (await world.ask()).outcome == "authored"
    assert len(world.log.events) == 1


async def test_a_hanging_model_is_asked_once(world: World) -> None:
    world.model.gate.clear()
    assert [(await world.ask()).outcome for _ in range(20)] == ["failed", *["tried-before"] * 19]
    assert len(world.model.told) == 1


async def test_a_refused_answer_changes_nothing(world: World) -> None:
    def refuse(_: str) -> str:
        raise ConversationRefused("filtered")

    world.model.answer = refuse
    assert (await world.ask()).outcome == "failed"
    assert not world.log.records


async def test_a_clock_that_is_put_back_keeps_nobody_waiting(world: World) -> None:
    world.model.gate.clear()
    await world.ask()
    world.model.gate.set()
    world.clock.forward(-10 * RETRY_SECONDS)
    assert (await world.ask()).outcome == "authored"


async def test_the_log_is_tried_again_under_the_same_id(world: World) -> None:
    world.log.failures = [AppendUnconfirmed("no answer"), AppendRefused("not now")]
    assert (await world.ask()).outcome == "authored"
    assert len(world.log.records) == 3
    assert len(world.log.events) == len(world.model.told) == 1


async def test_a_turn_whose_end_is_not_remembered_fails_and_counts_once(world: World) -> None:
    world.memory.failures = [None, SidecarUnavailable("state", "away")]
    with pytest.raises(SidecarUnavailable):
        await world.ask()
    assert (await world.ask()).outcome == "tried-before"
    world.clock.forward(RETRY_SECONDS)
    assert (await world.ask()).outcome == "authored"
    assert len(world.model.told) == 2
    assert len(world.log.events) == 1


async def test_without_a_memory_nothing_is_asked(world: World) -> None:
    world.memory.failures = [SidecarUnavailable("state", "away")]
    with pytest.raises(SidecarUnavailable):
        await world.ask()
    assert not world.model.told


async def test_an_agent_that_moves_while_its_model_writes_does_not_ask_again() -> None:
    world, elsewhere = World(seconds=30), World(seconds=30)
    world.model.gate.clear()
    elsewhere.memory, elsewhere.model = world.memory, world.model
    here = asyncio.create_task(world.ask())
    await until(_told(world))
    assert (await elsewhere.ask()).outcome == "tried-before"
    world.model.gate.set()
    assert (await here).outcome == "authored"
    assert (await elsewhere.ask()).outcome == "done-before"
    assert len(world.model.told) == len(world.log.records) == 1


async def test_what_is_remembered_is_bounded(world: World) -> None:
    for number in range(LESSONS_REMEMBERED + 20):
        await world.ask(lesson(f"lesson-{number}"))
    assert world.memory.value is not None
    assert len(re.findall(rb"lesson-\d+", world.memory.value)) == LESSONS_REMEMBERED
    assert (await world.ask(lesson(f"lesson-{LESSONS_REMEMBERED}"))).outcome == "done-before"


async def test_a_lesson_without_prose_costs_nothing(world: World) -> None:
    practice = tuple(one for one in lesson().elements if one.kind == "practice")
    assert (await world.ask(lesson(elements=practice))).outcome == "nothing-to-write"
    assert not world.model.told


async def test_another_learner_s_lesson_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="another learner"):
        await world.agent.turn("bob", lesson().model_dump_json().encode(), world.memory)
    with pytest.raises(ValueError, match="no lesson"):
        await world.agent.turn("ada", b"{}", world.memory)
    assert not world.model.told


def _told(world: World) -> Callable[[], Awaitable[bool]]:
    async def told() -> bool:
        return bool(world.model.told)

    return told
