"""Connections that read, each in a thread of its own, so that neither the writer nor the event loop waits for them."""

import asyncio
import queue
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sidecar.embedded.database import Database
from sidecar.embedded.failures import read_failure
from sidecar.embedded.place import REMOVED
from sidecar.errors import SidecarUnavailable

_THREADS = 4

T = TypeVar("T")


class Readers:
    """A few reading connections, opened when they are first needed and kept."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="learnflow-reader")
        self._closed = False

    async def run(self, query: Callable[[sqlite3.Connection], T], *, what: str) -> T:
        """Return what `query` returns; every SELECT within it is a snapshot of its own.

        Args:
            query: called in a thread.
            what: what is read, for people: "log", "state store".

        Raises:
            DatabaseDamaged: SQLite found the file damaged.
            MessageTooLarge: the answer is more than SQLite can hold.
            SidecarUnavailable: the database failed otherwise, its file was removed or replaced, or the sidecar is
                closed.
        """
        if self._closed:
            raise SidecarUnavailable(what, "the sidecar is closed")
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._threads, self._query, query)
        except sqlite3.Error as error:
            if self._database.place.gone:
                raise SidecarUnavailable(what, REMOVED) from error
            raise read_failure(error, what, self._database.path) from error
        if self._database.place.gone:
            raise SidecarUnavailable(what, REMOVED)
        return result

    def close(self) -> None:
        """Finish what is running, then close the connections. Blocks; may be called twice."""
        self._closed = True
        self._threads.shutdown(wait=True)
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def _query(self, query: Callable[[sqlite3.Connection], T]) -> T:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._database.reader()
        try:
            result = query(connection)
            self._database.place.look_now_and_then()
        except BaseException:
            # Whatever made it fail, a new connection is not tainted by it.
            connection.close()
            raise
        self._idle.put(connection)
        return result
