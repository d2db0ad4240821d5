"""The database file: made, recognised, opened.

Log and state are in one file, so that one copy of it is a backup of both. It is in WAL mode with full sync: a commit
that has returned survives a power failure, and readers never wait for the writer.
"""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sidecar.embedded.errors import DatabaseDamaged, StorageUnusable
from sidecar.embedded.failures import describe, is_damage
from sidecar.embedded.place import REMOVED, Place

FILE_NAME = "learnflow.db"
"""The database file within the folder."""

_APPLICATION_ID = int.from_bytes(b"LrnF", "big")
_SCHEMA_VERSION = 1
_WAL_PAGES = 4_000  # Checkpoints of 16 MB instead of 4: fewer of them fall into somebody's commit.
WAL_KEPT_BYTES = 64 * 1024 * 1024
"""How large the write-ahead log may stay, once what is in it is in the database file too."""

# position = partition * 2**40 + offset: one B-tree, scanned in offset order within a partition.
# checksum = CRC-32 of key and value: SQLite itself would not notice bytes that changed within a value.
_SCHEMA = (
    "CREATE TABLE topic (id TEXT NOT NULL, partitions INTEGER NOT NULL)",
    "CREATE TABLE partition (number INTEGER PRIMARY KEY, next INTEGER NOT NULL, last_ms INTEGER NOT NULL)",
    """CREATE TABLE log (position INTEGER PRIMARY KEY, key TEXT, value BLOB NOT NULL, checksum INTEGER NOT NULL,
                         appended_at_ms INTEGER NOT NULL)""",
    """CREATE TABLE consumer (name TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
                              PRIMARY KEY (name, partition)) WITHOUT ROWID""",
    """CREATE TABLE document (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value BLOB NOT NULL,
                              checksum INTEGER NOT NULL, etag TEXT NOT NULL)""",
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How a lock is waited for that another process holds.

    Attributes:
        seconds: how long.
        look_seconds: how often a writer looks. Who looks more often is served first: SQLite has no queue.
    """

    seconds: float
    look_seconds: float


@dataclass(frozen=True, slots=True)
class Database:
    """A database file that is known to be ours.

    Attributes:
        path: the file.
        topic_id: made with the file, never again.
        partitions: how many the log has, for good.
        patience: with which locks are waited for that another process holds.
        place: whether the file, and the lock of a folder that was taken, are still there.
    """

    path: Path
    topic_id: str
    partitions: int
    patience: Patience
    place: Place

    @classmethod
    def open(cls, folder: Path, *, lock: Path, partitions: int, patience: Patience) -> Self:
        """Recognise the file in the folder, or make it.

        Args:
            folder: exists, and is locked by the caller.
            lock: the file that the caller holds locked.
            partitions: how many a new log gets; one that exists keeps what it has.
            patience: with which locks are waited for.

        Raises:
            DatabaseDamaged: it can't be read, or is no database at all.
            StorageUnusable: it belongs to another program, to a later version of this one, or can't be opened.
        """
        path = folder / FILE_NAME
        with _in_our_words(path), closing(_connect(path, patience)) as connection:
            new = _is_new(connection, path)
            # Also in a file that exists: a copy made by VACUUM INTO has lost it.
            _use_write_ahead_log(connection, path)
            if new:
                _make(connection, partitions)
            return cls(path, *_topic(connection, path), patience, Place(path, lock))

    @classmethod
    def open_beside(cls, folder: Path, *, patience: Patience) -> Self:
        """Recognise the file in a folder that others may have open, and make nothing.

        Raises:
            DatabaseDamaged: it can't be read, or is no database at all.
            StorageUnusable: there is none, or nothing in it; or as `open`.
        """
        path = folder / FILE_NAME
        with _in_our_words(path):
            if not path.exists():
                raise StorageUnusable(folder, f"it holds no data of LearnFlow (no {FILE_NAME})")
            with closing(_connect(_existing(path), patience)) as connection:
                if _is_new(connection, path):
                    raise StorageUnusable(path, "nothing was ever written into it")
                _use_write_ahead_log(connection, path)
                return cls(path, *_topic(connection, path), patience, Place(path))

    def wal_bytes(self) -> int:
        """The size of the write-ahead log; 0 if there is none."""
        try:
            return self.path.with_name(f"{self.path.name}-wal").stat().st_size
        except OSError:
            return 0

    def writer(self) -> sqlite3.Connection:
        """Open the connection that writes, for use by one thread at a time.

        Raises:
            sqlite3.Error: it can't be opened.
        """
        connection = self._reconnect()
        try:
            for pragma in (
                "synchronous = FULL",
                "fullfsync = ON",  # On macOS, fsync alone leaves the data in the drive's cache.
                "checkpoint_fullfsync = ON",
                f"wal_autocheckpoint = {_WAL_PAGES}",
                f"journal_size_limit = {WAL_KEPT_BYTES}",
                "cache_size = -32000",
                # Erased bytes vanish from pages that are written anyway; each build has another default.
                "secure_delete = FAST",
                # The writer waits for locks by itself: see there.
                "busy_timeout = 0",
            ):
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def reader(self) -> sqlite3.Connection:
        """Open a connection that can only read, for use by one thread at a time.

        Raises:
            sqlite3.Error: it can't be opened.
        """
        connection = self._reconnect()
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA cache_size = -16000")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _reconnect(self) -> sqlite3.Connection:
        """Connect to the same file once more: never make one, and leave another one alone."""
        connection = _connect(_existing(self.path), self.patience)
        if not self.place.look():
            connection.close()
            raise sqlite3.OperationalError(REMOVED)
        return connection


def _existing(path: Path) -> str:
    """The name by which SQLite opens a file that is there, and makes none."""
    return f"{path.absolute().as_uri()}?mode=rw"


def _connect(path: Path | str, patience: Patience) -> sqlite3.Connection:
    return sqlite3.connect(
        path, uri=isinstance(path, str), timeout=patience.seconds, isolation_level=None, check_same_thread=False
    )


@contextmanager
def _in_our_words(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise DatabaseDamaged(path, str(error)) from error
        raise StorageUnusable(path, describe(error)) from error
    except OSError as error:
        raise StorageUnusable(path, error.strerror or str(error)) from error


def _topic(connection: sqlite3.Connection, path: Path) -> tuple[str, int]:
    row: tuple[str, int] | None = connection.execute("SELECT id, partitions FROM topic").fetchone()
    if row is None:
        raise DatabaseDamaged(path, "it does not say which log it holds")
    return row


def _is_new(connection: sqlite3.Connection, path: Path) -> bool:
    """Tell a new file from one of ours, before anything is changed in it."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application == 0 and version == 0 and objects == 0:
        return True
    if application != _APPLICATION_ID:
        raise StorageUnusable(path, "it is the SQLite database of another program")
    if version != _SCHEMA_VERSION:
        raise StorageUnusable(
            path, f"its format is {version} and this program knows {_SCHEMA_VERSION}; use the LearnFlow that wrote it"
        )
    return False


def _use_write_ahead_log(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StorageUnusable(path, f"its file system does not support SQLite's write-ahead log (journal mode {mode})")


def _make(connection: sqlite3.Connection, partitions: int) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    # One transaction, header fields included: a process killed here leaves a new file or a complete one.
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute("INSERT INTO topic VALUES (?, ?)", (str(uuid.uuid4()), partitions))
    connection.executemany("INSERT INTO partition VALUES (?, 0, 0)", [(number,) for number in range(partitions)])
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
    connection.execute("COMMIT")
