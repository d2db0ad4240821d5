"""What a body may be is a matter of the endpoints that anybody may call, not of the app."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter, FastAPI, Request

from command_api.lessons import LessonMaking, lesson_router
from command_api.progress import progress_router
from command_api.publisher import Publisher
from command_api.standings import InvokedStandings
from curriculum.material import Curriculum
from learnflow.recorded_lessons import ProjectedLessons
from learnflow.sidecar import Sidecar
from query_api.projections import Projections
from tests.http.harness import check_problem, client_of
from web import problems
from web.limits import MAX_BODY_BYTES


@pytest.fixture
def app(ports: Sidecar) -> FastAPI:
    """The POST endpoints, and one of another kind that takes what it gets."""
    deliveries = APIRouter()

    @deliveries.post("/deliveries")
    async def deliver(request: Request) -> int:
        return len(await request.body())

    publisher = Publisher(ports.appender)
    app = FastAPI()
    problems.install(app)
    making = LessonMaking(
        curriculum=Curriculum(),
        standings=InvokedStandings(ports.invoker, 1),
        recorded=ProjectedLessons(Projections(ports.state_reader)),
        offer=lambda _: None,
        repeat_seconds=1,
    )
    for router in (lesson_router(publisher, making), progress_router(publisher), deliveries):
        app.include_router(router)
    return app


@pytest.mark.parametrize("path", ["/generate-lesson", "/update-progress"])
async def test_the_endpoints_for_everybody_are_limited_by_themselves(app: FastAPI, path: str) -> None:
    async with client_of(app) as client:
        response = await client.post(
            path, content=b" " * (MAX_BODY_BYTES + 1), headers={"Content-Type": "application/json"}
        )
        check_problem(response, 413, "request-too-large")
        response = await client.post(path, content=b"{}", headers={"Content-Type": "text/plain"})
        check_problem(response, 415, "unsupported-media-type")
        response = await client.put(path, content=b"{}", headers={"Content-Type": "application/json"})
        check_problem(response, 405, "method-not-allowed")


async def test_other_endpoints_are_not(app: FastAPI) -> None:
    size = 40 * MAX_BODY_BYTES
    async with client_of(app) as client:
        response = await client.post(
            "/deliveries", content=b" " * size, headers={"Content-Type": "application/cloudevents+json"}
        )
        assert (response.status_code, response.json()) == (200, size)


async def test_a_body_that_never_ends_is_given_up(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.limits.MAX_BODY_SECONDS", 0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with client_of(app) as client:
        response = await client.post("/update-progress", content=slow(), headers={"Content-Type": "application/json"})
    check_problem(response, 408, "request-timeout")


async def test_an_encoded_body_is_refused_as_such(app: FastAPI) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with client_of(app) as client:
        response = await client.post("/update-progress", content=gzip.compress(b"{}"), headers=headers)
    check_problem(response, 415, "unsupported-media-type")


async def test_a_wrong_method_is_that_first(app: FastAPI) -> None:
    async with client_of(app) as client:
        response = await client.put("/update-progress", content=b"x", headers={"Content-Type": "text/plain"})
    check_problem(response, 405, "method-not-allowed")
