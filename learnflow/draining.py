"""The last seconds of a process that was asked to end: it still answers, and asks its clients to go elsewhere."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CLOSE: Final = (b"connection", b"close")


class Draining:
    """Whether that has begun.

    Attributes:
        begun: whether it has.
    """

    def __init__(self) -> None:
        self.begun = False

    async def trouble(self) -> str | None:
        """Why a process is not ready any more, as a readiness check says it; `None` while it is not asked to end."""
        return "this process is ending" if self.begun else None


class CloseWhileDraining:
    """ASGI middleware: once draining has begun, each answer ends its connection (RFC 9112 section 9.6).

    A client that keeps connections would otherwise send its next request to a process that is gone by then.
    """

    def __init__(self, app: ASGIApp, draining: Draining) -> None:
        self._app = app
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request as ASGI has it."""

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start" and self._draining.begun:
                message = {**message, "headers": [*message.get("headers", ()), _CLOSE]}
            await send(message)

        await self._app(scope, receive, closing if scope["type"] == "http" else send)
