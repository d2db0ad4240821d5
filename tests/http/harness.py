"""The real app over the real embedded adapter, and what tests ask of it."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI

from learnflow.services import Service, build
from learnflow.settings import Settings
from learnflow.sidecar import Sidecar
from sidecar.embedded import EmbeddedSidecar
from sidecar.records import PartitionBounds

JSON = {"Content-Type": "application/json"}
ALL = tuple(Service)
WITHOUT_PROJECTOR = (Service.COURSE_AGENT, Service.USER_PROGRESS)
WAIT_SECONDS = 20
"""Longer than any fold takes here; a test that needs all of it has failed."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Api:
    """A running app, its client, and the ports behind it."""

    app: FastAPI
    client: httpx2.AsyncClient
    ports: Sidecar

    async def lesson(self, learner_id: str = "ada", **fields: Any) -> Json:
        """Ask for a lesson; it must be accepted. The body of the answer, with its headers as `headers`."""
        return await self.accepted("/generate-lesson", {"learner_id": learner_id, "topic": "Fractions", **fields})

    async def progress(self, learner_id: str = "ada", lesson_id: str = "loops", **fields: Any) -> Json:
        """Report progress; it must be accepted. The body of the answer, with its headers as `headers`."""
        command = {"learner_id": learner_id, "lesson_id": lesson_id, "completion": 0.5, **fields}
        return await self.accepted("/update-progress", command)

    async def accepted(self, path: str, command: Json, headers: Mapping[str, str] | None = None) -> Json:
        """POST; it must be accepted. The body of the answer, with its headers as `headers`."""
        response = await self.client.post(path, json=command, headers=headers)
        assert response.status_code == 202, response.text
        body: Json = response.json()
        return {**body, "headers": response.headers}

    async def get(self, path: str, *, after: Json | None = None, **query: Any) -> Json:
        """GET; it must answer 200. With `after`, an accepted POST, the answer must include that event."""
        headers = {}
        if after is not None:
            token = after["headers"]["Consistency-Token"]
            headers = {"Consistency-Token": token, "Prefer": f"wait={WAIT_SECONDS}"}
        response = await self.client.get(path, params=query or None, headers=headers)
        assert response.status_code == 200, response.text
        if after is not None:
            assert response.headers["Consistency-Status"] == "included"
        body: Json = response.json()
        return body

    async def everything(self, events: int) -> Json:
        """The platform's status, once it counts this many events."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                response = await self.client.get("/status")
                if response.status_code == 200 and response.json()["events"] >= events:
                    break
                await asyncio.sleep(0.01)
        status: Json = response.json()
        assert status["events"] == events
        return status

    async def bounds(self) -> Mapping[int, PartitionBounds]:
        """What the log holds, by partition."""
        return await self.ports.log_reader.bounds()

    async def recorded(self) -> int:
        """How many records the log holds."""
        return sum(bound.end - bound.start for bound in (await self.bounds()).values())


@asynccontextmanager
async def serving(ports: Sidecar, services: Collection[Service] = ALL, **settings: Any) -> AsyncIterator[Api]:
    """Run an app over these ports, without a socket in between."""
    app = build(services, ports, Settings(**settings))
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield Api(app, client, ports)


def client_of(app: FastAPI) -> httpx2.AsyncClient:
    """A client of this app, without a socket in between."""
    # What a server would log, and answer 500 for, is to be seen as the client sees it.
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://learnflow.test", timeout=60)


def open_sidecar(folder: Path, *, partitions: int = 4) -> EmbeddedSidecar:
    """Open the embedded adapter, quick to try again."""
    return EmbeddedSidecar.open(folder, partitions=partitions, retry_seconds=0.01)


def check_problem(response: httpx2.Response, status: int, slug: str) -> Json:
    """The problem of an answer, which must be one as RFC 9457 has it, of this status and type."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: Json = response.json()
    assert problem["type"] == f"urn:learnflow:problem:{slug}"
    assert problem["status"] == status
    assert isinstance(problem["title"], str)
    assert problem["title"]
    assert problem.keys() <= {"type", "title", "status", "detail", "errors", "idempotency_key"}
    return problem


def faulty_fields(problem: Json) -> set[str]:
    """The fields that a problem names."""
    return {error["field"] for error in problem["errors"]}
