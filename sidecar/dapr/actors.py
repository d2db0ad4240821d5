"""Agents as Dapr's virtual actors: hosted by the SDK's FastAPI extension, asked through the sidecar's HTTP API.

Dapr ends a turn when the one who asked goes away, and begins the next one, while ours still waits for its model. So the
turns of an actor also wait for each other in here, where they would overlap: an actor is in one process at a time.
"""

import asyncio
import hmac
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, cast
from weakref import WeakValueDictionary

import httpx2
from dapr.actor import Actor, ActorInterface
from dapr.actor.runtime.config import ActorRuntimeConfig
from dapr.actor.runtime.runtime import ActorRuntime
from dapr.clients.base import DaprActorClientBase
from dapr.ext.fastapi import DaprActor
from dapr.serializers import Serializer
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from sidecar.agents import HostedAgent
from sidecar.dapr.config import DaprConfig
from sidecar.errors import SidecarUnavailable

logger = logging.getLogger(__name__)

MEMORY: Final = "memory"
"""The one key of an actor's state."""
IDLE: Final = timedelta(minutes=10)
"""An actor that nobody asked for this long leaves the process; its state stays."""
STATE_SECONDS: Final = 5.0
_NO_SUCH_TOKEN: Final = 401
_LONGEST_SAID: Final = 500
_ESCAPED: Final = re.compile(r"~([0-9A-F]{2})")
_INVOKED: Final = "dapr-callee-app-id"
_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


class DaprActors:
    """Implements `Agents`. For one app a process: the SDK keeps the kinds that are hosted in the process.

    Attributes:
        routes: what the app must serve: the SDK's, but for its own `/healthz`, and for nobody but the sidecar.
    """

    def __init__(self, config: DaprConfig) -> None:
        headers = {"dapr-api-token": config.api_token} if config.api_token else {}
        # No environment's proxy: the sidecar is next to us.
        self._http = httpx2.AsyncClient(
            base_url=f"{config.http_endpoint}/v1.0/actors/", headers=headers, trust_env=False
        )
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        app = FastAPI(openapi_url=None)
        self._extension = DaprActor(app)
        guarded = _ForSidecar(app, config.app_token)
        self.routes: Sequence[BaseRoute] = [
            Route("/dapr/config", guarded, include_in_schema=False),
            Route("/actors/{rest:path}", guarded, include_in_schema=False),
        ]

    async def host(self, agents: Mapping[str, HostedAgent]) -> None:
        """See `AgentHost`."""
        ActorRuntime.set_actor_config(ActorRuntimeConfig(actor_idle_timeout=IDLE))
        client = _StateClient(self._http)
        for agent_type, agent in agents.items():
            await ActorRuntime.register_actor(
                self._actor_class(agent_type, agent),
                message_serializer=_AsItIs(),
                state_serializer=_AsItIs(),
                actor_client=client,
            )

    async def ask(self, agent_type: str, agent_id: str, method: str, body: bytes, *, timeout_seconds: float) -> bytes:
        """See `AgentCaller`. The sidecar repeats a call where it could not find the actor, not one that failed."""
        path = f"{_address(agent_type, agent_id)}/method/{method}"
        return await _call(self._http, "POST", path, what=agent_type, body=body, seconds=timeout_seconds)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _actor_class(self, agent_type: str, agent: HostedAgent) -> type[Actor]:
        """A class as the SDK wants one: named as the actor type, with the method in an interface among its bases."""
        turns = self._turns

        async def turn(self: Actor, body: bytes) -> bytes:
            place = (agent_type, self.id.id)
            lock = turns.setdefault(place, asyncio.Lock())
            async with lock:
                try:
                    return await agent.turn(agent_id_of(self.id.id), body, _ActorMemory(self))
                except Exception:
                    # The SDK answers with a word or two of it, and logs nothing.
                    logger.exception("a turn of %s failed", agent_type)
                    raise

        interface = type(f"{agent_type}Interface", (ActorInterface,), {agent.method: turn})
        return cast("type[Actor]", type(agent_type, (Actor, interface), {agent.method: turn}))


class _ActorMemory:
    """Implements `Memory` by the actor's state."""

    def __init__(self, actor: Actor) -> None:
        self._state = actor._state_manager  # noqa: SLF001 - this is where the SDK has actors find it

    async def load(self) -> bytes | None:
        # The SDK would answer from this process's memory, which is old where a sidecar ended without a farewell and
        # the actor was elsewhere since.
        await self._state.clear_cache()
        found, value = await self._state.try_get_state(MEMORY)
        return cast("bytes", value) if found else None

    async def save(self, value: bytes) -> None:
        await self._state.set_state(MEMORY, value)
        await self._state.save_state()


class _AsItIs(Serializer):
    """Bytes as they are. The SDK's own makes times of texts that look like them, and Base64 of bytes."""

    @override
    def serialize(self, obj: object, custom_hook: Callable[[object], bytes] | None = None) -> bytes:
        return cast("bytes", obj)

    @override
    def deserialize(
        self, data: bytes, data_type: type[Any] | None = object, custom_hook: Callable[[bytes], object] | None = None
    ) -> bytes:
        return data


class _StateClient(DaprActorClientBase):
    """How the SDK reaches actors' state: over our connections, with a deadline. Nothing else is asked of it."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    @override
    async def get_state(self, actor_type: str, actor_id: str, name: str) -> bytes:
        path = f"{actor_type}/{actor_id}/state/{name}"
        return await _call(self._http, "GET", path, what=f"state of {actor_type}", seconds=STATE_SECONDS)

    @override
    async def save_state_transactionally(self, actor_type: str, actor_id: str, data: bytes) -> None:
        path = f"{actor_type}/{actor_id}/state"
        await _call(self._http, "PUT", path, what=f"state of {actor_type}", body=data, seconds=STATE_SECONDS)

    @override
    async def invoke_method(self, actor_type: str, actor_id: str, method: str, data: bytes | None = None) -> bytes:
        raise NotImplementedError

    @override
    async def register_reminder(self, actor_type: str, actor_id: str, name: str, data: bytes) -> None:
        raise NotImplementedError

    @override
    async def unregister_reminder(self, actor_type: str, actor_id: str, name: str) -> None:
        raise NotImplementedError

    @override
    async def register_timer(self, actor_type: str, actor_id: str, name: str, data: bytes) -> None:
        raise NotImplementedError

    @override
    async def unregister_timer(self, actor_type: str, actor_id: str, name: str) -> None:
        raise NotImplementedError


class _ForSidecar:
    """An app that answers the sidecar alone."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_sidecar(Request(scope), self._token):
            await self._app(scope, receive, send)
        else:
            await Response(status_code=_NO_SUCH_TOKEN)(scope, receive, send)


def _is_sidecar(request: Request, expected: str) -> bool:
    # Another app's service invocation comes through our own sidecar, token and all, and this header tells. The one that
    # tells for deliveries is of no use here: since 1.18 sidecars send it with every call of an actor.
    if _INVOKED in request.headers:
        return False
    shown = request.headers.get("dapr-api-token", "")
    return not expected or hmac.compare_digest(shown.encode(), expected.encode())


def actor_id_of(agent_id: str) -> str:
    """An id as Dapr's actors have it: letters, digits, `.`, `_` and `-` as they are, other bytes as `~` and two digits.

    On its way through sidecars a `+` becomes a space, and what is escaped for a URL is not always taken as that.
    """
    return "".join(
        chr(byte) if byte in _PLAIN else f"~{byte:02X}" for byte in agent_id.encode("utf-8", "surrogatepass")
    )


def agent_id_of(actor_id: str) -> str:
    """The id that `actor_id_of` made this of."""
    plain = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), actor_id)
    return plain.encode("latin-1").decode("utf-8", "surrogatepass")


def _address(agent_type: str, agent_id: str) -> str:
    return f"{agent_type}/{actor_id_of(agent_id)}"


async def _call(
    http: httpx2.AsyncClient, method: str, path: str, *, what: str, body: bytes = b"", seconds: float
) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            answer = await http.request(method, path, content=body, timeout=seconds)
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise SidecarUnavailable(what, f"no answer within {seconds:g} s") from error
    except httpx2.TransportError as error:
        raise SidecarUnavailable(what, str(error) or type(error).__name__) from error
    if not answer.is_success:
        # It may name hosts, so it is for the log and not for clients.
        logger.warning("%s: the sidecar answers %s", what, answer.text[:_LONGEST_SAID])
        raise SidecarUnavailable(what, _said(answer))
    return answer.content


def _said(answer: httpx2.Response) -> str:
    """What kind of failure it was."""
    try:
        code = json.loads(answer.content).get("errorCode", "")
    except (ValueError, AttributeError):
        code = ""
    return f"the sidecar answers {answer.status_code} {code}".rstrip()
