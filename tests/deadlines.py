"""Waiting for a condition, with an end."""

import asyncio
import time
from collections.abc import Awaitable, Callable

DEADLINE_SECONDS = 30.0


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = DEADLINE_SECONDS) -> None:
    """Return as soon as the condition holds.

    Raises:
        TimeoutError: it does not within so many seconds.
    """
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what is waited for is in another task, behind a port
            await asyncio.sleep(0.005)


def eventually(condition: Callable[[], bool], *, seconds: float = DEADLINE_SECONDS) -> None:
    """Return as soon as the condition holds; for tests without an event loop.

    Raises:
        TimeoutError: it does not within so many seconds.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:g} s")
        time.sleep(0.05)
