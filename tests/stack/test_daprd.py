"""A sidecar with the component files of this repository."""

import http.client
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from deploy.stack.daprd import Daprd, DaprdOptions
from deploy.stack.environment import variables
from deploy.stack.errors import NotStarted
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.ports import free_port
from deploy.stack.process import Command
from tests.stack.commands import eventually

pytestmark = pytest.mark.process

# Answers what daprd asks an app, and hosts one type of actor.
APP: Final = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class App(BaseHTTPRequestHandler):
    def do_GET(self):
        answers = {"/healthz": {}, "/dapr/subscribe": [], "/dapr/config": {"entities": ["StandIn"]}, "/name": "me"}
        body = json.dumps(answers.get(self.path)).encode()
        self.send_response(200 if self.path in answers else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), App).serve_forever()
"""


@pytest.fixture
def sidecars(infrastructure: Infrastructure) -> Iterator[list[Daprd]]:
    """Takes sidecars, and ends them after the test."""
    sidecars: list[Daprd] = []
    yield sidecars
    for sidecar in sidecars:
        sidecar.kill()
    assert infrastructure.placement.running


def get(port: int, path: str) -> tuple[int, bytes]:
    """What a GET is answered with."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("app_id", "components"),
    [
        ("course-agent", {"agents", "events", "documents", "secrets"}),
        ("user-progress", {"agents", "events", "documents", "secrets"}),
        ("projector", {"events", "documents", "secrets"}),
        ("replay", {"documents", "secrets"}),
    ],
)
def test_loads_the_components_and_connects_to_placement(
    infrastructure: Infrastructure, sidecars: list[Daprd], app_id: str, components: set[str]
) -> None:
    sidecar = infrastructure.daprd(DaprdOptions(app_id=app_id, name=f"loads-{app_id}"))
    sidecars.append(sidecar)
    sidecar.start()
    assert get(sidecar.http_port, "/v1.0/healthz/outbound")[0] == 204
    sidecar.wait_with_app()
    found = sidecar.metadata()
    assert {component["name"] for component in found["components"]} == components
    assert found["actorRuntime"]["placement"] == "placement: connected"
    said = sidecar.process.command.log.read_text(encoding="utf-8")
    assert "level=error" not in said
    assert "Initialized name resolution to sqlite" in said


def test_serves_its_app_and_finds_others(infrastructure: Infrastructure, sidecars: list[Daprd]) -> None:
    port = free_port()
    app = infrastructure.process(
        Command(
            name="stand-in",
            arguments=[sys.executable, "-c", APP, str(port)],
            environment=variables(),
            log=infrastructure.logs / "stand-in.log",
        )
    )
    hosting = infrastructure.daprd(DaprdOptions(app_id="stand-in", app_port=port, name="hosting", drain_seconds=0))
    calling = infrastructure.daprd(DaprdOptions(app_id="course-agent", name="calling"))
    sidecars += [hosting, calling]
    for sidecar in sidecars:
        sidecar.start()
    assert hosting.app_trouble() is not None
    app.start()
    try:
        hosting.wait_with_app()
        assert eventually(lambda: "StandIn" in json.dumps(infrastructure.placement.state()))
        status, body = get(calling.http_port, "/v1.0/invoke/stand-in/method/name")
        assert (status, json.loads(body)) == (200, "me")
        hosting.kill()
        hosting.start()
        hosting.wait_with_app()
        assert get(hosting.http_port, "/v1.0/invoke/stand-in/method/name")[0] == 200
    finally:
        app.kill()


def test_one_whose_components_fail_says_why(
    infrastructure: Infrastructure, sidecars: list[Daprd], tmp_path: Path
) -> None:
    (tmp_path / "broken.yaml").write_text(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: broken}\n"
        "spec: {type: state.nowhere, version: v1, metadata: []}\n",
        encoding="utf-8",
    )
    sidecars.append(infrastructure.daprd(DaprdOptions(app_id="any", name="broken", resources=(tmp_path,))))
    with pytest.raises(NotStarted, match=r"(?s)broken ended with status 1.*state\.nowhere"):
        sidecars[0].start()
