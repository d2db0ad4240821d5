"""The embedded adapter under test."""

import json
from collections.abc import Mapping
from pathlib import Path

from sidecar.embedded import AsgiApp, EmbeddedSidecar
from sidecar.embedded.secret_store import FILE_NAME
from tests.contract.harness import Ports


class EmbeddedHarness:
    """Runs the embedded adapter in the test's own process."""

    max_message_bytes = 256 * 1024

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sidecar: EmbeddedSidecar | None = None

    @property
    def ports(self) -> Ports:
        sidecar = self._running()
        return Ports(
            sidecar.appender,
            sidecar.log_reader,
            sidecar.state,
            sidecar.state,
            sidecar.delivery,
            sidecar.secrets,
            sidecar.invoker,
        )

    async def open(self) -> None:
        self._sidecar = EmbeddedSidecar.open(
            self._folder,
            partitions=3,
            max_message_bytes=self.max_message_bytes,
            batch_records=20,
            retry_seconds=0.01,
        )

    async def close(self) -> None:
        if self._sidecar is not None:
            await self._sidecar.close()
            self._sidecar = None

    async def crash(self) -> None:
        await self._running().abandon()
        self._sidecar = None

    async def reopen(self) -> None:
        await self.open()

    async def append_foreign(self, partition: int, key: str | None, value: bytes) -> None:
        await self._running().log.append_to(partition, key, value)

    async def append_before_hole(self, partition: int, key: str | None, value: bytes) -> None:
        await self._running().log.append_to(partition, key, value)
        await self._running().log.skip(partition)

    async def put_secret(self, name: str, values: Mapping[str, str]) -> None:
        path = self._folder / FILE_NAME
        known = json.loads(path.read_bytes()) if path.exists() else {}
        path.write_text(json.dumps({**known, name: dict(values)}))

    async def register(self, app_id: str, app: AsgiApp) -> None:
        self._running().invoker.register(app_id, app)

    def _running(self) -> EmbeddedSidecar:
        assert self._sidecar is not None, "it does not run"
        return self._sidecar
