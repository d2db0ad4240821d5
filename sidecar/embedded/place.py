"""Whether a path still names the file that is open behind it.

On Unix an open file that was removed goes on taking writes, which nobody ever finds again. SQLite looks for that only
where it makes a rollback journal (SQLITE_READONLY_DBMOVED), which a database in WAL mode does not.
"""

import logging
import os
import threading
import time
from pathlib import Path
from typing import Final

REMOVED: Final = "the database file was removed or replaced while in use; restart the service"
"""For people, without a path, since any client may come to read it."""

_FRESH_SECONDS: Final = 0.1

_log = logging.getLogger(__name__)


class Place:
    """Where files that this process holds open should be; one that was missed once counts as gone for good."""

    def __init__(self, *paths: Path) -> None:
        """Note which files are there.

        Raises:
            OSError: one of them is not.
        """
        self._there = {path: _identity(path) for path in paths}
        self._lock = threading.Lock()
        self._gone = False
        self._looked_at = time.monotonic()

    @property
    def gone(self) -> bool:
        """Whether a file was missed by now."""
        return self._gone

    def look(self) -> bool:
        """Whether every path names the file it named at first."""
        self._looked_at = time.monotonic()
        for path, identity in self._there.items():
            if self._gone:
                break
            try:
                kept = _identity(path) == identity
            except (FileNotFoundError, NotADirectoryError):
                kept = False
            except OSError:
                # That a folder can't be looked into says nothing about what is in it.
                continue
            if not kept:
                self._miss(path)
        return not self._gone

    def look_now_and_then(self) -> bool:
        """As `look`, of a tenth of a second ago: for those who would look all the time."""
        return self.look() if time.monotonic() - self._looked_at > _FRESH_SECONDS else not self._gone

    def _miss(self, path: Path) -> None:
        with self._lock:
            first = not self._gone
            self._gone = True
        if first:
            _log.error(
                "%s was removed or replaced while in use; from now on nothing is confirmed or answered. What was not"
                " copied elsewhere is lost when this process ends; a restart uses what is in the folder, or makes it",
                path,
            )


def _identity(path: Path) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116 - a third of the time that Path takes, once for every commit
    return found.st_dev, found.st_ino
