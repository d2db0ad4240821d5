"""Agents without Dapr keep the promises of the port, over the real store of the embedded adapter."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from learnflow.local_agents import LocalAgents
from sidecar.agents import HostedAgent, Memory
from sidecar.embedded import EmbeddedSidecar
from sidecar.errors import SidecarUnavailable

SECONDS = 20.0
TURNS = 10


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedSidecar]:
    embedded = EmbeddedSidecar.open(tmp_path)
    yield embedded
    await embedded.close()


async def count(agent_id: str, body: bytes, memory: Memory) -> bytes:
    """Count the turns of an agent, with time in between in which another turn would read the same."""
    if body == b"fail":
        raise RuntimeError(agent_id)
    before = int(await memory.load() or b"0")
    await asyncio.sleep(float(body))
    await memory.save(str(before + 1).encode())
    return str(before + 1).encode()


async def hosting(store: EmbeddedSidecar) -> LocalAgents:
    agents = LocalAgents(store.state, store.state)
    await agents.host({"Counter": HostedAgent("count", count)})
    return agents


async def ask(agents: LocalAgents, agent_id: str, body: bytes = b"0", *, seconds: float = SECONDS) -> bytes:
    return await agents.ask("Counter", agent_id, "count", body, timeout_seconds=seconds)


async def test_turns_of_one_agent_wait_for_each_other(store: EmbeddedSidecar) -> None:
    agents = await hosting(store)
    ids = ["ada", "bob"] * TURNS
    answers = await asyncio.gather(*(ask(agents, agent_id, b"0.001") for agent_id in ids))
    for agent_id in ("ada", "bob"):
        counted = sorted(int(answer) for one, answer in zip(ids, answers, strict=True) if one == agent_id)
        assert counted == list(range(1, TURNS + 1))


async def test_what_is_remembered_outlives_the_process(store: EmbeddedSidecar) -> None:
    assert await ask(await hosting(store), "ada") == b"1"
    assert await ask(await hosting(store), "ada") == b"2"


async def test_a_turn_that_fails_or_takes_too_long_is_told_and_the_next_one_is_taken(
    store: EmbeddedSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    agents = await hosting(store)
    with pytest.raises(SidecarUnavailable, match="its turn failed"):
        await ask(agents, "ada", b"fail")
    assert "a turn of Counter failed" in caplog.text
    with pytest.raises(SidecarUnavailable, match="no answer within"):
        await ask(agents, "ada", b"60", seconds=0.01)
    assert await ask(agents, "ada") == b"1"


@pytest.mark.parametrize(("agent_type", "method"), [("Other", "count"), ("Counter", "other")])
async def test_what_nobody_hosts_is_told(store: EmbeddedSidecar, agent_type: str, method: str) -> None:
    agents = await hosting(store)
    with pytest.raises(SidecarUnavailable, match="nobody hosts"):
        await agents.ask(agent_type, "ada", method, b"", timeout_seconds=SECONDS)
