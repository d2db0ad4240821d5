"""The embedded default: POSTs per second, POST to visible, folded events per second.

Each is printed with the ratio to a baseline run right beside it, as these machines are noisy. See `bench/README.md`.
"""

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

from bench.client import Connection, load
from events.contracts import ProgressUpdated
from events.envelope import EventMetadata, decode, encode
from projector.engine import Engine
from sidecar.delivery import BatchHandler, Verdict
from sidecar.embedded import EmbeddedSidecar
from sidecar.records import LogRecord, NewRecord

ROOT = Path(__file__).parents[1]
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def main() -> None:
    """Run all measurements and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8, help="of load for each throughput figure")
    parser.add_argument("--runs", type=int, default=3, help="pairs of runs; medians are printed")
    parser.add_argument("--events", type=int, default=50_000, help="to fold")
    parser.add_argument("--learners", type=int, default=1000, help="among whom they are spread")
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, medians of {given.runs} runs\n")
    ours, bare = [], []
    for _ in range(given.runs):
        with null_service() as url:
            bare.append(asyncio.run(load(url, "/update-progress", report, clients=64, seconds=given.seconds)))
        with service() as url:
            ours.append(asyncio.run(load(url, "/update-progress", report, clients=64, seconds=given.seconds)))
    row("POST /update-progress, 64 clients", ours, "/s")
    row("  the same, checked and answered, not recorded", bare, "/s")
    ratio(ours, bare)
    with service() as url:
        waits = sorted(asyncio.run(visible(url, 400)))
    print(f"POST to visible, one at a time      p50 {waits[200] * 1e3:.1f} ms   p99 {waits[396] * 1e3:.1f} ms\n")
    folds = [asyncio.run(fold(given.events, given.learners)) for _ in range(given.runs)]
    row(f"fold {given.events:,} events of {given.learners:,} learners", [one[0] for one in folds], " events/s")
    row("  deliver and decode the same, no fold", [one[1] for one in folds], " events/s")
    ratio([one[0] for one in folds], [one[1] for one in folds])


def row(name: str, figures: list[float], unit: str) -> None:
    """Print a figure: median, least and most."""
    print(f"{name:48} {statistics.median(figures):>9,.0f}{unit}   ({min(figures):,.0f} to {max(figures):,.0f})")


def ratio(ours: list[float], bare: list[float]) -> None:
    """Print the median of the ratios, run by run."""
    ratios = [one / other for one, other in zip(ours, bare, strict=True)]
    print(f"  ratio {statistics.median(ratios):.2f}\n")


def report(number: int) -> dict[str, Any]:
    """The body of the n-th report."""
    return {
        "learner_id": f"learner-{number % 1000}",
        "lesson_id": f"lesson-{number % 20}",
        "completion": 0.5,
        "score": 0.8,
        "time_spent_seconds": 60,
    }


@contextmanager
def service() -> Iterator[str]:
    """The embedded default as a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).parent / "learnflow"), "up", "--port", "0", "--data-dir", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                yield cast("IO[str]", process.stdout).readline().split("on ", 1)[1].split()[0]
            finally:
                process.terminate()


@contextmanager
def null_service() -> Iterator[str]:
    """The service that records nothing, as a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, "-m", "bench.null_service", str(port)], cwd=ROOT) as process:
        try:
            deadline = time.monotonic() + 20
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if time.monotonic() > deadline:
                    raise TimeoutError("the service that records nothing did not start")
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def visible(url: str, count: int) -> list[float]:
    """Seconds from sending a POST to having an answer that includes it."""
    connection = await Connection.open(url)
    found = []
    for number in range(count):
        begin = time.perf_counter()
        accepted = await connection.request("POST", "/update-progress", report(number))
        headers = {"Consistency-Token": accepted.headers["consistency-token"], "Prefer": "wait=10"}
        status = await connection.request("GET", f"/status?learner_id=learner-{number % 1000}", headers=headers)
        found.append(time.perf_counter() - begin)
        if status.headers["consistency-status"] != "included":
            raise RuntimeError(f"not visible within ten seconds: {status}")
    connection.close()
    return found


async def fold(events: int, learners: int) -> tuple[float, float]:
    """Events per second from the log into the documents, and only delivered and decoded."""
    async with filled(events, learners) as sidecar:
        engine = Engine(log=sidecar.log_reader, reader=sidecar.state, writer=sidecar.state)
        await engine.establish()
        folded = await drain(sidecar, engine.handle, events)
    async with filled(events, learners) as sidecar:

        async def only_decode(batch: Sequence[LogRecord]) -> Verdict:
            for record in batch:
                decode(record.value)
            return Verdict.SETTLED

        decoded = await drain(sidecar, only_decode, events)
    return events / folded, events / decoded


@asynccontextmanager
async def filled(events: int, learners: int) -> AsyncIterator[EmbeddedSidecar]:
    """A log that holds so many reports."""
    with tempfile.TemporaryDirectory() as folder:
        sidecar = EmbeddedSidecar.open(Path(folder))
        try:
            for first in range(0, events, 500):
                records = [recorded(number, learners) for number in range(first, min(first + 500, events))]
                await sidecar.appender.append(records, timeout_seconds=30)
            yield sidecar
        finally:
            await sidecar.close()


def recorded(number: int, learners: int) -> NewRecord:
    """The n-th report as a record."""
    learner_id = f"learner-{number * 7919 % learners}"
    data = ProgressUpdated(
        learner_id=learner_id, lesson_id=f"lesson-{number % 20}", completion_ppm=500_000, score_ppm=number % 1_000_000
    )
    metadata = EventMetadata(f"event-{number}", "/bench", MOMENT, TRACE, f"event-{number}")
    return NewRecord(learner_id, encode(metadata, data))


async def drain(sidecar: EmbeddedSidecar, handler: BatchHandler, events: int) -> float:
    """Seconds until a handler has been given everything."""
    done = asyncio.Event()
    seen = 0

    async def counted(batch: Sequence[LogRecord]) -> Verdict:
        nonlocal seen
        verdict = await handler(batch)
        seen += len(batch) if verdict is Verdict.SETTLED else 0
        if seen >= events:
            done.set()
        return verdict

    begin = time.perf_counter()
    await sidecar.delivery.start(counted)
    await done.wait()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
