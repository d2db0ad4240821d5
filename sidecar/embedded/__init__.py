"""The embedded adapter: all ports over one SQLite file, for one serving process and the commands beside it.

It promises what the ports promise, and is held to it by the same suite as Dapr (`tests/contract`).
"""

import asyncio
import sqlite3
from pathlib import Path
from typing import Final, Self

from sidecar.append import EventAppender
from sidecar.embedded.database import Database, Patience
from sidecar.embedded.delivery import DeliverySettings, EmbeddedDelivery
from sidecar.embedded.errors import DatabaseDamaged, FolderInUse, StorageUnusable
from sidecar.embedded.failures import describe
from sidecar.embedded.folder import FolderLock
from sidecar.embedded.invocation import AsgiApp, EmbeddedInvoker
from sidecar.embedded.log import EmbeddedLog
from sidecar.embedded.readers import Readers
from sidecar.embedded.secret_store import EmbeddedSecrets
from sidecar.embedded.state import EmbeddedState
from sidecar.embedded.tool import EmbeddedTool
from sidecar.embedded.writer import Writer
from sidecar.log_reader import LogReader

__all__ = ["AsgiApp", "DatabaseDamaged", "EmbeddedSidecar", "EmbeddedTool", "FolderInUse", "StorageUnusable"]

_LOOK_SECONDS: Final = 0.001
"""How often the service looks for its turn to write: often, since POSTs wait for it."""


class EmbeddedSidecar:
    """A folder that is open, and the ports to what it holds. For use in one event loop.

    Attributes:
        appender: appends events.
        log_reader: reads the log.
        log: both of them, and a way to act as another producer, for tests.
        state: reads and writes documents.
        delivery: delivers the log to one consumer group.
        secrets: reads secrets.
        invoker: calls the apps that were registered with it.
    """

    appender: EventAppender
    log_reader: LogReader
    log: EmbeddedLog
    state: EmbeddedState
    delivery: EmbeddedDelivery
    secrets: EmbeddedSecrets
    invoker: EmbeddedInvoker

    def __init__(
        self,
        lock: FolderLock,
        writer: Writer,
        readers: Readers,
        log: EmbeddedLog,
        state: EmbeddedState,
        delivery: EmbeddedDelivery,
        secrets: EmbeddedSecrets,
    ) -> None:
        self._lock = lock
        self._writer = writer
        self._readers = readers
        self.log = log
        self.appender = log
        self.log_reader = log
        self.state = state
        self.delivery = delivery
        self.secrets = secrets
        self.invoker = EmbeddedInvoker()

    @classmethod
    def open(  # noqa: PLR0913 - all but the folder have names and defaults
        cls,
        folder: Path,
        *,
        partitions: int = 8,
        group: str = "projector",
        max_message_bytes: int = 4 * 1024 * 1024,
        batch_records: int = 500,
        batch_bytes: int = 1024 * 1024,
        retry_seconds: float = 0.25,
        commit_seconds: float = 1.0,
        busy_seconds: float = 10.0,
    ) -> Self:
        """Open a folder, which is made if there is none, and take it for this process.

        Args:
            folder: where everything is kept.
            partitions: how many a new log gets, from 1; a log that exists keeps what it has.
            group: the consumer group that `delivery` is for.
            max_message_bytes: the most that one append, one read of documents or one transaction may carry.
            batch_records: the most records a batch holds, from 1.
            batch_bytes: about the most bytes of values a batch holds; one record may be larger.
            retry_seconds: the least time before a batch comes again.
            commit_seconds: how often the consumer group's position is written.
            busy_seconds: how long to wait while another process writes: a command beside the service, for one.

        Raises:
            FolderInUse: another process has it.
            StorageUnusable: it can't be used: not writable, another program's file, a later version's.
            DatabaseDamaged: the database file can't be read, or is none.
        """
        if partitions < 1 or batch_records < 1:
            raise ValueError("partitions and batch_records are at least 1")
        lock = FolderLock.acquire(folder)
        try:
            patience = Patience(busy_seconds, _LOOK_SECONDS)
            database = Database.open(folder, lock=lock.path, partitions=partitions, patience=patience)
            try:
                writer = Writer(database)
            except sqlite3.Error as error:
                raise StorageUnusable(database.path, describe(error)) from error
        except BaseException:
            lock.release()
            raise
        readers = Readers(database)
        log = EmbeddedLog(database, writer, readers, group=group, max_message_bytes=max_message_bytes)
        state = EmbeddedState(database, writer, readers, max_message_bytes=max_message_bytes)
        settings = DeliverySettings(group, batch_records, batch_bytes, retry_seconds, commit_seconds)
        delivery = EmbeddedDelivery(log, writer, settings)
        return cls(lock, writer, readers, log, state, delivery, EmbeddedSecrets(folder))

    async def close(self) -> None:
        """Stop delivery, finish what was submitted, close the file and give the folder back; may be called twice."""
        try:
            await self.delivery.stop()
        finally:
            await asyncio.to_thread(self._close)

    async def abandon(self) -> None:
        """End as a crash would, for tests: delivery in the middle of a batch, its position not written."""
        self.delivery.abandon()
        await self.close()

    def _close(self) -> None:
        # The last connection to close folds the write-ahead log into the file; the writer's is the one with full sync.
        self._readers.close()
        self._writer.close()
        self._lock.release()
