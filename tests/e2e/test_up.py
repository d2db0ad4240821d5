"""`learnflow up` beside others: one folder, one port."""

import statistics
import time
from pathlib import Path

import pytest

from tests.e2e.platform import Platform
from tests.servers import Server, learnflow

pytestmark = pytest.mark.process


def test_a_folder_is_served_by_one_process(server: Server, data_dir: Path) -> None:
    second = learnflow("up", "--port", "0", "--data-dir", data_dir)
    assert second.returncode == 1
    assert f"in use by process {server.process.pid}" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_that_is_taken_is_named(server: Server, tmp_path: Path) -> None:
    second = learnflow("up", "--port", str(server.port), "--data-dir", tmp_path / "other")
    assert second.returncode == 1
    assert f"can't listen on 127.0.0.1:{server.port}: Address already in use" in second.stderr
    assert "Traceback" not in second.stderr
    assert not (tmp_path / "other").exists()


def test_answers_do_not_wait_for_acknowledgements(platform: Platform) -> None:
    # With Nagle's algorithm on, each answer on a kept connection waits 40 ms for the client's delayed acknowledgement.
    seconds = []
    for _ in range(60):
        begun = time.perf_counter()
        platform.client.get("healthz").raise_for_status()
        seconds.append(time.perf_counter() - begun)
    assert statistics.median(seconds[20:]) < 0.035
