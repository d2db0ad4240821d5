"""Asking for less at once where it is too much for a message."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sidecar.errors import MessageTooLarge

A = TypeVar("A")
R = TypeVar("R")


async def in_halves(items: Sequence[A], step: Callable[[Sequence[A]], Awaitable[R]]) -> list[R]:
    """Take a step with all items at once, or with halves of them, as often as it takes; the results in their order.

    Raises:
        MessageTooLarge: not even a single item fits into a message.
        Exception: whatever else the step raises.
    """
    try:
        return [await step(items)]
    except MessageTooLarge:
        if len(items) <= 1:
            raise
    half = len(items) // 2
    return [*await in_halves(items[:half], step), *await in_halves(items[half:], step)]
