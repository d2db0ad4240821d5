"""A language model through a real daprd: what comes back as an answer, and what as an error of the room."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.stack.daprd import RESOURCES, Daprd, DaprdOptions
from deploy.stack.infrastructure import Infrastructure
from sidecar.conversation import ConversationRefused, Message, Reply, Role
from sidecar.dapr import DaprConfig, DaprSidecar
from sidecar.dapr.conversation import MOST_CHARACTERS, TEMPERATURE
from sidecar.errors import SidecarUnavailable
from tests.agents.model_server import Failing, ModelServer, model_server
from tests.real.models import CONVERSATIONS, write_scripted

SECONDS = 10.0
TOLD = [Message(Role.SYSTEM, "Answer in one word."), Message(Role.USER, '{"question": "Loops?"}')]
ECHO = "echo"
pytestmark = [pytest.mark.real_stack, pytest.mark.process]


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with model_server() as model:
        yield model


@pytest.fixture(scope="module")
def daprd(
    infrastructure: Infrastructure, model: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Daprd]:
    """A sidecar without an app, with both components: `model` is the test's, `echo` repeats what it is told."""
    folder = tmp_path_factory.mktemp("components")
    write_scripted(folder, model)
    echo = (CONVERSATIONS / "echo" / "model.yaml").read_text(encoding="utf-8")
    (folder / "echo.yaml").write_text(echo.replace("name: model", f"name: {ECHO}"), encoding="utf-8")
    daprd = infrastructure.daprd(
        DaprdOptions(app_id="course-agent", name="conversation-daprd", resources=(folder, RESOURCES[1]))
    )
    daprd.start()
    yield daprd
    daprd.stop()


@pytest.fixture
async def converse(daprd: Daprd, model: ModelServer) -> AsyncIterator[Callable[..., Any]]:
    """Talks through a component; the test's model, unless another is named."""
    model.told.clear()
    model.open.set()
    dapr = DaprSidecar(DaprConfig(grpc_endpoint=f"127.0.0.1:{daprd.grpc_port}", http_endpoint=daprd.url))

    async def converse(component: str = "model", *, seconds: float = SECONDS) -> Reply:
        return await dapr.conversation(component).converse(TOLD, timeout_seconds=seconds)

    yield converse
    await dapr.close()


async def test_the_model_hears_rules_and_data_apart(converse: Callable[..., Any], model: ModelServer) -> None:
    model.answer = lambda told: f"{told['question']} Gladly."
    reply = await converse()
    assert reply.text == "Loops? Gladly."
    assert reply.model
    assert model.told == [[("system", TOLD[0].text), ("user", TOLD[1].text)]]
    assert model.requests[-1]["temperature"] == pytest.approx(TEMPERATURE)
    assert not model.requests[-1].get("tools")


async def test_an_echo_is_an_answer(converse: Callable[..., Any]) -> None:
    assert (await converse(ECHO)).text == "\n".join(message.text for message in TOLD)


@pytest.mark.parametrize("finish", ["length", "content_filter", "tool_calls"])
async def test_what_did_not_end_by_itself_is_no_answer(
    converse: Callable[..., Any], model: ModelServer, finish: str
) -> None:
    model.answer = lambda _: "Half an answ"
    model.finish = finish
    try:
        with pytest.raises(ConversationRefused):
            await converse()
    finally:
        model.finish = "stop"


@pytest.mark.parametrize("text", ["", "  \n", "x" * (MOST_CHARACTERS + 1), "x" * (6 * 1024**2)], ids=len)
async def test_nothing_and_too_much_are_no_answers(converse: Callable[..., Any], model: ModelServer, text: str) -> None:
    model.answer = lambda _: text
    with pytest.raises(ConversationRefused):
        await converse()


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
async def test_a_failure_is_one_call(converse: Callable[..., Any], model: ModelServer, status: int) -> None:
    def fail(_: dict[str, Any]) -> str:
        raise Failing(status)

    model.answer = fail
    with pytest.raises(SidecarUnavailable) as caught:
        await converse()
    assert model.calls == 1
    # What a provider says may hold anything; it is for the program's log.
    assert "it failed" not in str(caught.value)


async def test_a_model_that_hangs_is_given_up_in_time(converse: Callable[..., Any], model: ModelServer) -> None:
    model.open.clear()
    began = time.monotonic()
    with pytest.raises(SidecarUnavailable):
        await converse(seconds=0.5)
    assert time.monotonic() - began < SECONDS
    assert model.calls == 1


async def test_a_model_that_is_not_there_is_unavailable(converse: Callable[..., Any]) -> None:
    with pytest.raises(SidecarUnavailable):
        await converse("nobody")


async def test_others_go_on_while_one_waits(converse: Callable[..., Any], model: ModelServer) -> None:
    model.open.clear()
    model.answer = lambda _: "Done."
    waiting = asyncio.create_task(converse())
    assert json.dumps((await converse(ECHO)).text)
    model.open.set()
    assert (await waiting).text == "Done."


def test_every_example_of_a_component_is_for_those_who_host_agents() -> None:
    for file in CONVERSATIONS.glob("*/*.yaml"):
        text = file.read_text(encoding="utf-8")
        assert f"type: conversation.{Path(file).parent.name}\n" in text
        assert text.endswith("scopes:\n  - course-agent\n  - user-progress\n")
