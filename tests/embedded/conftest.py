"""Sidecars over a folder of the test's own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import pytest

from sidecar.embedded import EmbeddedSidecar


class Open(Protocol):
    """Opens a sidecar that is closed after the test."""

    def __call__(
        self,
        *,
        partitions: int = 2,
        batch_records: int = 500,
        batch_bytes: int = 1_000_000,
        retry_seconds: float = 0.01,
        commit_seconds: float = 1.0,
    ) -> EmbeddedSidecar:
        """Open the folder."""
        ...


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "data"


@pytest.fixture
async def open_sidecar(folder: Path) -> AsyncIterator[Open]:
    """Opens the folder, as often as the test has closed it."""
    async with AsyncExitStack() as stack:

        def open_(
            *,
            partitions: int = 2,
            batch_records: int = 500,
            batch_bytes: int = 1_000_000,
            retry_seconds: float = 0.01,
            commit_seconds: float = 1.0,
        ) -> EmbeddedSidecar:
            sidecar = EmbeddedSidecar.open(
                folder,
                partitions=partitions,
                batch_records=batch_records,
                batch_bytes=batch_bytes,
                retry_seconds=retry_seconds,
                commit_seconds=commit_seconds,
                busy_seconds=0.2,
            )
            stack.push_async_callback(sidecar.close)
            return sidecar

        yield open_


@pytest.fixture
def sidecar(open_sidecar: Open) -> EmbeddedSidecar:
    """A sidecar over a new folder, of two partitions."""
    return open_sidecar()
