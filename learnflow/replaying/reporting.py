"""How a replay shows itself: a progress bar where somebody watches, lines where somebody reads a log."""

import sys
import time
from collections.abc import Mapping
from typing import Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from learnflow.replaying.options import Observer, ReplayPlan

_LINE_SECONDS: Final = 10.0
_REMINDER_SECONDS: Final = 60.0


class Reporter(Observer, Protocol):
    """An `Observer` that is closed in the end.

    Attributes:
        current: the phase that it was told of last.
    """

    current: str

    def close(self) -> None:
        """Leave the terminal as it was."""


def reporter() -> Reporter:
    """The reporter that fits where stderr goes."""
    return Bar() if sys.stderr.isatty() else Lines()


def describe(plan: ReplayPlan) -> str:
    """What is going to be done, in a sentence."""
    kind = "" if plan.fold == plan.active_fold else f" of fold version {plan.fold} (now: {plan.active_fold})"
    rest = f", {plan.done:,} of them done" if plan.done else ""
    return (
        f"Generation {plan.generation}{kind} from {plan.positions:,} positions of {plan.partitions} partitions{rest},"
        f" while generation {plan.active} serves."
    )


class _Rate:
    """Positions per second since a phase began."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._first: int | None = None

    def per_second(self, positions: int) -> float:
        if self._first is None:
            self._first = positions
        seconds = time.monotonic() - self._since
        return (positions - self._first) / seconds if seconds > 0 else 0.0


class Bar:
    """A bar with percent of log positions, events a second, and time left."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, emoji=False)
        self._progress = Progress(
            TextColumn("{task.description:10}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[trouble]}", style="yellow", markup=False),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._rate = _Rate()
        self.current = ""

    def begun(self, plan: ReplayPlan) -> None:
        """See `Observer`."""
        self._console.print(describe(plan), markup=False)
        self._progress.start()

    def phase(self, name: str) -> None:
        """See `Observer`."""
        self.current = name
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._rate = _Rate()
        self._task = self._progress.add_task(name, total=None, speed="", trouble="")

    def scanned(self, positions: int, of: int) -> None:
        """See `Observer`."""
        if self._task is not None:
            speed = f"{self._rate.per_second(positions):,.0f} events/s"
            self._progress.update(self._task, completed=positions, total=max(of, 1), speed=speed)

    def waiting(self, trouble: str | None) -> None:
        """See `Observer`."""
        if self._task is not None:
            self._progress.update(self._task, trouble="" if trouble is None else f"waiting: {trouble}")

    def following(self, left: Mapping[int, int]) -> None:
        """See `Observer`."""
        if self._task is not None:
            self._progress.update(self._task, trouble=_unrelieved(left))

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()


class Lines:
    """A line when something changes, and every ten seconds; what is waited for is told again every minute."""

    def __init__(self) -> None:
        self._rate = _Rate()
        self.current = ""
        self._told_at = 0.0
        self._away: set[str] = set()
        self._away_told_at = 0.0
        self._left: frozenset[int] = frozenset()

    def begun(self, plan: ReplayPlan) -> None:
        """See `Observer`."""
        self._print(describe(plan))

    def phase(self, name: str) -> None:
        """See `Observer`."""
        self.current = name
        self._rate = _Rate()
        self._told_at = time.monotonic()
        self._print(f"{name} ...")

    def scanned(self, positions: int, of: int) -> None:
        """See `Observer`."""
        rate = self._rate.per_second(positions)
        if time.monotonic() - self._told_at < _LINE_SECONDS:
            return
        self._told_at = time.monotonic()
        left = f", about {(of - positions) / rate:,.0f} s left" if rate > 0 else ""
        self._print(f"{self.current}: {100 * positions / max(of, 1):.0f} %, {rate:,.0f} events/s{left}")

    def waiting(self, trouble: str | None) -> None:
        """See `Observer`."""
        # What several partitions say of one outage differs in words, and comes one by one.
        what = set() if trouble is None else {one.split(":")[0] for one in trouble.split("; ")}
        if trouble is None and self._away:
            self._print("going on")
        elif what - self._away or (what and time.monotonic() - self._away_told_at > _REMINDER_SECONDS):
            self._away_told_at = time.monotonic()
            self._print(f"waiting: {trouble}")
        self._away = what

    def following(self, left: Mapping[int, int]) -> None:
        """See `Observer`."""
        if frozenset(left) != self._left:
            self._left = frozenset(left)
            self._print(_unrelieved(left))

    def close(self) -> None:
        """See `Reporter`."""

    def _print(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _unrelieved(left: Mapping[int, int]) -> str:
    return f"no projector of this fold version yet in partitions {', '.join(map(str, sorted(left)))}"
