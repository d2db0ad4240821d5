"""A fresh service for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from learnflow.sidecar import Sidecar, ports_of
from sidecar.embedded import EmbeddedSidecar
from tests.http.harness import Api, open_sidecar, serving


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[EmbeddedSidecar]:
    """The embedded adapter on a new folder."""
    embedded = open_sidecar(tmp_path / "data")
    yield embedded
    await embedded.close()


@pytest.fixture
def ports(embedded: EmbeddedSidecar) -> Sidecar:
    """Its ports, as a service gets them."""
    return ports_of(embedded)


@pytest.fixture
async def api(ports: Sidecar) -> AsyncIterator[Api]:
    """All services on those ports, the projector running."""
    async with serving(ports) as api:
        yield api
