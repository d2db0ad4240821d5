"""What an error of SQLite means, in the words of the ports."""

import logging
import sqlite3
from pathlib import Path

from sidecar.embedded.errors import DatabaseDamaged
from sidecar.errors import MessageTooLarge, SidecarError, SidecarUnavailable

_log = logging.getLogger(__name__)
_PRIMARY = 0xFF
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_MEANING = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_BUSY: "another process holds the database file locked",
    sqlite3.SQLITE_LOCKED: "another connection holds the database file locked",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged",
    sqlite3.SQLITE_NOTADB: "the database file is damaged",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write",
    sqlite3.SQLITE_READONLY: "the database file may not be written",
    sqlite3.SQLITE_CANTOPEN: "the database file can't be opened",
}


def primary_code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; `None` if Python's own module raised the error."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite found the file damaged."""
    return primary_code(error) in _DAMAGE


def describe(error: sqlite3.Error) -> str:
    """Say what happened to the database file, for people; without its path, since any client may come to read it."""
    code = primary_code(error)
    meaning = "the database failed" if code is None else _MEANING.get(code, "the database failed")
    return f"{meaning} ({error})"


def read_failure(error: sqlite3.Error, what: str, path: Path) -> SidecarError:
    """Translate what a reading connection raised.

    Args:
        error: what it raised.
        what: what was read, for people: "log", "state store".
        path: the database file.
    """
    if is_damage(error):
        return DatabaseDamaged(path, str(error))
    if primary_code(error) == sqlite3.SQLITE_TOOBIG:
        return MessageTooLarge(f"the {what} can't put that much into one answer")
    _log.warning("%s: %s", path, describe(error))
    return SidecarUnavailable(what, describe(error))
