"""The folder as a command works in it, whether or not a service serves from it meanwhile."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Final, Self

from sidecar.embedded.database import Database, Patience
from sidecar.embedded.errors import StorageUnusable
from sidecar.embedded.failures import describe
from sidecar.embedded.log_reader import EmbeddedLogReader
from sidecar.embedded.readers import Readers
from sidecar.embedded.secret_store import EmbeddedSecrets
from sidecar.embedded.state import EmbeddedState
from sidecar.embedded.writer import Writer
from sidecar.log_reader import LogReader

_LOOK_SECONDS: Final = 0.02
"""How often a command looks for its turn to write: seldom enough that a service goes first."""


class EmbeddedTool:
    """A folder that may be served by another process, and the ports that a command needs. For use in one event loop.

    The folder is not taken: services come and go meanwhile, and several commands work at once. What they write is
    guarded by the documents' etags, in the one transaction that SQLite lets write at a time. There is nothing here to
    append with, and nothing to be delivered to.

    Attributes:
        log_reader: reads the log.
        state: reads and writes documents.
        secrets: reads secrets.
    """

    log_reader: LogReader
    state: EmbeddedState
    secrets: EmbeddedSecrets

    def __init__(
        self, writer: Writer, readers: Readers, log_reader: LogReader, state: EmbeddedState, secrets: EmbeddedSecrets
    ) -> None:
        self._writer = writer
        self._readers = readers
        self.log_reader = log_reader
        self.state = state
        self.secrets = secrets

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        group: str = "projector",
        max_message_bytes: int = 4 * 1024 * 1024,
        busy_seconds: float = 60.0,
    ) -> Self:
        """Open what a service has made; makes no folder and no database.

        Args:
            folder: where a service keeps everything.
            group: the consumer group whose position `log_reader` tells.
            max_message_bytes: the most that one read of documents or one transaction may carry. POSTs wait while a
                transaction is written, so this is also how long they may have to.
            busy_seconds: how long a transaction waits for its turn.

        Raises:
            StorageUnusable: no data is there; or another program's, a later version's, or it can't be opened.
            DatabaseDamaged: the database file can't be read, or is none.
        """
        database = Database.open_beside(folder, patience=Patience(busy_seconds, _LOOK_SECONDS))
        try:
            writer = Writer(database, beside=True)
        except sqlite3.Error as error:
            raise StorageUnusable(database.path, describe(error)) from error
        readers = Readers(database)
        return cls(
            writer,
            readers,
            EmbeddedLogReader(database, readers, group=group),
            EmbeddedState(database, writer, readers, max_message_bytes=max_message_bytes),
            EmbeddedSecrets(folder),
        )

    async def close(self) -> None:
        """Finish what was submitted, and close the file; may be called twice."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        # In this order, as the service does: if this is the last process to have the file open, the last connection
        # folds the write-ahead log into it, and the writer's is the one with full sync.
        self._readers.close()
        self._writer.close()
