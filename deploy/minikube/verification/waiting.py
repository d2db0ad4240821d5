"""Waiting for a condition, with an end."""

import time
from collections.abc import Callable
from typing import Final

from deploy.minikube.verification.errors import NotInTime

PAUSE_SECONDS: Final = 0.5


def wait_until(trouble: Callable[[], str | None], *, what: str, seconds: float, pause: float = PAUSE_SECONDS) -> float:
    """Return as soon as nothing is in the way; the answer is how many seconds that took.

    Args:
        trouble: says what is in the way, or `None`.
        what: is waited for, for the error.
        seconds: how long, at most; it is asked once at least.
        pause: between two questions, in seconds.

    Raises:
        NotInTime: something is in the way all that time.
    """
    began = time.monotonic()
    while True:
        found = trouble()
        passed = time.monotonic() - began
        if found is None:
            return passed
        if passed > seconds:
            raise NotInTime(what, seconds, found)
        time.sleep(pause)
