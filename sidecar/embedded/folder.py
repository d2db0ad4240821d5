"""The lock of the folder: one process at a time."""

import os
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from sidecar.embedded.errors import FolderInUse, StorageUnusable

_LOCK = "learnflow.lock"
_PID = "learnflow.pid"


class FolderLock:
    """Holds a folder for this process until `release`, or until the process ends, however it ends."""

    def __init__(self, folder: Path, lock: FileLock) -> None:
        self._folder = folder
        self._lock = lock

    @classmethod
    def acquire(cls, folder: Path) -> Self:
        """Take the folder, which is made if there is none.

        Raises:
            FolderInUse: another process, or another sidecar of this one, has it.
            StorageUnusable: it can't be made or written.
        """
        # A soft lock (a marker file) would outlive a killed holder, and one bound to a thread could not be released by
        # the thread that closes the sidecar.
        lock = FileLock(folder / _LOCK, blocking=False, thread_local=False, fallback_to_soft=False)
        try:
            if not folder.is_dir():
                folder.mkdir(parents=True)
                _make_durable(folder.parent)
            lock.acquire()
        except Timeout as error:
            raise FolderInUse(folder, _holder(folder)) from error
        except OSError as error:
            raise StorageUnusable(folder, error.strerror or str(error)) from error
        try:
            # Beside the lock, because a locked file can't be read on every system.
            (folder / _PID).write_text(f"{os.getpid()}\n", encoding="ascii")
        except OSError as error:
            lock.release()
            raise StorageUnusable(folder, error.strerror or str(error)) from error
        return cls(folder, lock)

    @property
    def path(self) -> Path:
        """The file that is locked."""
        return self._folder / _LOCK

    def release(self) -> None:
        """Give the folder back; may be called twice."""
        if self._lock.is_locked:
            # Where the lock file was removed, another process may have taken the folder meanwhile.
            if _holder(self._folder) == os.getpid():
                (self._folder / _PID).unlink(missing_ok=True)
            self._lock.release()


def _holder(folder: Path) -> int | None:
    try:
        return int((folder / _PID).read_text(encoding="ascii"))
    except (OSError, ValueError):
        # The holder is about to write it, or about to leave.
        return None


def _make_durable(folder: Path) -> None:
    """Let a new entry of the folder survive a power failure, where a folder can be opened at all."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
