"""The services: which routers each is made of, and what runs beside them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime
from enum import StrEnum
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI

from command_api.lessons import lesson_router
from command_api.progress import progress_router
from command_api.publisher import Publisher, PublisherLimits
from learnflow.health import Check, health_router
from learnflow.settings import Settings
from learnflow.sidecar import Sidecar
from projector.engine import Engine
from projector.errors import ProjectorError
from query_api.lessons import lessons_router
from query_api.projections import Projections
from query_api.status import status_router
from read_models import keys
from read_models.codec import UnreadableDocument
from sidecar.errors import SidecarError
from web import description, problems
from web.limits import RequestLimits

logger = logging.getLogger(__name__)

ESTABLISH_PAUSE_SECONDS: Final = 1.0


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
    """One app that serves these services over a sidecar; opens and closes nothing of the sidecar's but delivery."""
    ordered = [service for service in Service if service in services]
    engine = Engine(log=sidecar.log_reader, reader=sidecar.state_reader, writer=sidecar.state_writer)
    publisher = Publisher(sidecar.appender, _limits(settings))
    projections = Projections(sidecar.state_reader)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if Service.PROJECTOR in services:
                await stack.enter_async_context(_projecting(engine, sidecar))
            await publisher.start()
            stack.push_async_callback(publisher.stop)
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
    app.add_middleware(RequestLimits)
    if Service.COURSE_AGENT in services:
        app.include_router(lesson_router(publisher))
        app.include_router(lessons_router(projections))
    if Service.USER_PROGRESS in services:
        app.include_router(progress_router(publisher))
        app.include_router(status_router(projections, _today))
    app.include_router(health_router(_checks(services, sidecar, engine)))
    description.install(app)
    return app


def _limits(settings: Settings) -> PublisherLimits:
    return PublisherLimits(
        waiting=settings.publish_waiting,
        linger_seconds=settings.publish_linger_seconds,
        deadline_seconds=settings.publish_deadline_seconds,
    )


def _today() -> date:
    return datetime.now(UTC).date()


@asynccontextmanager
async def _projecting(engine: Engine, sidecar: Sidecar) -> AsyncIterator[None]:
    """Deliver the log to the engine, from when log and documents fit until the end."""
    first = await _try_to_establish(engine)
    starting = asyncio.create_task(_start_delivery(engine, sidecar, established=first), name="start delivery")
    try:
        yield
    finally:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await sidecar.delivery.stop()


async def _start_delivery(engine: Engine, sidecar: Sidecar, *, established: bool) -> None:
    while not established:
        await asyncio.sleep(ESTABLISH_PAUSE_SECONDS)
        established = await _try_to_establish(engine)
    await sidecar.delivery.start(engine.handle)


async def _try_to_establish(engine: Engine) -> bool:
    try:
        await engine.establish()
    except (ProjectorError, SidecarError, UnreadableDocument) as refusal:
        logger.warning("nothing is folded yet: %s", refusal)
        return False
    return True


def _checks(services: Collection[Service], sidecar: Sidecar, engine: Engine) -> dict[str, Check]:
    async def log() -> str | None:
        await sidecar.log_reader.bounds()
        return None

    async def state_store() -> str | None:
        found = await sidecar.state_reader.read([keys.CONTROL])
        return None if keys.CONTROL in found else "nothing was projected yet"

    async def projector() -> str | None:
        return engine.trouble

    checks: dict[str, Check] = {"log": log, "state store": state_store}
    if Service.PROJECTOR in services:
        checks["projector"] = projector
    return checks
