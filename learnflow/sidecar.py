"""The ports of a sidecar, bundled, and the adapters that can stand behind them."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from starlette.routing import BaseRoute

from learnflow.settings import AppSettings, DaprSettings, Settings, SidecarKind
from read_models import keys
from sidecar.agents import Agents
from sidecar.append import EventAppender
from sidecar.conversation import Conversation
from sidecar.dapr import DaprConfig, DaprSidecar
from sidecar.delivery import Delivery
from sidecar.embedded import EmbeddedSidecar, EmbeddedTool
from sidecar.embedded.invocation import AsgiApp
from sidecar.errors import SidecarUnavailable
from sidecar.invocation import ServiceInvoker
from sidecar.kafka.config import KafkaConfig
from sidecar.kafka.log_reader import KafkaLogReader
from sidecar.log_reader import LogReader
from sidecar.secrets import SecretStore
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter

logger = logging.getLogger(__name__)

TOOL_READ_SECONDS: Final = 30.0
TOOL_WRITE_SECONDS: Final = 60.0
"""A command's reads and transactions may be as large as `message_bytes` allows, and nobody waits for their answers."""
TOOL_PAUSE_SECONDS: Final = 0.2
"""Between two attempts to reach a sidecar that is only just starting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPorts:
    """What a command may ask that works beside the services: it neither appends, nor is anything delivered to it."""

    log_reader: LogReader
    state_reader: StateReader
    state_writer: StateWriter
    secrets: SecretStore


@dataclass(frozen=True, slots=True)
class Sidecar:
    """Everything a service may ask of its sidecar, each as the port that it is.

    Attributes:
        subscription_routes: what an app must serve to have the log delivered.
        checks: what else a service needs of it, by name; each says what is amiss, `None` for nothing.
        agents: hosts agents and asks them; `None` where the sidecar knows of none.
        conversation: with a language model; `None` where none is configured.
        serve: makes an app known under the name of its service, where the sidecar does not know it by itself.
    """

    appender: EventAppender
    delivery: Delivery
    log_reader: LogReader
    state_reader: StateReader
    state_writer: StateWriter
    secrets: SecretStore
    invoker: ServiceInvoker
    subscription_routes: Sequence[BaseRoute] = ()
    checks: Mapping[str, Callable[[], Awaitable[str | None]]] = field(default_factory=dict)
    agents: Agents | None = None
    conversation: Conversation | None = None
    serve: Callable[[str, AsgiApp], None] = lambda _, __: None


def open_sidecar(settings: Settings) -> AbstractAsyncContextManager[Sidecar]:
    """Open the adapter that the settings name, and close it again.

    Raises:
        SidecarError: the embedded adapter's folder can't be used; the message says why.
    """
    return open_dapr(settings) if settings.sidecar is SidecarKind.DAPR else open_embedded(settings)


def open_tool(settings: Settings) -> AbstractAsyncContextManager[ToolPorts]:
    """Open the ports for a command, or one of its processes, that works beside the services, and close them again.

    It makes nothing: with the embedded adapter it works in a folder that a service has made, served or not.

    Raises:
        SidecarError: the embedded adapter's folder can't be used; the message says why.
    """
    return _open_dapr_tool(settings) if settings.sidecar is SidecarKind.DAPR else _open_embedded_tool(settings)


@asynccontextmanager
async def open_embedded(settings: Settings) -> AsyncIterator[Sidecar]:
    """Open the embedded adapter on the data folder, and close it again.

    Raises:
        SidecarError: the folder can't be used; the message says why.
    """
    embedded = EmbeddedSidecar.open(
        settings.data_dir,
        partitions=settings.partitions,
        max_message_bytes=settings.message_bytes,
        batch_records=settings.delivery_records,
    )
    try:
        yield ports_of(embedded)
    finally:
        await embedded.close()


@asynccontextmanager
async def _open_embedded_tool(settings: Settings) -> AsyncIterator[ToolPorts]:
    tool = EmbeddedTool.open(settings.data_dir, max_message_bytes=settings.message_bytes)
    try:
        yield ToolPorts(
            log_reader=tool.log_reader, state_reader=tool.state, state_writer=tool.state, secrets=tool.secrets
        )
    finally:
        await tool.close()


@asynccontextmanager
async def open_dapr(settings: Settings) -> AsyncIterator[Sidecar]:
    """Open the Dapr adapter, and close it again. It waits for nothing: a sidecar that is away shows in the calls."""
    from sidecar.dapr.actors import DaprActors  # noqa: PLC0415 - half a second that commands for operators do without

    if not AppSettings().api_token:
        logger.warning("APP_API_TOKEN is not set: whoever reaches this app's port can act as its sidecar")
    config = dapr_config(settings, DaprSettings(), AppSettings())
    dapr = DaprSidecar(config)
    agents = DaprActors(config)
    log_reader = _kafka_log(settings, dapr)
    try:
        yield Sidecar(
            appender=dapr.appender,
            delivery=dapr.delivery,
            log_reader=log_reader,
            state_reader=dapr.state,
            state_writer=dapr.state,
            secrets=dapr.secrets,
            invoker=dapr.invoker,
            subscription_routes=dapr.delivery.routes,
            checks={"sidecar": dapr.trouble},
            agents=agents,
            conversation=dapr.conversation(settings.conversation) if settings.conversation else None,
        )
    finally:
        await log_reader.close()
        await agents.close()
        await dapr.close()


@asynccontextmanager
async def _open_dapr_tool(settings: Settings) -> AsyncIterator[ToolPorts]:
    given = DaprSettings()
    config = dapr_config(settings, given, AppSettings())
    dapr = DaprSidecar(replace(config, read_seconds=TOOL_READ_SECONDS, write_seconds=TOOL_WRITE_SECONDS))
    log_reader = _kafka_log(settings, dapr)
    try:
        await _wait_for(dapr.state, given.health_timeout)
        yield ToolPorts(log_reader=log_reader, state_reader=dapr.state, state_writer=dapr.state, secrets=dapr.secrets)
    finally:
        await log_reader.close()
        await dapr.close()


async def _wait_for(documents: StateReader, seconds: float) -> None:
    """Wait until documents can be read, so long at most; what is away then shows in the calls."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            await documents.read([keys.CONTROL])
        except SidecarUnavailable:
            await asyncio.sleep(TOOL_PAUSE_SECONDS)
        else:
            return


def _kafka_log(settings: Settings, dapr: DaprSidecar) -> KafkaLogReader:
    async def properties() -> Mapping[str, str]:
        return await dapr.secrets.secret(settings.kafka_secret) if settings.kafka_secret else {}

    return KafkaLogReader(KafkaConfig(settings.kafka_brokers, properties=properties))


def dapr_config(settings: Settings, dapr: DaprSettings, app: AppSettings) -> DaprConfig:
    """What the adapter is told, from our settings and from what Dapr tells us."""
    return DaprConfig(
        grpc_endpoint=dapr.grpc_endpoint or f"{dapr.runtime_host}:{dapr.grpc_port}",
        http_endpoint=dapr.http_endpoint.rstrip("/") or f"http://{dapr.runtime_host}:{dapr.http_port}",
        api_token=dapr.api_token,
        app_token=app.api_token,
        max_message_bytes=settings.message_bytes,
    )


def ports_of(embedded: EmbeddedSidecar) -> Sidecar:
    """The embedded adapter as nothing but its ports."""
    return Sidecar(
        appender=embedded.appender,
        delivery=embedded.delivery,
        log_reader=embedded.log_reader,
        state_reader=embedded.state,
        state_writer=embedded.state,
        secrets=embedded.secrets,
        invoker=embedded.invoker,
        serve=embedded.invoker.register,
    )
