"""A process with all that descend from it: Postgres's children, for one, leave their parent's process group."""

import contextlib
import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_POLL_SECONDS: Final = 0.02
_STOP_SECONDS: Final = 5.0


def descendants(root: int) -> list[int]:
    """The ids of the processes below one, parents before children; of a process that is gone, none."""
    children = defaultdict(list)
    for pid, parent, _ in _processes():
        children[parent].append(pid)
    found: list[int] = []
    looked_at = [root]
    while looked_at:
        below = children[looked_at.pop(0)]
        found += below
        looked_at += below
    return found


def living(pids: Iterable[int]) -> list[int]:
    """Those that still run; one that only waits for its parent to take note of its end does not."""
    states = {pid: state for pid, _, state in _processes()}
    return [pid for pid in pids if states.get(pid, "Z") != "Z"]


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send each of them a signal; those that are gone are passed over."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def freeze(root: int) -> list[int]:
    """Stop a process and all below it (SIGSTOP); returns their ids, the process first, when they have stopped.

    Whoever is stopped starts no more children, so looking again until nothing is new finds all.
    """
    frozen = [root]
    _stop(frozen)
    while new := [pid for pid in descendants(root) if pid not in frozen]:
        _stop(new)
        frozen += new
    return frozen


def _stop(pids: list[int]) -> None:
    send(pids, signal.SIGSTOP)
    deadline = time.monotonic() + _STOP_SECONDS
    # The signal is sent in no time, and takes effect a little later.
    while any(state not in "TZX" for pid, _, state in _processes() if pid in pids) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def wait_gone(pids: Iterable[int], seconds: float) -> list[int]:
    """Wait until none of these processes runs, at most so long; returns those that still do."""
    deadline = time.monotonic() + seconds
    while (left := living(pids)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return left


def _processes() -> list[tuple[int, int, str]]:
    """Id, parent's id and state of all processes."""
    if (_PROC / "self" / "stat").exists():
        return [seen for folder in _PROC.iterdir() if folder.name.isdigit() and (seen := _from_proc(folder))]
    command = ["/bin/ps", "-A", "-o", "pid=,ppid=,state="]
    listing = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    rows = (line.split() for line in listing.stdout.splitlines())
    return [(int(pid), int(parent), state[0]) for pid, parent, state in rows]


def _from_proc(folder: Path) -> tuple[int, int, str] | None:
    try:
        stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The program's name, in brackets, may itself hold brackets and blanks.
    fields = stat.rpartition(")")[2].split()
    return (int(folder.name), int(fields[1]), fields[0]) if fields else None
