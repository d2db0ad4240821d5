"""A server of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.e2e.platform import Platform
from tests.servers import Server, running_server


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "data"


@pytest.fixture
def server(data_dir: Path) -> Iterator[Server]:
    """A server over `data_dir`."""
    with running_server(data_dir) as server:
        yield server


@pytest.fixture
def platform(server: Server) -> Iterator[Platform]:
    """What `server` serves."""
    with httpx2.Client(base_url=server.url, timeout=60, trust_env=False) as client:
        yield Platform(client)
