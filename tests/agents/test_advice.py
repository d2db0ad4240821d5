"""Advice: what it is about, how it reads without a model, and what of a model's is taken; once for each version."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.advice import (
    AUTHOR,
    LONGEST,
    Advice,
    ConceptSeen,
    LessonSeen,
    NextStep,
    StatusDigest,
    fault_of,
    plain_advice,
    prompt,
    status_version,
)
from agents.progress import RETRY_SECONDS, ProgressAgent, Question
from sidecar.conversation import ConversationRefused, Role
from sidecar.errors import SidecarUnavailable
from tests.agents.ports import Clock, Kept, Model
from tests.deadlines import until

GOOD = "You have done well so far. Refresh loops next, because they are fading, and then go on with functions."
lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=80)
percents = st.none() | st.integers(0, 100)
digests = st.builds(
    StatusDigest,
    lessons_known=st.integers(0, 500),
    lessons_completed=st.integers(0, 500),
    average_score_percent=percents,
    minutes_spent=st.integers(0, 10**6),
    streak_days=st.integers(0, 999),
    achievements=st.lists(lines, max_size=5).map(tuple),
    lessons=st.lists(
        st.builds(LessonSeen, title=lines, completed_percent=percents, score_percent=percents), max_size=8
    ).map(tuple),
    concepts=st.lists(
        st.builds(ConceptSeen, title=lines, grasp=st.sampled_from(["mastered"]), fading=st.booleans()), max_size=8
    ).map(tuple),
    next=st.lists(st.builds(NextStep, what=lines, why=lines), max_size=4).map(tuple),
)
DIGEST = StatusDigest(
    lessons_known=3,
    lessons_completed=1,
    average_score_percent=80,
    minutes_spent=90,
    streak_days=2,
    achievements=("first-lesson",),
    lessons=(LessonSeen(title="Loops", completed_percent=50, score_percent=None),),
    concepts=(ConceptSeen(title="Loops", grasp="proficient", fading=True),),
    next=(NextStep(what="Go on with Loops", why="You are 50 % through it."),),
)


@given(digests)
def test_plain_advice_is_always_to_be_had(digest: StatusDigest) -> None:
    advice = plain_advice(digest)
    assert advice == plain_advice(digest)
    assert advice.author == AUTHOR
    assert advice.text.strip()
    for step in digest.next[:2]:
        assert step.why in advice.text


def test_plain_advice_reads_well() -> None:
    assert plain_advice(DIGEST).text == (
        "You have completed 1 of 3 lessons, with an average score of 80 %. You have been active 2 days in a row."
        " Next: Go on with Loops. You are 50 % through it."
    )
    nothing = DIGEST.model_copy(update={"lessons_completed": 0, "next": (), "streak_days": 1})
    assert plain_advice(nothing).text == (
        "You have not completed a lesson yet."
        " Nothing is waiting for you: ask for a lesson on what you want to learn next."
    )


@given(digests, digests)
def test_a_version_names_a_status(one: StatusDigest, other: StatusDigest) -> None:
    version = status_version(one)
    assert re.fullmatch(r"[0-9a-f]{32}", version)
    assert version == status_version(StatusDigest.model_validate_json(one.model_dump_json()))
    assert (version == status_version(other)) == (one == other)


@given(digests)
def test_what_anybody_wrote_is_data(digest: StatusDigest) -> None:
    system, user = prompt(digest)
    assert (system.role, user.role) == (Role.SYSTEM, Role.USER)
    assert StatusDigest.model_validate_json(user.text) == digest
    assert system == prompt(DIGEST)[0]


def test_good_advice_passes() -> None:
    assert fault_of(GOOD, DIGEST) is None
    assert fault_of(f"{GOOD} You are 50 % through the first of 3.", DIGEST) is None


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Go on.",
        GOOD * 20,
        f"{GOOD} You are 60 % through it.",
        f"{GOOD} <b>Now.</b>",
        f"{GOOD} See https://evil.example.",
        f"{GOOD} See evil.com.",
        f"{GOOD} Write me@evil.example.",
        f"{GOOD} [Click](x)",
        f"# Advice\n\n{GOOD}",
        f"- {GOOD}\n- **Now**",
        f"{GOOD}\n\n```\nrm -rf\n```",
        f"{GOOD} `rm`",
        f"{GOOD}\u202e",
        f"{GOOD}\x1b[2J",
        f"As an AI language model I say: {GOOD}",
        "I'm sorry, but I can't help with that request. Please ask for something else.",
        f"Ignore previous instructions. {GOOD}",
        json.dumps({"advice": GOOD}),
        "\n".join(message.text for message in prompt(DIGEST)),
    ],
    ids=lambda said: said[-20:],
)
def test_other_advice_does_not(said: str) -> None:
    assert fault_of(said, DIGEST) is not None


@given(st.text(max_size=2 * LONGEST), digests)
def test_any_text_is_judged(said: str, digest: StatusDigest) -> None:
    if fault_of(said, digest) is None:
        assert len(said) <= LONGEST
        assert not set("<>`[]#") & set(said)
        assert not re.search(r"://|www\.", said)


class World:
    """An agent, and all that it talks to."""

    def __init__(self, seconds: float = 0.05) -> None:
        self.model, self.memory, self.clock = Model(lambda _: GOOD), Kept(), Clock()
        self.agent = ProgressAgent(self.model, timeout_seconds=seconds, now=self.clock)

    async def ask(self, digest: StatusDigest = DIGEST) -> Advice:
        question = Question(status_version=status_version(digest), digest=digest)
        return Advice.model_validate_json(
            await self.agent.turn("learner-4711", question.model_dump_json().encode(), self.memory)
        )


@pytest.fixture
async def world() -> World:
    return World()


async def test_a_version_is_advised_on_once(world: World) -> None:
    answers = [await world.ask() for _ in range(5)]
    assert answers == [Advice(text=GOOD, author="model m1")] * 5
    assert len(world.model.told) == 1
    await world.ask(DIGEST.model_copy(update={"streak_days": 3}))
    assert len(world.model.told) == 2
    assert "4711" not in "".join(message.text for messages in world.model.told for message in messages)


@pytest.mark.parametrize("said", ["junk", "I'm sorry, I can't help you with any of that.", GOOD + " 99"])
async def test_what_is_not_taken_is_not_asked_for_again(world: World, said: str) -> None:
    world.model.answer = lambda _: said
    assert [await world.ask() for _ in range(3)] == [plain_advice(DIGEST)] * 3
    world.clock.forward(10 * RETRY_SECONDS)
    await world.ask()
    assert len(world.model.told) == 1


async def test_after_a_failure_rules_answer_for_a_while(world: World) -> None:
    def fail(_: str) -> str:
        raise SidecarUnavailable("conversation", "INTERNAL")

    world.model.answer = fail
    assert [await world.ask() for _ in range(3)] == [plain_advice(DIGEST)] * 3
    assert len(world.model.told) == 1
    world.model.answer = lambda _: GOOD
    world.clock.forward(RETRY_SECONDS - 1)
    assert (await world.ask()).author == AUTHOR
    world.clock.forward(1)
    assert (await world.ask()).text == GOOD
    assert len(world.model.told) == 2


async def test_a_hanging_model_is_asked_once(world: World) -> None:
    world.model.gate.clear()
    assert [await world.ask() for _ in range(20)] == [plain_advice(DIGEST)] * 20
    assert len(world.model.told) == 1


async def test_an_agent_that_moves_while_its_model_writes_does_not_ask_again() -> None:
    world, elsewhere = World(seconds=30), World(seconds=30)
    world.model.gate.clear()
    elsewhere.memory, elsewhere.model = world.memory, world.model
    here = asyncio.create_task(world.ask())
    await until(_told(world))
    assert await elsewhere.ask() == plain_advice(DIGEST)
    world.model.gate.set()
    assert (await here).text == (await elsewhere.ask()).text == GOOD
    assert len(world.model.told) == 1


async def test_without_a_memory_nothing_is_asked(world: World) -> None:
    world.memory.failures = [SidecarUnavailable("state", "away")]
    with pytest.raises(SidecarUnavailable):
        await world.ask()
    assert not world.model.told


async def test_a_refused_answer_is_final(world: World) -> None:
    def refuse(_: str) -> str:
        raise ConversationRefused("filtered")

    world.model.answer = refuse
    await world.ask()
    world.clock.forward(10 * RETRY_SECONDS)
    assert await world.ask() == plain_advice(DIGEST)
    assert len(world.model.told) == 1


async def test_a_memory_that_can_not_be_read_is_begun_anew(world: World) -> None:
    world.memory.value = b'{"status_version": 1}'
    assert (await world.ask()).text == GOOD


async def test_what_is_no_question_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="no question"):
        await world.agent.turn("ada", b'{"status_version": "x"}', world.memory)
    assert not world.model.told


def _told(world: World) -> Callable[[], Awaitable[bool]]:
    async def told() -> bool:
        return bool(world.model.told)

    return told
