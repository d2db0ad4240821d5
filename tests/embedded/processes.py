"""Other processes: each runs one of the functions here, and ends when its standard input does, or is killed."""

import asyncio
import itertools
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sidecar.embedded import EmbeddedSidecar, EmbeddedTool
from sidecar.errors import StateConflict
from sidecar.records import NewRecord, Put

_ROOT = Path(__file__).parents[2]
RECORDS_A_CALL = 3
LARGE_KEYS = [f"large/{number}" for number in range(1_000)]
LARGE_BYTES = 2_000


@contextmanager
def other_process(role: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a function of this module in a process of its own, and kill that at the end."""
    command = [sys.executable, "-m", "tests.embedded.processes", role, str(path)]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line that the process prints; empty if it has ended."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], line: str) -> None:
    """Write a line to the process's standard input."""
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _say(text: str) -> None:
    # One write for a line: a process that is killed never prints a part of one.
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def hold_folder(folder: Path) -> None:
    """Open the folder and keep it."""
    sidecar = EmbeddedSidecar.open(folder)
    _say("open")
    sys.stdin.read()
    asyncio.run(sidecar.close())


def hold_write_lock(file: Path) -> None:
    """Keep the write lock of the database file."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        _say("locked")
        sys.stdin.read()


def append_for_ever(folder: Path) -> None:
    """Append and transact, several at once, and print what was confirmed."""
    asyncio.run(_append_for_ever(folder))


async def _append_for_ever(folder: Path) -> None:
    sidecar = EmbeddedSidecar.open(folder)
    start = sum(bounds.end for bounds in (await sidecar.log.bounds()).values())

    async def append(task: int) -> None:
        for turn in itertools.count():
            name = f"{start}-{task}-{turn}"
            records = [NewRecord(f"{name}/{n}", name.encode()) for n in range(RECORDS_A_CALL)]
            await sidecar.appender.append(records, timeout_seconds=30)
            _say(f"appended {name}")

    async def transact(task: int) -> None:
        keys = [f"{task}/a", f"{task}/b"]
        for turn in itertools.count(1):
            read = await sidecar.state.read(keys)
            value = f"{start} {turn}".encode()
            await sidecar.state.transact([Put(key, value, read[key].etag if key in read else None) for key in keys])
            _say(f"written {task} {start} {turn}")

    await asyncio.gather(*(append(task) for task in range(4)), *(transact(task) for task in range(2)))


def race(folder: Path) -> None:
    """As a tool: read the document that a line names, wait for a line, write it, and print whether that was allowed."""
    asyncio.run(_race(folder))


async def _race(folder: Path) -> None:
    tool = EmbeddedTool.open(folder)
    for line in sys.stdin:
        key = line.strip()
        read = await tool.state.read([key])
        _say("ready")
        value = sys.stdin.readline().strip().encode()
        try:
            await tool.state.transact([Put(key, value, read[key].etag if key in read else None)])
        except StateConflict:
            _say("lost")
        else:
            _say("won")
    await tool.close()


def write_large(folder: Path) -> None:
    """As a tool: write many documents at once, for ever; print how often that was confirmed."""
    asyncio.run(_write_large(folder))


async def _write_large(folder: Path) -> None:
    tool = EmbeddedTool.open(folder)
    for turn in itertools.count(1):
        read = await tool.state.read(LARGE_KEYS)
        value = f"{turn:<{LARGE_BYTES}}".encode()
        await tool.state.transact([Put(key, value, read[key].etag if key in read else None) for key in LARGE_KEYS])
        # What there is to read does not go away while others append.
        seen = sum(bounds.end - bounds.start for bounds in (await tool.log_reader.bounds()).values())
        _say(f"{turn} {seen}")


if __name__ == "__main__":
    roles = {role.__name__: role for role in (hold_folder, hold_write_lock, append_for_ever, race, write_large)}
    roles[sys.argv[1]](Path(sys.argv[2]))
