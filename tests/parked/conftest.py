"""A world to park in."""

import pytest

from tests.projector.harness import World


@pytest.fixture
def world() -> World:
    return World()
