"""Supervised processes."""

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.stack.errors import GuardianGone, NotStarted, PortTaken
from deploy.stack.guardian import Guardian
from deploy.stack.process import Process
from tests.stack.commands import SLEEP, STUBBORN, WITH_CHILD, eventually, python, runs, state


@pytest.fixture
def guardian() -> Iterator[Guardian]:
    with Guardian() as guardian:
        yield guardian


@pytest.fixture
def supervised(tmp_path: Path, guardian: Guardian) -> Iterator[Callable[..., Process]]:
    """Makes processes of some Python, as `python` does; ends them after the test."""
    made: list[Process] = []

    def make(code: str, **settings: Any) -> Process:
        made.append(Process(python(code, tmp_path, **settings), guardian))
        return made[-1]

    yield make
    for process in made:
        process.kill()


def never() -> str | None:
    return "it never is"


class TestProcess:
    def test_runs_until_it_is_stopped_and_can_be_started_again(self, supervised: Callable[..., Process]) -> None:
        process = supervised(SLEEP)
        assert [process.pid, process.exit_status] == [None, None]
        process.start()
        first = process.pid
        process.start()
        assert process.pid == first
        process.stop()
        ends = [process.exit_status]
        process.start()
        assert process.pid not in {first, None}
        process.kill()
        ends.append(process.exit_status)
        assert ends == [-signal.SIGTERM, -signal.SIGKILL]

    def test_has_a_session_and_no_input_of_its_own(self, supervised: Callable[..., Process]) -> None:
        process = supervised("import os, sys; print(os.getsid(0) == os.getpid(), sys.stdin.read() == '')")
        process.start()
        assert eventually(lambda: not process.running)
        assert process.tail() == "True True"

    def test_the_end_of_its_log_is_of_its_last_start(self, tmp_path: Path, supervised: Callable[..., Process]) -> None:
        process = supervised("import os; print(os.getpid())")
        tails = []
        for _ in range(2):
            process.start()
            assert eventually(lambda: not process.running)
            tails.append(process.tail())
        assert "\n".join(tails) == (tmp_path / "program.log").read_text(encoding="utf-8").strip()

    def test_one_that_does_not_listen_to_reason_is_killed(self, supervised: Callable[..., Process]) -> None:
        process = supervised(STUBBORN, stop_seconds=0.3)
        process.start()
        assert eventually(lambda: process.tail() == "up")
        process.stop()
        assert process.exit_status == -signal.SIGKILL

    @pytest.mark.parametrize("how", ["stop", "kill"])
    def test_takes_its_children_along(self, supervised: Callable[..., Process], how: str) -> None:
        process = supervised(WITH_CHILD)
        process.start()
        assert eventually(lambda: "child" in process.tail() and "up" in process.tail())
        child = int(process.tail().split()[1])
        assert runs(child)
        getattr(process, how)()
        assert not runs(child)

    def test_hangs_with_its_children_while_it_is_paused(self, supervised: Callable[..., Process]) -> None:
        process = supervised(WITH_CHILD)
        process.start()
        assert eventually(lambda: "child" in process.tail() and "up" in process.tail())
        child = int(process.tail().split()[1])
        process.pause()
        assert process.running
        assert process.pid is not None
        assert eventually(lambda: [state(child), state(process.pid or 0)] == ["T", "T"])
        process.resume()
        assert eventually(lambda: [state(child), state(process.pid or 0)] == ["S", "S"])
        process.pause()
        process.stop()
        assert process.exit_status == -signal.SIGTERM

    def test_says_how_it_ended_before_it_was_ready(self, supervised: Callable[..., Process]) -> None:
        process = supervised("import sys; sys.exit('no coffee')")
        process.start()
        with pytest.raises(NotStarted, match=r"(?s)program ended with status 1; .*no coffee") as raised:
            process.wait_ready(never, 20)
        assert raised.value.tail == "no coffee"

    def test_says_what_is_missing_when_it_takes_too_long(self, supervised: Callable[..., Process]) -> None:
        process = supervised(SLEEP)
        process.start()
        with pytest.raises(NotStarted, match=r"not ready after 0.2 s \(it never is\)"):
            process.wait_ready(never, 0.2)

    def test_says_whose_port_it_wanted(self, supervised: Callable[..., Process]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            process = supervised("raise SystemExit(1)", ports=(port,))
            process.start()
            with pytest.raises(PortTaken, match=f"another process listens on port {port}"):
                process.wait_ready(never, 20)

    def test_is_not_started_when_nobody_would_end_it(
        self, guardian: Guardian, supervised: Callable[..., Process]
    ) -> None:
        process = supervised(SLEEP)
        guardian.close()
        with pytest.raises(GuardianGone):
            process.start()
