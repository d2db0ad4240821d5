"""Waiting for log and state store while they are away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from projector.troubles import in_words
from sidecar.errors import SidecarUnavailable, StorageDamaged

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 2.0

T = TypeVar("T")

Told = Callable[[str | None], None]
"""Is told what is waited for, in words, and `None` when it is over."""


async def patiently(step: Callable[[], Awaitable[T]], told: Told) -> T:
    """Take a step again and again, with growing pauses, until nothing it needs is away.

    The step must be one that may be repeated after it has failed or has seemed to fail. What can't pass by waiting,
    such as damage, is raised at once.

    Raises:
        Exception: whatever the step raises besides `SidecarUnavailable`.
    """
    pause = FIRST_PAUSE_SECONDS
    try:
        while True:
            try:
                return await step()
            except StorageDamaged:
                raise
            except SidecarUnavailable as away:
                told(in_words(away))
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    finally:
        # However it ended: what was waited for is there again, or nobody waits for it any more.
        if pause > FIRST_PAUSE_SECONDS:
            told(None)
