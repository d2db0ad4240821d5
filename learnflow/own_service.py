"""Services with code of their own, beside the three: opened, composed and run as these are.

Such a service is its own consumer group and has a state store to itself, through components that only its sidecar has.
So it can neither take events from the projector nor touch what GETs answer from. Without a sidecar the same code runs
over the embedded adapter's file.
"""

import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from starlette.routing import BaseRoute

from learnflow.agents import NoConversation
from learnflow.draining import CloseWhileDraining, Draining
from learnflow.health import Check, health_router
from learnflow.local_agents import LocalAgents
from learnflow.serving import CannotListen, configure_logging, serve_app
from learnflow.settings import AppSettings, DaprSettings, Settings, SidecarKind, faults_in_words
from learnflow.sidecar import dapr_config
from sidecar.agents import Agents, HostedAgent
from sidecar.append import EventAppender
from sidecar.conversation import Conversation
from sidecar.dapr import DaprSidecar
from sidecar.dapr.actors import DaprActors
from sidecar.delivery import BatchHandler, Delivery
from sidecar.embedded import EmbeddedSidecar
from sidecar.embedded.invocation import AsgiApp
from sidecar.errors import SidecarError
from sidecar.invocation import ServiceInvoker
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter
from web import description, problems
from web.head import HeadAsGet

logger = logging.getLogger(__name__)


async def _nothing() -> None:
    """There is nothing to say, or to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPorts:
    """What such a service may ask of its sidecar.

    Attributes:
        appender: of the log; with Dapr every append is refused unless the service's pub/sub component lets it publish.
        delivery: the log, to this service's consumer group.
        state_reader: reads this service's documents.
        state_writer: writes them.
        invoker: calls other services.
        agents: hosts agents and asks them.
        conversation: with a language model, through the component that `LEARNFLOW_CONVERSATION` names; where none is
            named, and without Dapr, it answers nobody.
        subscription_routes: what the app must serve to have the log delivered.
        checks: what else it needs, by name; each says what is amiss, `None` for nothing.
        serve: makes the app known under its name, where the sidecar does not know it by itself.
        end: ends what goes on behind requests.
    """

    appender: EventAppender
    delivery: Delivery
    state_reader: StateReader
    state_writer: StateWriter
    invoker: ServiceInvoker
    agents: Agents
    conversation: Conversation = field(default_factory=NoConversation)
    subscription_routes: Sequence[BaseRoute] = ()
    checks: Mapping[str, Check] = field(default_factory=dict)
    serve: Callable[[str, AsgiApp], None] = lambda _, __: None
    end: Callable[[], Awaitable[None]] = _nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What such a service is made of.

    Attributes:
        routers: its endpoints; `/healthz`, `/readyz`, `/docs` and `/openapi.json` are added to them.
        agents: what it hosts, by actor type.
        handler: what it does with the log.
        trouble: what keeps it from going on with the log; `/readyz` says it, as part `log`.
    """

    routers: Sequence[APIRouter]
    agents: Mapping[str, HostedAgent]
    handler: BatchHandler
    trouble: Check = _nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnService:
    """A service.

    Attributes:
        name: its Dapr app-id, and its consumer group where it runs embedded.
        title: what people call it.
        summary: what it is for, in a sentence.
        pubsub: its pub/sub component.
        state_store: its state store component, which is also its agents'.
        make: puts it together; nothing is running yet.
    """

    name: str
    title: str
    summary: str
    pubsub: str
    state_store: str
    make: Callable[[OwnPorts], Parts]


def main(service: OwnService) -> None:
    """Serve as a program: settings from the environment, errors in one line, exit status 1 on error."""
    try:
        settings = Settings()
        dapr, app = DaprSettings(), AppSettings()
    except ValidationError as invalid:
        sys.exit(f"{service.name}: {faults_in_words(invalid)}")
    configure_logging(settings)

    @asynccontextmanager
    async def opened() -> AsyncIterator[FastAPI]:
        async with _ports(service, settings, dapr, app) as ports:
            yield build(service, ports)

    try:
        serve_app(opened, settings, lambda url: print(f"{service.name} on {url}", flush=True))  # noqa: T201
    except (CannotListen, SidecarError) as error:
        sys.exit(f"{service.name}: {error}")


def build(service: OwnService, ports: OwnPorts) -> FastAPI:
    """The service's app over these ports. While it runs, the log is delivered to it and its agents are hosted.

    Its `state.draining` is the `Draining` of the process, for who runs it to begin.
    """
    parts = service.make(ports)
    draining = Draining()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Before it serves: the sidecar asks for the kinds of agents once.
        await ports.agents.host(parts.agents)
        await ports.delivery.start(parts.handler)
        try:
            yield
        finally:
            await ports.delivery.stop()
            await ports.end()

    async def state_store() -> str | None:
        # Whether there is such a document says nothing; that there is an answer does.
        await ports.state_reader.read([f"{service.name}/ready"], confirm_absence=False)
        return None

    checks = {**ports.checks, "log": parts.trouble, "state store": state_store, "process": draining.trouble}
    app = FastAPI(
        title=f"LearnFlow {service.title}",
        summary=service.summary,
        version=version("learnflow"),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        responses=problems.responses(problems.INTERNAL),
        separate_input_output_schemas=False,
        redirect_slashes=False,
    )
    problems.install(app)
    app.state.draining = draining
    app.add_middleware(HeadAsGet)
    app.add_middleware(CloseWhileDraining, draining=draining)
    for router in parts.routers:
        app.include_router(router)
    app.router.routes.extend([*ports.agents.routes, *ports.subscription_routes])
    app.include_router(health_router(checks))
    app.add_api_route("/", _to_description, include_in_schema=False)
    description.install(app)
    ports.serve(service.name, app)
    return app


def _ports(
    service: OwnService, settings: Settings, dapr: DaprSettings, app: AppSettings
) -> AbstractAsyncContextManager[OwnPorts]:
    if settings.sidecar is SidecarKind.DAPR:
        return open_dapr(service, settings, dapr, app)
    return open_embedded(service, settings)


@asynccontextmanager
async def open_dapr(
    service: OwnService, settings: Settings, dapr: DaprSettings, app: AppSettings
) -> AsyncIterator[OwnPorts]:
    """Open the Dapr adapter on the service's components, and close it again.

    It waits for nothing: a sidecar that is away shows in the calls.
    """
    if not app.api_token:
        logger.warning("APP_API_TOKEN is not set: whoever reaches this app's port can act as its sidecar")
    config = replace(dapr_config(settings, dapr, app), pubsub=service.pubsub, state_store=service.state_store)
    sidecar = DaprSidecar(config)
    agents = DaprActors(config)
    try:
        yield OwnPorts(
            appender=sidecar.appender,
            delivery=sidecar.delivery,
            state_reader=sidecar.state,
            state_writer=sidecar.state,
            invoker=sidecar.invoker,
            agents=agents,
            conversation=sidecar.conversation(settings.conversation) if settings.conversation else NoConversation(),
            subscription_routes=sidecar.delivery.routes,
            checks={"sidecar": sidecar.trouble},
        )
    finally:
        await agents.close()
        await sidecar.close()


@asynccontextmanager
async def open_embedded(service: OwnService, settings: Settings) -> AsyncIterator[OwnPorts]:
    """Open the embedded adapter on the data folder as the service's own consumer group, and close it again.

    Raises:
        SidecarError: the folder can't be used; the message says why.
    """
    embedded = EmbeddedSidecar.open(
        settings.data_dir,
        partitions=settings.partitions,
        group=service.name,
        max_message_bytes=settings.message_bytes,
        batch_records=settings.delivery_records,
    )
    try:
        yield embedded_ports(embedded)
    finally:
        await embedded.close()


def embedded_ports(embedded: EmbeddedSidecar) -> OwnPorts:
    """The embedded adapter as nothing but its ports."""
    agents = LocalAgents(embedded.state, embedded.state)
    return OwnPorts(
        appender=embedded.appender,
        delivery=embedded.delivery,
        state_reader=embedded.state,
        state_writer=embedded.state,
        invoker=embedded.invoker,
        agents=agents,
        serve=embedded.invoker.register,
        end=agents.close,
    )


async def _to_description() -> RedirectResponse:
    """Whoever opens the address in a browser wants to know what can be asked."""
    return RedirectResponse("/docs")
