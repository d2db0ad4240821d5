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


async def test_a_turn_that_fails_is_told_and_the_next_one_is_taken(
    store: EmbeddedSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    agents = await hosting(store)
    with pytest.raises(SidecarUnavailable, match="its turn failed"):
        await ask(agents, "ada", b"fail")
    assert "a turn of Counter failed" in caplog.text
    assert await ask(agents, "ada") == b"1"


async def slow(store: EmbeddedSidecar) -> tuple[LocalAgents, asyncio.Event, asyncio.Event]:
    """Agents whose turns say when one has begun, and end when they are let."""
    agents, begun, let = LocalAgents(store.state, store.state), asyncio.Event(), asyncio.Event()

    async def wait(agent_id: str, body: bytes, memory: Memory) -> bytes:
        begun.set()
        await let.wait()
        return await count(agent_id, body, memory)

    await agents.host({"Counter": HostedAgent("count", wait)})
    return agents, begun, let


async def test_a_turn_goes_on_behind_the_deadline_and_no_other_begins_meanwhile(store: EmbeddedSidecar) -> None:
    agents, _, let = await slow(store)
    for _ in range(2):
        with pytest.raises(SidecarUnavailable, match="no answer within"):
            await ask(agents, "ada", seconds=0.01)
    let.set()
    # The first was taken. The second had not begun when its time was up, so it never was.
    assert await ask(agents, "ada") == b"2"


async def test_whoever_goes_away_breaks_off_no_turn(store: EmbeddedSidecar) -> None:
    agents, begun, let = await slow(store)
    asking = asyncio.create_task(ask(agents, "ada"))
    await begun.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    let.set()
    assert await ask(agents, "ada") == b"2"


async def test_what_is_under_way_ends_at_the_end(store: EmbeddedSidecar) -> None:
    agents, _, let = await slow(store)
    with pytest.raises(SidecarUnavailable, match="no answer within"):
        await ask(agents, "ada", seconds=0.01)
    async with asyncio.timeout(SECONDS):
        await agents.close()
        await agents.close()
    let.set()
    assert await ask(agents, "ada") == b"1"


@pytest.mark.parametrize(("agent_type", "method"), [("Other", "count"), ("Counter", "other")])
async def test_what_nobody_hosts_is_told(store: EmbeddedSidecar, agent_type: str, method: str) -> None:
    agents = await hosting(store)
    with pytest.raises(SidecarUnavailable, match="nobody hosts"):
        await agents.ask(agent_type, "ada", method, b"", timeout_seconds=SECONDS)
