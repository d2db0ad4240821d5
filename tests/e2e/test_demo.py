"""The demo runs to its end, and leaves nothing behind however it ends."""

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.platform import OULAD
from tests.servers import LEARNFLOW, environment, learnflow

pytestmark = pytest.mark.process


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where the demo makes its folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def test_it_runs_to_its_end(temporary: Path) -> None:
    shown = learnflow("demo", env={"TMPDIR": str(temporary), "COLUMNS": "100"})
    assert shown.returncode == 0, shown.stderr
    assert "91 reports of 30 learners go there" in shown.stdout
    assert "6 of 7 lessons completed, average score 67.8%. Events counted: 7 = 6 of the file" in shown.stdout
    assert re.search(r"^30 +92 +91 +98.9% +\d\d\.\d% +92$", shown.stdout, re.MULTILINE)
    assert "make run" in shown.stdout
    # --json needs curl 7.82, of 2022.
    assert "--json" not in shown.stdout
    assert "/generate-lesson -H 'Content-Type: application/json' \\\n    -d '{" in shown.stdout
    assert not list(temporary.iterdir())


def test_a_file_of_ones_own_needs_a_mapping(tmp_path: Path, temporary: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("who,what\nada,loops\nada,lists\nben,loops\n", encoding="utf-8")
    env = {"TMPDIR": str(temporary)}
    refused = learnflow("demo", "--file", path, env=env)
    assert refused.returncode == 1
    assert "other columns than the sample (who, what): say with --map" in refused.stderr
    maps = ("--map=learner_id={who}", "--map=lesson_id={what}", "--map=completion=1")
    shown = learnflow("demo", "--file", path, *maps, env=env)
    assert shown.returncode == 0, shown.stderr
    assert "Learner ada asks for" in shown.stdout
    assert not list(temporary.iterdir())


@contextmanager
def touring(temporary: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A demo in the middle of an import, and the port of its service."""
    command = [str(LEARNFLOW), "demo", "--file", str(OULAD)]
    env = environment({"TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"})
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            ports = (re.search(r"listens on http://127\.0\.0\.1:(\d+)", line) for line in process.stdout)
            yield process, next(int(port[1]) for port in ports if port)
        finally:
            process.kill()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_leaves_nothing(temporary: Path, number: signal.Signals, status: int) -> None:
    with touring(temporary) as (process, port):
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == status, errors
    assert "Traceback" not in errors
    assert not list(temporary.iterdir())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_killed_it_takes_its_service_along(temporary: Path) -> None:
    with touring(temporary) as (process, port):
        connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        process.kill()
        with connection:
            # The service ends its connections when it ends: a read returns then, and not before.
            assert connection.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
