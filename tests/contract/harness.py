"""What the contract suite needs of an adapter under test.

The store may hold what other tests left: the suite takes new keys for every test, and looks at the log from where it
ended when the test began.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

from sidecar.append import EventAppender
from sidecar.delivery import Delivery
from sidecar.invocation import ServiceInvoker
from sidecar.log_reader import LogReader
from sidecar.secrets import SecretStore
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter

Message = MutableMapping[str, Any]
AsgiApp = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
"""An application as ASGI 3 has it."""


@dataclass(frozen=True, slots=True)
class Ports:
    """All ports of one running adapter."""

    appender: EventAppender
    log_reader: LogReader
    state_reader: StateReader
    state_writer: StateWriter
    delivery: Delivery
    secrets: SecretStore
    invoker: ServiceInvoker


class Harness(Protocol):
    """Starts, breaks and restarts one adapter over a store that lasts."""

    @property
    def ports(self) -> Ports:
        """The ports of the adapter that runs now; others after `reopen`."""
        ...

    @property
    def max_message_bytes(self) -> int:
        """The most that it carries in one message."""
        ...

    async def open(self) -> None:
        """Start it."""
        ...

    async def close(self) -> None:
        """Stop it in good order; may be called when it does not run."""
        ...

    async def crash(self) -> None:
        """End it, and the consumer with it, without any order."""
        ...

    async def reopen(self) -> None:
        """Start it again over the same store, with the same consumer group."""
        ...

    async def append_foreign(self, partition: int, key: str | None, value: bytes) -> None:
        """Append as a producer that is not ours."""
        ...

    async def append_before_hole(self, partition: int, key: str | None, value: bytes) -> None:
        """Append as a producer that is not ours, and let the log give the next offset to no record."""
        ...

    async def put_secret(self, name: str, values: Mapping[str, str]) -> None:
        """Keep a secret where the secret store finds it."""
        ...

    async def register(self, app_id: str, app: AsgiApp) -> None:
        """Serve an app under a name, until `close`."""
        ...
