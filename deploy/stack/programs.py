"""Programs that are on this machine, and of which version."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ANSWER_SECONDS: Final = 20
_VERSION: Final = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?")


def on_path(name: str, *folders: Path) -> Path | None:
    """A program that can be run: from PATH, else from the first of these folders that has it."""
    found = shutil.which(name)
    if found is None:
        found = next((hit for folder in folders if (hit := shutil.which(name, path=str(folder)))), None)
    return None if found is None else Path(found)


def answer(command: Sequence[str | Path]) -> str | None:
    """What a command writes, stderr after stdout; `None` if it can't be run, fails, or says nothing for long."""
    try:
        ran = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout + ran.stderr if ran.returncode == 0 else None


def version_of(command: Sequence[str | Path]) -> tuple[int, ...] | None:
    """The first number with dots that a command answers with; `None` if it doesn't answer so.

    Args:
        command: that asks a program for its version, e.g. `["java", "-version"]`.
    """
    said = answer(command)
    found = None if said is None else _VERSION.search(said)
    return None if found is None else tuple(int(part) for part in found.groups() if part is not None)


def dotted(version: tuple[int, ...]) -> str:
    """A version as it is written."""
    return ".".join(map(str, version))
