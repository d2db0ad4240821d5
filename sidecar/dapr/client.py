"""The sidecar's gRPC API: one channel, a deadline on every call, failures as errors of this room.

The SDK's client classes are left aside: their constructors block until the sidecar answers, also inside an event loop,
and their transaction can't say "first write". The stubs generated into the SDK have neither fault.
"""

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


class DaprCallFailed(SidecarUnavailable):
    """A call of the sidecar's API did not succeed, and what it asked for may or may not have been done.

    Attributes:
        code: as gRPC has it.
    """

    def __init__(self, what: str, code: grpc.StatusCode, detail: str) -> None:
        super().__init__(what, f"{code.name}: {detail}" if detail else code.name)
        self.code = code


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
        self.stub = dapr_pb2_grpc.DaprStub(self._channel)  # type: ignore[no-untyped-call] # generated without types

    async def call(
        self, method: Callable[..., Awaitable[Answer]], request: "SizedMessage", *, what: str, seconds: float
    ) -> Answer:
        """Call a method of the stub.

        Args:
            method: of `stub`.
            request: the message that it takes.
            what: for people: what is asked, "log", "state store", ...
            seconds: until it is given up, greater than 0.

        Raises:
            MessageTooLarge: request or answer exceed what is carried; a request was not carried out.
            DaprCallFailed: no answer, a refusal, or not in time.
        """
        size = request.ByteSize()
        if size > self._max_message_bytes:
            raise MessageTooLarge(f"{size} bytes for the {what}, and a message carries {self._max_message_bytes}")
        try:
            return await method(request, timeout=seconds, metadata=self._metadata)
        except aio.AioRpcError as error:
            detail = error.details() or ""
            if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in detail:
                raise MessageTooLarge(f"{what}: {detail}") from error
            raise DaprCallFailed(what, error.code(), detail) from error

    async def close(self) -> None:
        """Close the channel; calls under way fail."""
        await self._channel.close()


class SizedMessage(Protocol):
    """Any message of protocol buffers."""

    def ByteSize(self) -> int:  # noqa: N802 - as protocol buffers have it
        """How many bytes it takes on the wire."""
        ...
