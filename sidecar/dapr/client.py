"""The sidecar's gRPC API: one channel, a deadline on every call, failures as errors of this room.

The SDK's client classes are left aside: their constructors block until the sidecar answers, also inside an event loop,
and their transaction can't say "first write". The stubs generated into the SDK have neither fault.
"""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

import grpc
from dapr.proto.runtime.v1 import dapr_pb2_grpc
from grpc import aio

from sidecar.dapr.config import DaprConfig
from sidecar.errors import MessageTooLarge, SidecarUnavailable

RECONNECT_MS: Final = 1000
"""The longest pause between two attempts to reach a sidecar that is away. The default grows to two minutes."""

Answer = TypeVar("Answer")


logger = logging.getLogger(__name__)

_IN_WORDS: Final = {
    grpc.StatusCode.UNAVAILABLE: "the sidecar can't be reached",
    grpc.StatusCode.DEADLINE_EXCEEDED: "no answer in time",
}


class DaprCallFailed(SidecarUnavailable):
    """A call of the sidecar's API did not succeed, and what it asked for may or may not have been done.

    Attributes:
        code: as gRPC has it.
        said: what the sidecar said. It may name hosts, users and databases, so it is for the log and not for clients.
    """

    def __init__(self, what: str, code: grpc.StatusCode, said: str) -> None:
        super().__init__(what, _IN_WORDS.get(code, f"the sidecar answers {code.name}"))
        self.code = code
        self.said = said


class DaprClient:
    """A channel to one sidecar. For use in the event loop in which it was made.

    Attributes:
        stub: the generated stub; hand its methods to `call`.
    """

    def __init__(self, config: DaprConfig) -> None:
        options = [
            ("grpc.max_receive_message_length", config.max_message_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_reconnect_backoff_ms", RECONNECT_MS),
            ("grpc.initial_reconnect_backoff_ms", RECONNECT_MS // 10),
            # A sidecar is on this machine, or in this pod: no proxy is between us.
            ("grpc.enable_http_proxy", 0),
        ]
        self._channel = aio.insecure_channel(config.grpc_endpoint, options=options)
        self._metadata = (("dapr-api-token", config.api_token),) if config.api_token else ()
        self._max_message_bytes = config.max_message_bytes
        self._told: dict[str, str] = {}
        self.stub = dapr_pb2_grpc.DaprStub(self._channel)  # type: ignore[no-untyped-call] # generated without types

    async def call(
        self,
        method: Callable[..., Awaitable[Answer]],
        request: "SizedMessage",
        *,
        what: str,
        seconds: float,
        expected: re.Pattern[str] | None = None,
    ) -> Answer:
        """Call a method of the stub.

        Args:
            method: of `stub`.
            request: the message that it takes.
            what: for people: what is asked, "log", "state store", ...
            seconds: until it is given up, greater than 0.
            expected: what a failure may say that is no trouble; any other is logged, once an outage.

        Raises:
            MessageTooLarge: request or answer exceed what is carried; a request was not carried out.
            DaprCallFailed: no answer, a refusal, or not in time.
        """
        size = request.ByteSize()
        if size > self._max_message_bytes:
            raise MessageTooLarge(f"{size} bytes for the {what}, and a message carries {self._max_message_bytes}")
        try:
            answer = await method(request, timeout=seconds, metadata=self._metadata)
        except aio.AioRpcError as error:
            said = error.details() or ""
            if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in said:
                raise MessageTooLarge(f"{what}: {said}") from error
            if expected is None or not expected.search(said):
                self._tell(what, f"{error.code().name}: {said}")
            raise DaprCallFailed(what, error.code(), said) from error
        self._told.pop(what, None)
        return answer

    def _tell(self, what: str, said: str) -> None:
        """Write to the log what the sidecar said, unless it said just that the last time."""
        if self._told.get(what) != said:
            self._told[what] = said
            logger.warning("%s: the sidecar answers %s", what, said)

    async def close(self) -> None:
        """Close the channel; calls under way fail."""
        await self._channel.close()


class SizedMessage(Protocol):
    """Any message of protocol buffers."""

    def ByteSize(self) -> int:  # noqa: N802 - as protocol buffers have it
        """How many bytes it takes on the wire."""
        ...
