"""What tests of builders have in common."""

import logging
from collections.abc import Iterator

import pytest

from projector.replay import patience


@pytest.fixture(scope="module")
def quick_and_quiet() -> Iterator[None]:
    """Pauses cost nothing, and what is parked on purpose is not told."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(patience, "FIRST_PAUSE_SECONDS", 0.0)
        logging.disable(logging.ERROR)
        yield
        logging.disable(logging.NOTSET)
