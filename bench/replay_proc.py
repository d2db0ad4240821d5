"""What processes take of processor and memory, by /proc (Linux)."""

import os
import resource
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_PROC: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_SAMPLE_SECONDS: Final = 0.05
_SAMPLES_A_LOOK: Final = 5
"""Looking for new processes is dearer than looking at those that are known."""


def below(root: int) -> list[int]:
    """A process and all that descend from it. Cheaper than a look at all processes of the machine."""
    found, looked_at = [], [root]
    while looked_at:
        pid = looked_at.pop()
        found.append(pid)
        with suppress(OSError):
            for task in (_PROC / str(pid) / "task").iterdir():
                looked_at += [int(child) for child in (task / "children").read_text().split()]
    return found


def processor_seconds(root: int) -> float:
    """That a process, what runs below it and what ran below it have taken until now."""
    ticks = 0
    for pid in below(root):
        with suppress(OSError):
            fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
            # Its own, and those of its children that it has seen end: user and system.
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS


def resident_bytes(pids: list[int]) -> int:
    """Memory of these processes together; what two of them share counts twice."""
    pages = 0
    for pid in pids:
        with suppress(OSError, IndexError):
            pages += int((_PROC / str(pid) / "statm").read_text().split()[1])
    return pages * _PAGE


def ended_children_seconds() -> float:
    """Processor seconds of this process's children that have ended and been waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def thread_seconds() -> dict[str, float]:
    """Processor seconds of each thread of this process, those of one name together.

    Python names its threads for itself, librdkafka and gRPC name theirs for the system.
    """
    ours = {thread.native_id: thread.name for thread in threading.enumerate()}
    found: dict[str, float] = {}
    for task in (_PROC / "self" / "task").iterdir():
        with suppress(OSError):
            stat = (task / "stat").read_text(errors="replace")
            fields = stat.rpartition(")")[2].split()
            name = ours.get(int(task.name)) or stat[stat.index("(") + 1 : stat.rindex(")")]
            found[name] = found.get(name, 0.0) + sum(int(field) for field in fields[11:13]) / _TICKS
    return found


class Memory:
    """Watches the memory of a process and all below it while the context lasts.

    Attributes:
        peak: the most that they had at one moment, in bytes.
    """

    def __init__(self, root: int) -> None:
        self.peak = 0
        self._root = root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        pids: list[int] = []
        count = 0
        while not self._over.wait(_SAMPLE_SECONDS):
            if count % _SAMPLES_A_LOOK == 0:
                pids = below(self._root)
            count += 1
            self.peak = max(self.peak, resident_bytes(pids))


class Processors:
    """The processor seconds of servers that go on running, from the beginning of the context."""

    def __init__(self, servers: Mapping[str, int]) -> None:
        """Take the servers by name, each with the id of its process."""
        self._servers = servers
        self._before: dict[str, float] = {}
        self.wall_seconds = 0.0

    def __enter__(self) -> Self:
        self._before = {name: processor_seconds(pid) for name, pid in self._servers.items()}
        self._began = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.wall_seconds = time.perf_counter() - self._began
        self.taken = {name: processor_seconds(pid) - self._before[name] for name, pid in self._servers.items()}
