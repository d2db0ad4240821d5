"""Which state of the repository an image was built from, for its labels."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from deploy.images.context import EPOCH


def provenance(root: Path) -> dict[str, str]:
    """The arguments `REVISION` and `CREATED` of a build.

    Returns:
        The commit, with `-modified` where the checkout differs from it, and its time; a fixed time and `unknown` where
        there is no repository or no git. So the same state has the same labels.
    """
    commit = _git(root, "log", "-1", "--format=%H %ct")
    if commit is None:
        return {"REVISION": "unknown", "CREATED": _text(EPOCH)}
    revision, seconds = commit.split()
    modified = _git(root, "status", "--porcelain") != ""
    return {"REVISION": f"{revision}-modified" if modified else revision, "CREATED": _text(int(seconds))}


def _text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _git(root: Path, *words: str) -> str | None:
    try:
        ended = subprocess.run(["git", "-C", root, *words], capture_output=True, text=True, check=False)  # noqa: S607
    except OSError:
        return None
    return ended.stdout.strip() if ended.returncode == 0 and (ended.stdout or words[0] == "status") else None
