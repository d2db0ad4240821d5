"""Whatever happens to the starter, nothing is left running."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from deploy.stack.service import CHECKOUT
from tests.stack.commands import eventually, runs, with_mark

# Starts processes of all kinds, says their ids, and then does what its argument says.
STARTER: Final = """
import sys, time
from pathlib import Path
from deploy.stack.guardian import Guardian
from deploy.stack.process import Process
from tests.stack.commands import SLEEP, STUBBORN, WITH_CHILD, eventually, python

folder = Path(sys.argv[1])
guardian = Guardian()
doomed = folder / "doomed"
doomed.mkdir()
guardian.remove_at_end(doomed)
codes = {"plain": SLEEP, "stubborn": STUBBORN, "parent": WITH_CHILD, "paused": SLEEP}
processes = {name: Process(python(code, folder, name=name), guardian) for name, code in codes.items()}
for process in processes.values():
    process.start()
assert eventually(lambda: "up" in processes["parent"].tail() and "up" in processes["stubborn"].tail())
processes["paused"].pause()
print(*(process.pid for process in processes.values()), processes["parent"].tail().split()[1], flush=True)
if sys.argv[2] == "exception":
    raise RuntimeError("unforeseen")
time.sleep(600)
"""


@pytest.mark.process
@pytest.mark.parametrize("ending", ["SIGKILL", "SIGTERM", "exception"])
def test_all_are_gone_when_the_starter_is(tmp_path: Path, ending: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, tmp_path, ending],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as starter:
        assert starter.stdout is not None
        pids = [int(pid) for pid in starter.stdout.readline().split()]
        assert len(pids) == 5
        if ending.startswith("SIG"):
            assert all(runs(pid) for pid in pids)
            os.kill(starter.pid, signal.Signals[ending])
        starter.wait()
    assert eventually(lambda: not any(runs(pid) for pid in pids))
    assert eventually(lambda: not (tmp_path / "doomed").exists())
    assert eventually(lambda: with_mark(str(tmp_path)) == [])
