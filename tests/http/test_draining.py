"""A service that was asked to end and still answers."""

import signal
import threading
import time
from pathlib import Path

import httpx2
import pytest

from learnflow.services import Service, build
from learnflow.settings import Settings
from learnflow.sidecar import Sidecar
from tests.servers import END_SECONDS, running_server

DRAIN_SECONDS = 3.0


async def test_no_answer_ends_its_connection_before_and_each_does_afterwards(ports: Sidecar) -> None:
    app = build([Service.COURSE_AGENT], ports, Settings())
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        assert "connection" not in (await client.get("/healthz")).headers
        app.state.draining.begun = True
        for path in ("/healthz", "/readyz", "/lessons", "/nothing-here"):
            assert (await client.get(path)).headers["connection"] == "close"


async def test_it_is_alive_and_not_ready(ports: Sidecar) -> None:
    app = build([Service.COURSE_AGENT], ports, Settings())
    app.state.draining.begun = True
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://service") as client:
        assert (await client.get("/healthz")).status_code == 200
        response = await client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["waiting_for"]["process"] == "this process is ending"


@pytest.mark.process
def test_after_sigterm_it_answers_for_so_long_and_ends_with_status_0(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "data", env={"LEARNFLOW_DRAIN_SECONDS": str(DRAIN_SECONDS)}) as server,
        httpx2.Client(base_url=server.url, trust_env=False) as client,
    ):
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        answered = 0
        while client.get("/readyz").status_code == 200:
            pass
        while time.monotonic() < began + DRAIN_SECONDS / 2:
            accepted = client.post("/generate-lesson", json={"learner_id": "ada", "topic": "loops"})
            assert (accepted.status_code, accepted.headers["connection"]) == (202, "close")
            answered += 1
        assert answered > 0
        assert server.process.wait(END_SECONDS) == 0
        assert time.monotonic() - began >= DRAIN_SECONDS


@pytest.mark.process
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, second: signal.Signals) -> None:
    with running_server(tmp_path / "data", env={"LEARNFLOW_DRAIN_SECONDS": "300"}) as server:
        server.process.send_signal(signal.SIGTERM)
        with httpx2.Client(base_url=server.url, trust_env=False) as client:
            while client.get("/readyz").status_code == 200:
                pass
        server.process.send_signal(second)
        assert server.process.wait(END_SECONDS) == 0


@pytest.mark.process
def test_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", env={"LEARNFLOW_DRAIN_SECONDS": "300"}) as server:
        threading.Timer(0.1, lambda: server.process.send_signal(signal.SIGINT)).start()
        assert server.process.wait(END_SECONDS) == 0
