"""Calls between services that live in one process: straight into the other's ASGI app."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import httpx2

from sidecar.errors import SidecarUnavailable
from sidecar.invocation import InvocationResponse

_log = logging.getLogger(__name__)

_Message = MutableMapping[str, Any]
AsgiApp = Callable[
    [_Message, Callable[[], Awaitable[_Message]], Callable[[_Message], Awaitable[None]]], Awaitable[None]
]
"""An application as ASGI 3 has it."""


class EmbeddedInvoker:
    """Implements `ServiceInvoker` for the apps that were registered."""

    def __init__(self) -> None:
        self._transports: dict[str, httpx2.ASGITransport] = {}

    def register(self, app_id: str, app: AsgiApp) -> None:
        """Make an app known under a name; the last one registered under a name counts."""

        async def logged(scope: _Message, receive: Callable[[], Awaitable[_Message]], send: Any) -> None:
            try:
                await app(scope, receive, send)
            except Exception:
                # The transport answers 500 in its place and drops it.
                _log.exception("%s failed in %s %s", app_id, scope.get("method"), scope.get("path"))
                raise

        self._transports[app_id] = httpx2.ASGITransport(logged, raise_app_exceptions=False)

    async def invoke(
        self,
        app_id: str,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float,
    ) -> InvocationResponse:
        """See `ServiceInvoker`. An app that fails answers 500."""
        transport = self._transports.get(app_id)
        if transport is None:
            raise SidecarUnavailable(f"app {app_id!r}", "no app of this name is registered")
        request = httpx2.Request(
            method, "http://app/" + path.removeprefix("/"), headers=dict(headers or {}), content=body
        )
        try:
            async with asyncio.timeout(timeout_seconds):
                response = await transport.handle_async_request(request)
                content = b"".join([chunk async for chunk in response.aiter_raw()])
        except TimeoutError as error:
            raise SidecarUnavailable(f"app {app_id!r}", f"no answer within {timeout_seconds} s") from error
        except AssertionError as error:
            raise SidecarUnavailable(f"app {app_id!r}", "it ended without a complete answer") from error
        names = {name.lower(): value for name, value in response.headers.items()}
        return InvocationResponse(response.status_code, names, content)
