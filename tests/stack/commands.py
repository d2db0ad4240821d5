"""Small programs to supervise, and looking at what runs."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from deploy.stack.environment import variables
from deploy.stack.process import Command
from deploy.stack.tree import living

WAIT_SECONDS: Final = 20.0
SLEEP: Final = "import time; time.sleep(600)"
STUBBORN: Final = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); {SLEEP}"
# As Postgres does: the child leaves its parent's process group.
WITH_CHILD: Final = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], start_new_session=True)
print("child", child.pid, flush=True)
{SLEEP}
"""


def python(code: str, folder: Path, *, name: str = "program", **settings: Any) -> Command:
    """A command that runs some Python, its log in a folder."""
    arguments = [sys.executable, "-c", code]
    log = folder / f"{name}.log"
    return Command(name=name, arguments=arguments, environment=variables(), log=log, **settings)


def eventually(true: Callable[[], bool], seconds: float = WAIT_SECONDS) -> bool:
    """Whether something becomes true in time."""
    deadline = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def runs(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    return living([pid]) == [pid]


def state(pid: int) -> str:
    """The state of a process: S for sleeping, T for stopped, and so on."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]


def with_mark(mark: str) -> list[int]:
    """The processes that have a text in their command or environment, of those that we may look at."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid() and runs(int(folder.name)):
            try:
                seen = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            except OSError:
                continue
            if mark.encode() in seen:
                found.append(int(folder.name))
    return found
