"""Whom Postgres runs as: it refuses to run as root."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CANDIDATES: Final = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """An account of this machine."""

    name: str
    uid: int
    gid: int

    def reaches(self, path: Path) -> bool:
        """Whether it may enter all folders above a path; access lists are left out of account."""
        return all(self._enters(folder) for folder in path.resolve().parents)

    def _enters(self, folder: Path) -> bool:
        facts = folder.stat()
        if facts.st_uid == self.uid:
            return bool(facts.st_mode & stat.S_IXUSR)
        if facts.st_gid == self.gid:
            return bool(facts.st_mode & stat.S_IXGRP)
        return bool(facts.st_mode & stat.S_IXOTH)


def unprivileged() -> Account | None:
    """An account to step down to: `postgres` if there is one, else `nobody`; `None` if we are not root ourselves."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = next((known[name] for name in _CANDIDATES if name in known), None)
    return None if entry is None else Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
