"""The embedded default: POSTs per second, POST to visible, folded events per second.

Each is printed with the ratio to a baseline run right beside it, as these machines are noisy. See `bench/README.md`.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, cast

from bench.client import load
from bench.common import null_service, percentiles, ratio, recorded, report, row, visible
from events.envelope import decode
from projector.engine import Engine
from sidecar.delivery import BatchHandler, Verdict
from sidecar.embedded import EmbeddedSidecar
from sidecar.records import LogRecord


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
        percentiles("POST to visible, one at a time", asyncio.run(visible(url, 400)))
    folds = [asyncio.run(fold(given.events, given.learners)) for _ in range(given.runs)]
    row(f"fold {given.events:,} events of {given.learners:,} learners", [one[0] for one in folds], " events/s")
    row("  deliver and decode the same, no fold", [one[1] for one in folds], " events/s")
    ratio([one[0] for one in folds], [one[1] for one in folds])


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
