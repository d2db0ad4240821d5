"""Schemathesis reads the committed API description, and tries the real server with what it allows and what not."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from typing_extensions import override

from learnflow.services import Service, build
from learnflow.settings import Settings
from learnflow.sidecar import open_embedded

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    missing_required_header,
    unsupported_method,
    allow_header_conformance,
]
NOT_SAID: Final = {
    "occurred_at",  # a schema can't say that it must not lie in the future or before 1970
    "cursor",  # only what a page before has answered is one
    "Consistency-Token",  # only what a POST has answered is one
}


DESCRIPTION: Final = Path(__file__).parents[2] / "docs" / "contracts" / "learnflow.openapi.json"

api = schemathesis.openapi.from_path(DESCRIPTION)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server with all services."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        running = _Running(tmp_path_factory.mktemp("server") / "data", listener)
        running.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        running.stop()


class _Running(threading.Thread):
    """A server in a thread, with an event loop of its own."""

    def __init__(self, folder: Path, listener: socket.socket) -> None:
        super().__init__(name="server")
        self._settings = Settings(data_dir=folder)
        self._listener = listener
        self._started = threading.Event()
        self._server: uvicorn.Server | None = None

    @override
    def start(self) -> None:
        super().start()
        assert self._started.wait(30)

    @override
    def run(self) -> None:
        asyncio.run(self._serve())

    def stop(self) -> None:
        assert self._server is not None
        self._server.should_exit = True
        self.join(30)
        assert not self.is_alive()

    async def _serve(self) -> None:
        async with open_embedded(self._settings) as ports:
            config = uvicorn.Config(build(list(Service), ports, self._settings), log_config=None, lifespan="on")
            self._server = uvicorn.Server(config)
            self._started.set()
            await self._server.serve(sockets=[self._listener])


@api.parametrize()
@seed(20240229)
@settings(max_examples=80, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_the_api_is_what_it_says(case: "schemathesis.Case[Any]", server: str) -> None:
    response = case.call(base_url=server)
    if response.status_code == 400 and response.content == b"Invalid HTTP request received.":
        return  # no request arrived: the server's parser takes no address of more than 64 KiB
    checks = [check for check in CHECKS if check is not positive_data_acceptance or not _is_not_said(response)]
    case.validate_response(response, checks=checks)


def _is_not_said(response: schemathesis.Response) -> bool:
    """Whether a request was refused for nothing but what the description has no words for."""
    if response.status_code != 422:
        return False
    return {error["field"] for error in response.json()["errors"]} <= NOT_SAID
