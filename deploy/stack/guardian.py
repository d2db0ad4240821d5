"""Ends what its starter left running, however the starter ended.

The guardian is a process of its own. It reads a pipe of which only the starter, and for a moment each process that is
just being started, holds the other end. The pipe says which processes there are, and its end that the starter is gone.
A process announces itself before it becomes its program, so there is no moment in which it runs and nobody knows it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

from deploy.stack import tree
from deploy.stack.errors import GuardianGone

END_SECONDS: Final = 6.0
KILL_SECONDS: Final = 5.0
CHECKOUT: Final = Path(__file__).parents[2]
# $1 is the signal that asks the program to end, the rest its command. The pipe comes in as standard input, because a
# shell need not know descriptors above 9.
ANNOUNCE_AND_RUN: Final = 'echo "+ $$ $1" >&0 && shift && exec "$@" </dev/null'


class Guardian:
    """The starter's end; as a context it is the life of what it guards."""

    def __init__(self) -> None:
        reading, self._writing = os.pipe()
        self._process = subprocess.Popen(
            # A session of its own: Ctrl-C is for the starter, who ends the processes in order.
            [sys.executable, "-m", "deploy.stack.guardian"],
            cwd=CHECKOUT,
            stdin=reading,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(reading)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pipe(self) -> int:
        """The descriptor that a new process announces itself on; see `ANNOUNCE_AND_RUN`.

        Raises:
            GuardianGone: there is nobody to announce to.
        """
        if self._writing < 0 or self._process.poll() is not None:
            raise GuardianGone("the guardian is gone, so nothing more is started")
        return self._writing

    def ended(self, pid: int) -> None:
        """Say that a process is gone, and with it all that it had started."""
        # A guardian that is gone needs no telling; `pipe` tells whoever wants to start something.
        with contextlib.suppress(GuardianGone):
            self._say(f"- {pid}")

    def remove_at_end(self, folder: Path) -> None:
        """Say which folder means nothing to anybody without the starter."""
        self._say(f"folder {folder}")

    def keep(self, folder: Path) -> None:
        """Take `remove_at_end` back."""
        self._say(f"keep {folder}")

    def _say(self, line: str) -> None:
        try:
            os.write(self.pipe, f"{line}\n".encode())
        except BrokenPipeError as error:
            raise GuardianGone("the guardian is gone, so nothing more is started") from error

    def close(self) -> None:
        """Let it end what is left; returns when all is gone."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1
        self._process.wait()


def _main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    guarded: dict[int, signal.Signals] = {}
    folders: list[Path] = []
    for line in sys.stdin:
        match line.rstrip("\n").split(" ", 1):
            case ["+", rest]:
                pid, stop_signal = rest.split()
                guarded[int(pid)] = signal.Signals(int(stop_signal))
            case ["-", pid]:
                guarded.pop(int(pid), None)
            case ["folder", path]:
                folders.append(Path(path))
            case ["keep", path]:
                folders.remove(Path(path))
            case _:
                print(f"the guardian does not understand {line!r}", file=sys.stderr)
    _end(guarded)
    _remove(folders)


def _end(guarded: dict[int, signal.Signals]) -> None:
    # Looked up now: when a parent has ended nobody knows any more whose its children were.
    everyone = [*guarded, *(pid for root in guarded for pid in tree.descendants(root))]
    for root, number in guarded.items():
        tree.send([root], number)
    # A stopped process hears of it only when it goes on.
    tree.send(everyone, signal.SIGCONT)
    left = tree.wait_gone(everyone, END_SECONDS)
    for pid in left:
        everyone += tree.freeze(pid)
    tree.send(tree.living(everyone), signal.SIGKILL)
    tree.wait_gone(everyone, KILL_SECONDS)


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _main()
