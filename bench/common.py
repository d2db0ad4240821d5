"""What both measurements share: how figures are printed, reports are made, and what they are compared with."""

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.client import Connection
from events.contracts import ProgressUpdated
from events.envelope import EventMetadata, encode
from sidecar.records import NewRecord

ROOT = Path(__file__).parents[1]
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def row(name: str, figures: list[float], unit: str) -> None:
    """Print a figure: median, least and most."""
    print(f"{name:48} {statistics.median(figures):>9,.0f}{unit}   ({min(figures):,.0f} to {max(figures):,.0f})")


def ratio(ours: list[float], bare: list[float]) -> None:
    """Print the median of the ratios, run by run."""
    ratios = [one / other for one, other in zip(ours, bare, strict=True)]
    print(f"  ratio {statistics.median(ratios):.2f}\n")


def percentiles(name: str, seconds: list[float]) -> None:
    """Print the median and the 99th percentile, in milliseconds."""
    ordered = sorted(seconds)
    middle, late = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    print(f"{name:48} p50 {middle * 1e3:.1f} ms   p99 {late * 1e3:.1f} ms\n")


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


def recorded(number: int, learners: int) -> NewRecord:
    """The n-th report as a record."""
    learner_id = f"learner-{number * 7919 % learners}"
    data = ProgressUpdated(
        learner_id=learner_id, lesson_id=f"lesson-{number % 20}", completion_ppm=500_000, score_ppm=number % 1_000_000
    )
    metadata = EventMetadata(f"event-{number}", "/bench", MOMENT, TRACE, f"event-{number}")
    return NewRecord(learner_id, encode(metadata, data))
