"""The ports for agents: one for each learner and kind, placed by the sidecars, taking one turn at a time.

Where an agent is placed and that its turns don't overlap, over all replicas of the service that hosts its kind, is the
sidecars' business. That guards what costs money; what must be right is guarded by the log and by etags.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.routing import BaseRoute


class Memory(Protocol):
    """What one agent remembers from turn to turn, wherever it is placed."""

    async def load(self) -> bytes | None:
        """What was saved last, as an equal JSON document; `None` for nothing.

        Raises:
            SidecarUnavailable: it can't be read now.
        """
        ...

    async def save(self, value: bytes) -> None:
        """Remember this JSON document instead; its numbers must be exact as 64-bit floats.

        Raises:
            SidecarUnavailable: it may or may not have been saved.
        """
        ...


class Turn(Protocol):
    """What an agent does when it is asked."""

    async def __call__(self, agent_id: str, body: bytes, memory: Memory) -> bytes:
        """Answer. Whatever it raises reaches the one who asked as `SidecarUnavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class HostedAgent:
    """A kind of agent that a service hosts.

    Attributes:
        method: what it is asked for.
        turn: what it does then.
    """

    method: str
    turn: Turn


class AgentCaller(Protocol):
    """Asks agents."""

    async def ask(self, agent_type: str, agent_id: str, method: str, body: bytes, *, timeout_seconds: float) -> bytes:
        """Ask one agent, wherever it is placed, for a turn; it may have to wait for others.

        A turn may go on after the time is up, and one that failed may have been taken.

        Raises:
            SidecarUnavailable: nobody hosts its kind, its turn failed, or no answer came in time.
        """
        ...


class AgentHost(Protocol):
    """Lets a service host agents."""

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """What the app must serve for its sidecar."""
        ...

    async def host(self, agents: Mapping[str, HostedAgent]) -> None:
        """Host these kinds, by type, from now on; before the app serves: the sidecar asks for the kinds once."""
        ...


class Agents(AgentCaller, AgentHost, Protocol):
    """Both."""
