"""One process of the stack: started, awaited, ended, killed, paused and started again with the same command."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.stack import tree
from deploy.stack.account import Account
from deploy.stack.errors import NotStarted, PortTaken
from deploy.stack.guardian import ANNOUNCE_AND_RUN, Guardian
from deploy.stack.ports import is_taken

KILL_SECONDS: Final = 10.0
TAIL_LINES: Final = 15
_TAIL_BYTES: Final = 16_384
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a process is started as, each time.

    Attributes:
        name: for messages and log files.
        arguments: the program, then its arguments.
        environment: all variables it gets.
        log: the file that its stdout and stderr are added to; its folder exists.
        ports: of 127.0.0.1 that it listens on.
        cwd: the folder it runs in.
        account: that it runs as; `None` for ours.
        stop_signal: asks it to end.
        stop_seconds: how long it may take; then it is killed.
    """

    name: str
    arguments: Sequence[str | Path]
    environment: Mapping[str, str]
    log: Path
    ports: Sequence[int] = ()
    cwd: Path = Path("/")
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 20.0


class Process:
    """A supervised process. Not for two threads at once, but for questions."""

    def __init__(self, command: Command, guardian: Guardian) -> None:
        self.command = command
        self._guardian = guardian
        self._process: subprocess.Popen[bytes] | None = None
        self._noted_end = True
        self._log_began_at = 0

    @property
    def name(self) -> str:
        """For messages."""
        return self.command.name

    @property
    def running(self) -> bool:
        """Whether it runs; a paused one does."""
        if self._process is None:
            return False
        if self._process.poll() is None:
            return True
        self._note_end(self._process.pid)
        return False

    @property
    def pid(self) -> int | None:
        """Its id, as long as it runs."""
        return None if self._process is None or not self.running else self._process.pid

    @property
    def exit_status(self) -> int | None:
        """How it ended the last time (negative: the signal that ended it); `None` if it runs or never ran."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it, and don't wait until it is ready.

        Raises:
            GuardianGone: nobody would end it when we are killed.
        """
        if self.running:
            return
        command = self.command
        self._log_began_at = command.log.stat().st_size if command.log.exists() else 0
        account = command.account
        self._noted_end = False
        with command.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", ANNOUNCE_AND_RUN, command.name, str(int(command.stop_signal)), *self._arguments()],
                env=dict(command.environment),
                cwd=command.cwd,
                stdin=self._guardian.pipe,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=None if account is None else account.uid,
                group=None if account is None else account.gid,
                extra_groups=None if account is None else [],
            )

    def wait_ready(self, trouble: Callable[[], str | None], seconds: float) -> None:
        """Wait until it is ready.

        Args:
            trouble: says what is still missing; `None` for nothing.
            seconds: how long it may take.

        Raises:
            PortTaken: it ended, and another process has one of its ports.
            NotStarted: it ended, or is not ready in time.
        """
        deadline = time.monotonic() + seconds
        while (missing := self._missing(trouble)) is not None:
            if time.monotonic() > deadline:
                raise NotStarted(
                    self.name, f"is not ready after {seconds:g} s ({missing})", self.command.log, self.tail()
                )
            time.sleep(_POLL_SECONDS)

    def _missing(self, trouble: Callable[[], str | None]) -> str | None:
        if self.running:
            return trouble()
        taken = [port for port in self.command.ports if is_taken(port)]
        if taken:
            raise PortTaken(
                self.name, f"ended: another process listens on port {taken[0]}", self.command.log, self.tail()
            )
        raise NotStarted(self.name, f"ended with status {self.exit_status}", self.command.log, self.tail())

    def stop(self) -> None:
        """Ask it to end, and kill it if it takes too long; returns when it is gone."""
        process = self._process
        if process is None or not self.running:
            return
        everyone = [process.pid, *tree.descendants(process.pid)]
        tree.send([process.pid], self.command.stop_signal)
        tree.send(everyone, signal.SIGCONT)
        try:
            process.wait(self.command.stop_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return
        self._clear(everyone)

    def kill(self) -> None:
        """End it with SIGKILL, with all it has started, as a power failure would; returns when they are gone."""
        process = self._process
        if process is None or not self.running:
            return
        everyone = tree.freeze(process.pid)
        tree.send(everyone, signal.SIGKILL)
        process.wait(KILL_SECONDS)
        self._clear(everyone)

    def _clear(self, everyone: Sequence[int]) -> None:
        tree.send(tree.living(everyone), signal.SIGKILL)
        tree.wait_gone(everyone, KILL_SECONDS)
        self._note_end(everyone[0])

    def _note_end(self, pid: int) -> None:
        # Once, and soon: the system may give the id to somebody else.
        if not self._noted_end:
            self._noted_end = True
            self._guardian.ended(pid)

    def pause(self) -> None:
        """Stop it in its tracks (SIGSTOP), with all it has started: its connections stay open and nobody answers."""
        if self._process is not None and self.running:
            tree.freeze(self._process.pid)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        if self._process is not None and self.running:
            tree.send([self._process.pid, *tree.descendants(self._process.pid)], signal.SIGCONT)

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines that it wrote since it was last started."""
        return "\n".join(self.written(_TAIL_BYTES).splitlines()[-lines:])

    def written(self, size: int | None = None) -> str:
        """What it wrote since it was last started.

        Args:
            size: so many bytes from the end at most; everything if none is given.
        """
        if not self.command.log.exists():
            return ""
        with self.command.log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(self._log_began_at if size is None else max(self._log_began_at, end - size))
            return log.read().decode(errors="replace")

    def _arguments(self) -> list[str]:
        return [str(part) for part in self.command.arguments]
