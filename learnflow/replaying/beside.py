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
    failures: list[BaseException] = []

    def ended(task: asyncio.Task[None]) -> None:
        failure = None if task.cancelled() else task.exception()
        if failure is not None and block is not None:
            failures.append(failure)
            block.cancel()

    task = asyncio.create_task(work)
    task.add_done_callback(ended)
    try:
        yield
        # From here on a failure of the work ends nobody: the block is through.
        task.remove_done_callback(ended)
        if failures and block is not None:
            block.uncancel()
            raise failures[0]
    except asyncio.CancelledError:
        if not failures or block is None or block.uncancel() > 0:
            raise
        raise failures[0] from None
    finally:
        task.remove_done_callback(ended)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
