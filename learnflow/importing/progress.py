"""How an import shows where it is, on stderr: a bar on a terminal, else a line now and then."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from learnflow.importing.rows import Request
from learnflow.importing.sender import Listener

LINE_SECONDS: Final = 2.0


@contextmanager
def reporting(console: Console, total: int) -> Iterator[Listener]:
    """Show the sending of `total` rows, until the end of the block."""
    if not console.is_terminal:
        yield _Lines(console, total)
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        yield _Bar(progress, progress.add_task("sending", total=total, rate=""))


class _Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._begun = time.monotonic()
        self._confirmed = 0
        self._trouble = False

    def confirmed(self, _request: Request, _token: str, /) -> None:
        self._confirmed += 1
        rate = self._confirmed / max(time.monotonic() - self._begun, 1e-3)
        self._progress.update(self._task, advance=1, rate=f"{rate:,.0f}/s")
        if self._trouble:
            self._trouble = False
            self._progress.update(self._task, description="sending")

    def troubled(self, trouble: str, /) -> None:
        self._trouble = True
        self._progress.update(self._task, description=f"trying again ({escape(trouble)})")


class _Lines:
    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._confirmed = 0
        self._told_at = time.monotonic()
        self._trouble = ""

    def confirmed(self, _request: Request, _token: str, /) -> None:
        self._confirmed += 1
        self._trouble = ""
        now = time.monotonic()
        if self._confirmed == self._total or now - self._told_at >= LINE_SECONDS:
            self._told_at = now
            self._console.print(f"{self._confirmed:,} of {self._total:,} rows confirmed")

    def troubled(self, trouble: str, /) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._console.print(f"trying again: {trouble}", markup=False)
