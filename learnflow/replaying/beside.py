"""Doing something else meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do some work beside the block, and end it with the block.

    Raises:
        Exception: whatever the work raises; the block is cancelled then.
    """
    block = asyncio.current_task()
    through = False

    def end_the_block(task: asyncio.Task[None]) -> None:
        if not through and block is not None and _failure_of(task) is not None:
            block.cancel()

    task = asyncio.create_task(work)
    task.add_done_callback(end_the_block)
    try:
        try:
            yield
        finally:
            through = True
            task.cancel()
            await asyncio.wait([task])
    except asyncio.CancelledError:
        # Ours, or somebody else's?
        if _failure_of(task) is None or block is None or block.uncancel() > 0:
            raise
    failure = _failure_of(task)
    if failure is not None:
        raise failure


def _failure_of(task: asyncio.Task[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None
