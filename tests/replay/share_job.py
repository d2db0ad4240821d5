"""A replay in shares, as an Indexed Job runs it: a process for each index, started again until it has succeeded."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.replay.group import group_lives

POLL_SECONDS: Final = 0.05
SUCCEEDED: Final = 0


class ShareJob:
    """A context; at its end whatever still runs is killed.

    Attributes:
        starts: how often each index was started.
        failures: of each index, what it wrote on stderr each time that it failed by itself.
        output: what each index wrote to stdout when it succeeded.
    """

    def __init__(self, command: Sequence[str], count: int, *, env: Mapping[str, str], folder: Path) -> None:
        """Start nothing yet.

        Args:
            command: that takes `--share`.
            count: of shares.
            env: of all processes.
            folder: for what they write.
        """
        self.starts = [0] * count
        self.failures: list[list[str]] = [[] for _ in range(count)]
        self.output: dict[int, str] = {}
        self._command = command
        self._count = count
        self._env = dict(env)
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[str]] = {}
        self._killed: set[int] = set()
        self._life = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        for index in list(self._processes):
            self.kill(index)
        self._life.close()

    @property
    def running(self) -> list[int]:
        """Indexes that have a process."""
        return sorted(self._processes)

    @property
    def complete(self) -> bool:
        """Whether the Job is: index 0 has succeeded, as its success policy has it."""
        return 0 in self.output

    def start(self, index: int) -> None:
        """Start the process of an index."""
        self.starts[index] += 1
        name = f"{index}-{self.starts[index]}"
        out, err = (self._life.enter_context((self._folder / f"{name}.{what}").open("w")) for what in ("out", "err"))
        self._processes[index] = subprocess.Popen(
            [*self._command, f"--share={index}/{self._count}"],
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            text=True,
            start_new_session=True,
        )

    def errors(self, index: int) -> str:
        """What the last process of an index has written to stderr."""
        return (self._folder / f"{index}-{self.starts[index]}.err").read_text()

    def kill(self, index: int) -> None:
        """End the process of an index and all that it has started, as the loss of its machine does."""
        process = self._processes.pop(index)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
        while group_lives(process.pid):
            time.sleep(POLL_SECONDS / 5)

    def interrupt(self, index: int) -> None:
        """Ctrl-C for an index."""
        os.killpg(self._processes[index].pid, signal.SIGINT)

    def kill_parent(self, index: int) -> None:
        """End the process of an index, whose workers have to notice."""
        self._processes[index].kill()
        self._killed.add(index)

    def look(self) -> None:
        """Take note of what has ended; what has failed is to be started again by whoever looks."""
        for index, process in list(self._processes.items()):
            status = process.poll()
            if status is None:
                continue
            del self._processes[index]
            if status == SUCCEEDED:
                self.output[index] = (self._folder / f"{index}-{self.starts[index]}.out").read_text()
            elif index not in self._killed:
                self.failures[index].append(self.errors(index))
            self._killed.discard(index)

    def carry_on(self) -> None:
        """Look, and start again what neither runs nor has succeeded."""
        self.look()
        for index in range(self._count):
            if index not in self._processes and index not in self.output:
                self.start(index)
        time.sleep(POLL_SECONDS)

    def until_complete(self, seconds: float) -> None:
        """Carry on until the Job is complete; fails where that takes longer."""
        end = time.monotonic() + seconds
        while not self.complete:
            last = [self.errors(index)[-2000:] for index in range(self._count) if self.starts[index]]
            assert time.monotonic() < end, (self.starts, self.failures, last)
            self.carry_on()

    def ended(self, index: int, seconds: float) -> None:
        """Wait until the process of an index has ended."""
        end = time.monotonic() + seconds
        while index in self._processes:
            assert time.monotonic() < end, self.errors(index)
            time.sleep(POLL_SECONDS)
            self.look()

    def says(self, index: int, text: str, seconds: float) -> None:
        """Wait until the process of an index has written something to stderr."""
        end = time.monotonic() + seconds
        while text not in self.errors(index):
            assert time.monotonic() < end, f"no {text!r} in:\n{self.errors(index)}"
            assert self._processes[index].poll() is None, self.errors(index)
            time.sleep(POLL_SECONDS)
