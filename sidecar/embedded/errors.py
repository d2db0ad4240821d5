"""What can go wrong with the embedded adapter's folder, beside what every adapter may answer.

SidecarError
├── FolderInUse            another process serves from this folder
├── StorageUnusable        the file can't be used, and is left as it is
└── StorageDamaged
    └── DatabaseDamaged    SQLite, or a checksum, found the file damaged
"""

from pathlib import Path

from sidecar.errors import SidecarError, StorageDamaged


class FolderInUse(SidecarError):
    """Another process has the folder; one process at a time may.

    Attributes:
        folder: which one.
        pid: the process that has it, as far as it could be read.
    """

    def __init__(self, folder: Path, pid: int | None) -> None:
        holder = "another process" if pid is None else f"process {pid}"
        super().__init__(f"{folder} is in use by {holder}; stop it, or choose another folder")
        self.folder = folder
        self.pid = pid


class StorageUnusable(SidecarError):
    """The folder or the database file can't be used. Nothing in it was changed.

    Attributes:
        path: the folder or the file.
        reason: why, for people.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} can't be used: {reason}")
        self.path = path
        self.reason = reason


class DatabaseDamaged(StorageDamaged):
    """The database file does not hold what was written into it.

    Attributes:
        path: the file.
        detail: what was found.
    """

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(f"{path} is damaged: {detail}")
        self.path = path
        self.detail = detail
