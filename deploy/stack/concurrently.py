"""Things of the stack that take their time, done beside each other."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

THREADS: Final = 16


def concurrently(steps: Sequence[Callable[[], None]], undo: Callable[[], None] | None = None) -> None:
    """Do all of these, up to 16 at once, and return when all are done.

    Args:
        steps: to do, each in a thread of its own.
        undo: called as soon as one has failed, or we are interrupted; makes the others come to an end.

    Raises:
        Exception: that of the first of the steps, in this order, that failed.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        running = [pool.submit(step) for step in steps]
        try:
            for step in running:
                step.result()
        except BaseException:
            if undo is not None:
                undo()
            raise
