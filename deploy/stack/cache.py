"""Where programs are kept that were built or fetched for the stack: outside the checkout, made once."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from deploy.stack.errors import InstallFailed

REPORT_SECONDS: Final = 30.0
TAIL_CHARACTERS: Final = 2000


def cache_root() -> Path:
    """The folder of all caches: `$LEARNFLOW_CACHE`, else `learnflow` in the user's cache folder; need not exist."""
    ours = os.environ.get("LEARNFLOW_CACHE")
    if ours:
        return Path(ours).absolute()
    users = os.environ.get("XDG_CACHE_HOME")
    return (Path(users) if users else Path.home() / ".cache") / "learnflow"


def tell(text: str) -> None:
    """Say on stderr what takes its time."""
    print(f"stack: {text}", file=sys.stderr, flush=True)


def place_of(name: str, recipe: Iterable[Path | str]) -> Path:
    """Where a program is once it is installed; exists only if it is, whole.

    Args:
        name: of the program, with its version.
        recipe: all that decides what is built, files by their content: another recipe has another place.
    """
    digest = hashlib.sha256()
    for part in recipe:
        digest.update(part.read_bytes() if isinstance(part, Path) else part.encode())
        digest.update(b"\0")
    return cache_root() / f"{name}-{digest.hexdigest()[:12]}"


def installed(place: Path, announcement: str, build: Callable[[Path], None]) -> Path:
    """Install a program unless it is there; of several who want it at once, one builds and the others wait.

    Args:
        place: from `place_of`.
        announcement: said when it has to be built.
        build: fills an empty folder, which becomes `place`.

    Returns:
        place, which exists now.

    Raises:
        InstallFailed: by `build`, or the cache can't be written; nothing is left in `place`.
    """
    if place.is_dir():
        return place
    try:
        with _alone(place):
            if not place.is_dir():
                tell(announcement)
                _build(place, build)
    except OSError as error:
        raise InstallFailed(place.name, str(error)) from error
    return place


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place.with_name(f"{place.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        tell(f"waiting for another process that installs {place.name}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _build(place: Path, build: Callable[[Path], None]) -> None:
    # Of an attempt that was killed; we hold the lock, so nobody works in it.
    unfinished = place.with_name(f".{place.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        build(unfinished)
        unfinished.rename(place)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def run(
    tool: str, command: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Run a step of an installation to its end, saying now and then that it still runs.

    Args:
        tool: what is being installed.
        command: the program and its arguments.
        cwd: the folder to run in.
        env: variables besides those of this process.

    Raises:
        InstallFailed: it could not be run, or ended with another status than 0.
    """
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise InstallFailed(tool, str(error)) from error
    with process:
        try:
            output = _output(tool, process, began)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise InstallFailed(tool, output.strip()[-TAIL_CHARACTERS:])


def _output(tool: str, process: subprocess.Popen[str], began: float) -> str:
    while True:
        try:
            return process.communicate(timeout=REPORT_SECONDS)[0]
        except subprocess.TimeoutExpired:
            tell(f"still installing {tool} ({time.monotonic() - began:.0f} s)")
