"""Every test of the suite runs once for each adapter."""

import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.contract.dapr_harness import DaprHarness
from tests.contract.embedded_harness import EmbeddedHarness
from tests.contract.harness import Harness, Ports


@pytest.fixture(params=["embedded", pytest.param("dapr", marks=pytest.mark.real_stack)])
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    """An adapter that runs, and is closed after the test."""
    harness: Harness
    if request.param == "dapr":
        harness = DaprHarness(request.getfixturevalue("infrastructure"), tmp_path)
    else:
        harness = EmbeddedHarness(tmp_path / "data")
    try:
        await harness.open()
        yield harness
    finally:
        await harness.close()


@pytest.fixture
def ports(harness: Harness) -> Ports:
    """The ports of the adapter, for tests that don't restart it."""
    return harness.ports


@pytest.fixture
def name() -> Callable[[str], str]:
    """Makes names that no other test has."""
    mark = uuid.uuid4().hex[:12]
    return lambda text: f"{mark}/{text}"
