"""Agents without Dapr: hosted by this process alone, remembering in the state store."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from weakref import WeakValueDictionary

from starlette.routing import BaseRoute

from sidecar.agents import HostedAgent
from sidecar.errors import SidecarUnavailable
from sidecar.records import Put
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter

logger = logging.getLogger(__name__)


class LocalAgents:
    """Implements `Agents` for the one process that a data folder belongs to: nobody else could take a turn.

    Attributes:
        routes: none: no sidecar asks for anything.
    """

    routes: Sequence[BaseRoute] = ()

    def __init__(self, reader: StateReader, writer: StateWriter) -> None:
        """Make it, over the store in which agents remember: under `agents/`, their type and their id."""
        self._reader = reader
        self._writer = writer
        self._hosted: dict[str, HostedAgent] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._under_way: set[asyncio.Task[bytes]] = set()

    async def host(self, agents: Mapping[str, HostedAgent]) -> None:
        """See `AgentHost`."""
        self._hosted.update(agents)

    async def ask(self, agent_type: str, agent_id: str, method: str, body: bytes, *, timeout_seconds: float) -> bytes:
        """See `AgentCaller`. A turn that has begun when the time is up goes on; one that still waits is not taken."""
        agent = self._hosted.get(agent_type)
        if agent is None or agent.method != method:
            raise SidecarUnavailable(agent_type, f"nobody hosts such an agent that could be asked for {method!r}")
        key = f"agents/{agent_type}/{agent_id}"
        lock = self._turns.setdefault(key, asyncio.Lock())
        memory = _StoredMemory(self._reader, self._writer, key)
        try:
            async with asyncio.timeout(timeout_seconds):
                await lock.acquire()
                # No await in between: from here on the turn has the lock, and gives it back.
                turn = asyncio.create_task(_taken(agent_type, agent.turn(agent_id, body, memory), lock))
                self._under_way.add(turn)
                turn.add_done_callback(self._done)
                return await asyncio.shield(turn)
        except TimeoutError as error:
            raise SidecarUnavailable(agent_type, f"no answer within {timeout_seconds:g} s") from error

    async def close(self) -> None:
        """Break off the turns that are under way. Returns when they have ended; may be called twice."""
        turns = [*self._under_way]
        for turn in turns:
            turn.cancel()
        await asyncio.gather(*turns, return_exceptions=True)

    def _done(self, turn: asyncio.Task[bytes]) -> None:
        self._under_way.discard(turn)
        if not turn.cancelled():
            # Looked at: nobody may be waiting for it any more.
            turn.exception()


async def _taken(agent_type: str, turn: Awaitable[bytes], lock: asyncio.Lock) -> bytes:
    try:
        return await turn
    except Exception as error:
        logger.exception("a turn of %s failed", agent_type)
        raise SidecarUnavailable(agent_type, "its turn failed") from error
    finally:
        lock.release()


class _StoredMemory:
    """Implements `Memory` by a document. Turns of one agent don't overlap, so nobody writes it in between."""

    def __init__(self, reader: StateReader, writer: StateWriter, key: str) -> None:
        self._reader = reader
        self._writer = writer
        self._key = key

    async def load(self) -> bytes | None:
        found = (await self._reader.read([self._key])).get(self._key)
        return None if found is None else found.value

    async def save(self, value: bytes) -> None:
        found = (await self._reader.read([self._key])).get(self._key)
        await self._writer.transact([Put(self._key, value, None if found is None else found.etag)])
