"""The one thread that writes: whatever waits is committed together.

While one commit waits for the disk, further jobs queue up; the next transaction takes all of them. So the price of a
sync is shared by as many as come, and nobody waits for company.
"""

import asyncio
import logging
import math
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from sidecar.embedded.database import WAL_KEPT_BYTES, Database
from sidecar.embedded.failures import describe, is_damage, primary_code
from sidecar.embedded.place import REMOVED

_log = logging.getLogger(__name__)
_MAX_GROUP = 512
_FOLD_SECONDS = 5.0
_CLOSING_SECONDS = 0.5
_ROLLED_BACK = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY})

T = TypeVar("T")


class WriteFailed(Exception):
    """A job has no confirmed effect.

    Attributes:
        detail: why, for people.
        perhaps_written: whether it may have had its effect all the same.
    """

    def __init__(self, detail: str, *, perhaps_written: bool) -> None:
        super().__init__(detail)
        self.detail = detail
        self.perhaps_written = perhaps_written


class _Job(Generic[T]):
    """Work that waits for its turn, and who waits for it."""

    def __init__(
        self, work: Callable[[sqlite3.Connection], T], committed: Callable[[], None] | None, waiter: asyncio.Future[T]
    ) -> None:
        self._work = work
        self._committed = committed
        self._waiter = waiter
        self._settle: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._taken = False
        self.loop = waiter.get_loop()

    @property
    def taken(self) -> bool:
        """Whether somebody was first to take it."""
        return self._taken

    def take(self) -> bool:
        """Take it for carrying out, or for withdrawing: true for whoever comes first."""
        with self._lock:
            first = not self._taken
            self._taken = True
            return first

    def run(self, connection: sqlite3.Connection) -> None:
        """Do the work; what comes of it is told by `settle`."""
        result = self._work(connection)

        def succeed() -> None:
            if self._committed is not None:
                self._committed()
            if not self._waiter.done():
                self._waiter.set_result(result)

        self._settle = succeed

    def fail(self, error: Exception) -> None:
        """Decide that `settle` tells an error."""

        def raise_it() -> None:
            if not self._waiter.done():
                self._waiter.set_exception(error)

        self._settle = raise_it

    def settle(self) -> None:
        """Tell who waits, unless nobody does any more; in the thread of the event loop."""
        self._settle()


class Writer:
    """Carries out jobs in the order they came, each wholly or not at all."""

    def __init__(self, database: Database, *, beside: bool = False) -> None:
        """Open the connection and start the thread.

        Args:
            database: the file.
            beside: whether another process may write as well; then this one keeps the write-ahead log within bounds.

        Raises:
            sqlite3.Error: the connection can't be opened.
        """
        self._database = database
        self._beside = beside
        self._queue: queue.SimpleQueue[_Job[object] | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._closed_at = math.inf
        self._connection = database.writer()
        # A daemon, so that a process that fails without closing the sidecar still ends. SQLite stands that.
        self._thread = threading.Thread(target=self._serve, name="learnflow-writer", daemon=True)
        self._thread.start()

    async def submit(
        self,
        work: Callable[[sqlite3.Connection], T],
        *,
        timeout_seconds: float | None = None,
        committed: Callable[[], None] | None = None,
    ) -> T:
        """Carry out `work` within a transaction, and return its result once that is durable.

        Whatever `work` raises undoes what it did, and is raised here. If the caller is cancelled before the work has
        begun, it is not done; afterwards it goes on.

        Args:
            work: called once, in the thread that writes; must not begin or end a transaction.
            timeout_seconds: how long to wait; `None` means for ever.
            committed: called in the event loop when it is durable, also if nobody waits for it any more.

        Raises:
            WriteFailed: the database failed, its file was removed or replaced, the time ran out, or the writer is
                closed.
        """
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job = _Job(work, committed, waiter)
        with self._gate:
            if self._closed:
                raise WriteFailed("the sidecar is closed", perhaps_written=False)
            self._queue.put(job)  # type: ignore[arg-type] # the queue does not care what a job results in
        try:
            await asyncio.wait([waiter], timeout=timeout_seconds)
        except asyncio.CancelledError:
            job.take()
            waiter.cancel()
            raise
        if waiter.done():
            return waiter.result()
        waiter.cancel()
        if job.take():
            raise WriteFailed(f"its turn did not come within {timeout_seconds} s", perhaps_written=False)
        raise WriteFailed(f"no confirmation within {timeout_seconds} s", perhaps_written=True)

    def close(self) -> None:
        """Finish what was submitted, then close the connection. Blocks; may be called twice.

        What waits for a lock that another process holds is given half a second more, and fails then.
        """
        with self._gate:
            if not self._closed:
                self._closed = True
                self._closed_at = time.monotonic()
                self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        open_ended = True
        while open_ended:
            group: list[_Job[object]] = []
            item = self._queue.get()
            while item is not None:
                group.append(item)
                if len(group) == _MAX_GROUP:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            open_ended = item is not None
            if group:
                self._carry_out(group)
                if self._beside:
                    self._fold_log()
        self._connection.close()

    def _carry_out(self, group: Sequence[_Job[object]]) -> None:
        """Carry out a group in one transaction, and tell everyone what became of it."""
        taken: list[_Job[object]] = []
        committing = False
        place = self._database.place
        try:
            if place.gone:
                raise sqlite3.OperationalError(REMOVED)
            if not self._begin(group):
                return
            # Only now: as long as the file is locked by another process, a job can still be withdrawn.
            for job in group:
                if job.take():
                    taken.append(job)
                    self._attempt(job)
            committing = True
            self._connection.execute("COMMIT")
            # Nobody would find it again, unless whoever removed the file took a copy with this commit before.
            if not place.look():
                for job in taken:
                    job.fail(WriteFailed(REMOVED, perhaps_written=True))
        except sqlite3.Error as error:
            taken.extend(job for job in group if job.take())
            # A commit that fails for want of room or a lock has not written its last frame; of another failure, that
            # of a sync for one, it can't be known what a recovery would find.
            unknown = committing and primary_code(error) not in _ROLLED_BACK
            self._roll_back()
            detail = self._logged(error) if place.look() else REMOVED
            for job in taken:
                job.fail(WriteFailed(detail, perhaps_written=unknown))
        _tell(taken)

    def _begin(self, group: Iterable[_Job[object]]) -> bool:
        """Begin a transaction as the file's only writer, once no other process is that.

        Returns whether it did: not so if the whole group was withdrawn while another process was the writer.

        SQLite would wait by itself, but soon looks only every tenth of a second: too seldom to find the moment between
        two transactions of a process that writes without a pause.
        """
        patience = self._database.patience
        end = time.monotonic() + patience.seconds
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if primary_code(error) != sqlite3.SQLITE_BUSY or self._is_over(end):
                    raise
            else:
                return True
            if all(job.taken for job in group):
                return False
            time.sleep(patience.look_seconds)

    def _is_over(self, end: float) -> bool:
        """Whether there is no more time to wait for others; whoever closes waits less than a command may."""
        return time.monotonic() >= min(end, self._closed_at + _CLOSING_SECONDS)

    def _fold_log(self) -> None:
        """Fold the write-ahead log into the file, if it has become too large, and let it begin anew.

        SQLite does so by itself, but only if nobody begins to write meanwhile. With two who write large transactions
        there is always one: 2.4 GB within 20 s (measured). Here others have to wait for it.
        """
        end = time.monotonic() + _FOLD_SECONDS
        while self._database.wal_bytes() > WAL_KEPT_BYTES and not self._is_over(end):
            try:
                (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
            except sqlite3.Error as error:
                # No harm is done but to the size of a file.
                _log.warning("could not fold the log of %s: %s", self._database.path, describe(error))
                return
            if not busy:
                return
            time.sleep(self._database.patience.look_seconds)

    def _attempt(self, job: _Job[object]) -> None:
        """Do one job within the transaction; its failure undoes this job alone, unless all is lost."""
        self._connection.execute("SAVEPOINT job")
        try:
            job.run(self._connection)
        except Exception as error:
            if isinstance(error, sqlite3.Error):
                # A transaction that met damage commits nothing, not even what others did in it.
                if is_damage(error) or not self._connection.in_transaction:
                    raise
                job.fail(WriteFailed(self._logged(error), perhaps_written=False))
            else:
                job.fail(error)
            self._connection.execute("ROLLBACK TO job")
        self._connection.execute("RELEASE job")

    def _logged(self, error: sqlite3.Error) -> str:
        """Say what happened, and write it into the program's log with the file it happened to."""
        detail = describe(error)
        _log.warning("writing to %s failed: %s", self._database.path, detail)
        return detail

    def _roll_back(self) -> None:
        """Leave a connection that can begin again."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            _log.exception("could not roll back in %s; opening it anew", self._database.path)
            self._renew()

    def _renew(self) -> None:
        try:
            self._connection.close()
            self._connection = self._database.writer()
        except sqlite3.Error:
            # The closed connection fails the next group as well, which comes back here.
            _log.exception("could not open %s anew", self._database.path)


def _tell(jobs: Iterable[_Job[object]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job[object]]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, members in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle_all, members)
        except RuntimeError:
            _log.warning("an event loop was closed before %d of its writes were confirmed", len(members))


def _settle_all(jobs: Iterable[_Job[object]]) -> None:
    for job in jobs:
        job.settle()
