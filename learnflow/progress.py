"""How a command shows how far it has gone through the log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn

from learnflow.terminal import errors


@contextmanager
def progress_of_log() -> Iterator[Callable[[int, int], None] | None]:
    """Shows on stderr, if that is a terminal, how many positions of the log were gone through, and of how many.

    What is handed over takes these two figures; it is `None` where nobody watches.
    """
    if not errors.is_terminal:
        yield None
        return
    columns = (TextColumn("positions of the log"), BarColumn(), TaskProgressColumn(), MofNCompleteColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("log", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
