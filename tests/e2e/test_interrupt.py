"""Ctrl-C while `learnflow` is still on its way: an end without a traceback."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import LEARNFLOW, environment, learnflow

pytestmark = pytest.mark.process

# Imported at start-up by every Python: sends the signal at a chosen moment of the program, whatever the machine's pace.
_AT_IMPORT = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
"""
_AT_OPEN = """
import os, signal, sys

def hook(event, arguments):
    if event == "sqlite3.connect" and not done:
        done.append(event)
        os.kill(os.getpid(), signal.{signal})

done = []
sys.addaudithook(hook)
"""


def run_with(folder: Path, customised: str) -> subprocess.CompletedProcess[str]:
    """Run `learnflow up` in a Python that begins with this."""
    (folder / "sitecustomize.py").write_text(customised, encoding="utf-8")
    command = [str(LEARNFLOW), "up", "--port", "0", "--data-dir", str(folder / "data")]
    env = environment({"PYTHONPATH": str(folder)})
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("module", ["learnflow.cli", "pydantic", "fastapi", "uvicorn", "projector.engine"])
def test_while_modules_are_imported(tmp_path: Path, module: str) -> None:
    ended = run_with(tmp_path, _AT_IMPORT.format(module=module))
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_between_the_event_loop_and_serving(tmp_path: Path, signum: signal.Signals) -> None:
    ended = run_with(tmp_path, _AT_OPEN.format(signal=signum.name))
    assert ended.returncode == 0
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert "Finished server process" in ended.stderr


def test_the_package_is_the_program() -> None:
    command = [sys.executable, "-m", "learnflow", "--version"]
    shown = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert (shown.returncode, shown.stdout) == (0, learnflow("--version").stdout)
