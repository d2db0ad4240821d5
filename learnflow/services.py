"""The services: which routers each is made of, and what runs beside them."""

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI
from fastapi.responses import RedirectResponse

from command_api.lessons import LessonMaking, lesson_router
from command_api.progress import progress_router
from command_api.publisher import Publisher, PublisherLimits
from command_api.standings import InvokedStandings
from learnflow.agents import ServiceAgents
from learnflow.draining import CloseWhileDraining, Draining
from learnflow.health import Check, health_router
from learnflow.metrics import metrics_endpoint
from learnflow.packs import installed
from learnflow.projecting import Projection
from learnflow.recorded_lessons import ProjectedLessons
from learnflow.settings import Settings
from learnflow.sidecar import Sidecar
from projector.engine import Engine
from query_api.advice import advice_router
from query_api.lessons import lessons_router
from query_api.projections import Projections
from query_api.status import status_router
from read_models import keys
from web import description, problems
from web.head import HeadAsGet


class Service(StrEnum):
    """What can be deployed by itself."""

    COURSE_AGENT = "course-agent"
    USER_PROGRESS = "user-progress"
    PROJECTOR = "projector"


_SUMMARIES: Final = {
    Service.COURSE_AGENT: "Lessons: ask for them, list them, read them.",
    Service.USER_PROGRESS: "Progress: report it, see where learners stand.",
    Service.PROJECTOR: "Folds the log into the documents that the others answer from.",
}


def build(services: Collection[Service], sidecar: Sidecar, settings: Settings) -> FastAPI:
    """One app that serves these services over a sidecar; opens and closes nothing of the sidecar's but delivery.

    Its `state.draining` is the `Draining` of the process, for who runs it to begin.
    """
    ordered = [service for service in Service if service in services]
    engine = Engine(log=sidecar.log_reader, reader=sidecar.state_reader, writer=sidecar.state_writer)
    projection = Projection(engine, sidecar)
    publisher = Publisher(sidecar.appender, _limits(settings))
    projections = Projections(sidecar.state_reader)
    agents = _agents(services, sidecar, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if Service.PROJECTOR in services:
                await stack.enter_async_context(projection.running())
            await publisher.start()
            stack.push_async_callback(publisher.stop)
            await stack.enter_async_context(agents.running())
            yield

    app = FastAPI(
        title="LearnFlow" if len(ordered) > 1 else f"LearnFlow {ordered[0].value}",
        summary=" ".join(_SUMMARIES[service] for service in ordered),
        version=version("learnflow"),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        responses=problems.responses(problems.INTERNAL),
        separate_input_output_schemas=False,
        redirect_slashes=False,
    )
    problems.install(app)
    app.state.draining = draining = Draining()
    app.add_middleware(HeadAsGet)
    app.add_middleware(CloseWhileDraining, draining=draining)
    if Service.COURSE_AGENT in services:
        app.include_router(lesson_router(publisher, _making(sidecar, projections, agents, settings)))
        app.include_router(lessons_router(projections))
    if Service.USER_PROGRESS in services:
        curriculum = installed(settings.packs)
        app.include_router(progress_router(publisher))
        app.include_router(status_router(projections, _now, curriculum))
        app.include_router(advice_router(projections, _now, curriculum, agents.adviser))
    app.router.routes.extend(agents.routes)
    if Service.PROJECTOR in services:
        app.router.routes.extend(sidecar.subscription_routes)
        app.add_api_route(
            "/metrics", metrics_endpoint(sidecar.log_reader, sidecar.state_reader), include_in_schema=False
        )
    app.include_router(health_router({**_checks(services, sidecar, projection), "process": draining.trouble}))
    app.add_api_route("/", _to_description, include_in_schema=False)
    description.install(app)
    for service in ordered:
        sidecar.serve(service.value, app)
    return app


def _agents(services: Collection[Service], sidecar: Sidecar, settings: Settings) -> ServiceAgents:
    return ServiceAgents(
        course_agent=Service.COURSE_AGENT in services,
        progress_agent=Service.USER_PROGRESS in services,
        sidecar=sidecar,
        timeout_seconds=settings.conversation_seconds,
    )


def _making(sidecar: Sidecar, projections: Projections, agents: ServiceAgents, settings: Settings) -> LessonMaking:
    return LessonMaking(
        curriculum=installed(settings.packs),
        standings=InvokedStandings(sidecar.invoker, settings.standing_seconds),
        recorded=ProjectedLessons(projections),
        offer=agents.offer,
        repeat_seconds=settings.repeat_seconds,
    )


def _limits(settings: Settings) -> PublisherLimits:
    return PublisherLimits(
        waiting=settings.publish_waiting,
        linger_seconds=settings.publish_linger_seconds,
        deadline_seconds=settings.publish_deadline_seconds,
    )


async def _to_description() -> RedirectResponse:
    """Whoever opens the address in a browser wants to know what can be asked."""
    return RedirectResponse("/docs")


def _now() -> datetime:
    return datetime.now(UTC)


def _checks(services: Collection[Service], sidecar: Sidecar, projection: Projection) -> dict[str, Check]:
    # The log is the projector's to check. A service that appends finds out when it does, and can answer GETs meanwhile.
    async def log() -> str | None:
        await sidecar.log_reader.bounds()
        return None

    async def state_store() -> str | None:
        found = await sidecar.state_reader.read([keys.CONTROL])
        return None if keys.CONTROL in found else "nothing was projected yet"

    checks: dict[str, Check] = {**sidecar.checks, "state store": state_store}
    if Service.PROJECTOR in services:
        checks |= {"log": log, "projector": projection.trouble}
    return checks
