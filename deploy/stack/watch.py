"""What a stack that is meant to stay does about processes that end by themselves."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from deploy.stack.server import Server

FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 60.0
TAIL_LINES: Final = 8


@dataclass
class _Restarts:
    """How often a process has come back of late."""

    wait: float = FIRST_WAIT_SECONDS
    started: float = 0.0
    due: float | None = None


class Watch:
    """Looks at processes when asked; starts again what may be, as Kubernetes would: each time after a longer wait."""

    def __init__(
        self, restarted: Callable[[], Sequence[Server]], vital: Sequence[Server], tell: Callable[[str], None]
    ) -> None:
        """Look at nothing yet.

        Args:
            restarted: gives what is started again when it has ended.
            vital: what the stack can't be without; it isn't started again, for its data may be why it ended.
            tell: is given a line for each end, with the last lines of the log.
        """
        self._restarted = restarted
        self._vital = vital
        self._tell = tell
        self._known: dict[int, _Restarts] = {}

    def look(self) -> Server | None:
        """Tell of what has ended since the last look and start again what is due; gives a vital one that has ended."""
        for server in self._restarted():
            self._tend(server, self._known.setdefault(id(server), _Restarts()))
        ended = next((server for server in self._vital if not server.running), None)
        if ended is not None:
            self._tell(f"{_obituary(ended)}; the stack can't go on without it{_last_words(ended)}")
        return ended

    def _tend(self, server: Server, restarts: _Restarts) -> None:
        if server.running:
            return
        now = time.monotonic()
        if restarts.due is None:
            if now - restarts.started > STEADY_SECONDS:
                restarts.wait = FIRST_WAIT_SECONDS
            restarts.due = now + restarts.wait
            self._tell(f"{_obituary(server)}; starting it again in {restarts.wait:g} s{_last_words(server)}")
        elif now >= restarts.due:
            restarts.due = None
            restarts.started = now
            restarts.wait = min(restarts.wait * 2, LONGEST_WAIT_SECONDS)
            server.launch()


def _obituary(server: Server) -> str:
    return f"{server.name} ended with status {server.process.exit_status}"


def _last_words(server: Server) -> str:
    lines = server.process.tail(TAIL_LINES).splitlines()
    return "".join(f"\n    {line}" for line in lines)
