"""The services on the real stack, and `make stack`."""

import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.stack import http_probe
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.ports import free_port
from deploy.stack.service import CHECKOUT, SERVICES
from deploy.stack.stack import Stack
from tests.stack.commands import eventually, with_mark

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]


def test_services_come_up_and_come_back(infrastructure: Infrastructure) -> None:
    with Stack(infrastructure) as stack:
        assert {replica.service for replica in stack.replicas} == set(SERVICES)
        second = stack.start_service("projector")
        assert second.name == "projector-2"
        for part in (stack["course-agent"].app, stack["course-agent"].daprd):
            part.kill()
        assert stack["user-progress"].app.trouble() is None
        stack["course-agent"].start()
        assert http_probe.document(stack["course-agent"].app.port, "/readyz") == {"ready": True, "waiting_for": {}}
    assert not any(server.running for replica in stack.replicas for server in (replica.app, replica.daprd))


def test_services_can_be_left_out(infrastructure: Infrastructure) -> None:
    with Stack(infrastructure, services=["projector"]) as stack:
        assert [replica.service for replica in stack.replicas] == ["projector"]
        with pytest.raises(KeyError):
            assert stack.course_agent
        with pytest.raises(ValueError, match="there is no service 'barista'"):
            stack.start_service("barista")


@contextmanager
def make_stack(data: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the program until it is ready; gives it, and what it said."""
    errors = data.with_suffix(".err")
    # The usual ones may be wanted by somebody else who tests on this machine.
    ports = [f"--course-agent-port={free_port()}", f"--user-progress-port={free_port()}"]
    with (
        errors.open("a") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "deploy.stack", "--data", data, *ports],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if line.startswith("export USER_PROGRESS="):
                    break
            else:
                pytest.fail(errors.read_text(encoding="utf-8"))
            yield process, said
        finally:
            process.kill()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that Postgres's account can enter, as it can't enter pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


def test_the_program_keeps_its_data_and_leaves_nothing_running(
    infrastructure: Infrastructure, open_folder: Path
) -> None:
    assert infrastructure.kafka.running
    data = open_folder / "data"
    with make_stack(data) as (process, said):
        port = int(re.findall(r"export COURSE_AGENT=http://127.0.0.1:(\d+)", said)[0])
        assert http_probe.status(port, "/readyz") == 200
        operators = data / "operator.env"
        assert str(operators) in said
        assert set(operators.read_text(encoding="utf-8").split()) <= set(said.split())
        topic = (data / "logs" / "log-create.log").read_text(encoding="utf-8").split("made ")[1]
        process.kill()
    assert eventually(lambda: with_mark(str(data)) == [], 30)
    with make_stack(data) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert f"there already: {topic}" in (data / "logs" / "log-create.log").read_text(encoding="utf-8")
    assert with_mark(str(data)) == []
