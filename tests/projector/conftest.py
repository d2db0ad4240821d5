"""Fixtures of the projector tests."""

import pytest

from tests.projector.harness import World


@pytest.fixture
def world() -> World:
    return World()
