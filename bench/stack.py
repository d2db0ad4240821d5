"""The real stack: POSTs per second, POST to visible, events folded per second from a log that is ahead.

Each is printed with the ratio to a baseline run right beside it, as these machines are noisy. See `bench/README.md`.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from confluent_kafka import Consumer, KafkaError

from bench.client import load
from bench.common import null_service, percentiles, ratio, recorded, report, row, visible
from deploy.stack.daprd import DaprdOptions
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.service import PROJECTOR, USER_PROGRESS
from deploy.stack.stack import Stack
from events.envelope import decode
from sidecar.dapr import DaprConfig, DaprSidecar

AT_ONCE = 200
TOPIC = DaprConfig().topic


def main() -> None:
    """Run all measurements and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8, help="of load for each throughput figure")
    parser.add_argument("--runs", type=int, default=3, help="pairs of runs; medians are printed")
    parser.add_argument("--events", type=int, default=50_000, help="to fold")
    parser.add_argument("--learners", type=int, default=1000, help="among whom they are spread")
    parser.add_argument("--linger-ms", type=float, default=0, help="LEARNFLOW_PUBLISH_LINGER_SECONDS, in milliseconds")
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, medians of {given.runs} runs\n")
    linger = {"LEARNFLOW_PUBLISH_LINGER_SECONDS": str(given.linger_ms / 1000)}
    ours, bare = [], []
    with running(services=[PROJECTOR, USER_PROGRESS], environment=linger) as stack:
        for _ in range(given.runs):
            with null_service() as url:
                bare.append(asyncio.run(load(url, "/update-progress", report, clients=64, seconds=given.seconds)))
            ours.append(
                asyncio.run(load(stack.user_progress, "/update-progress", report, clients=64, seconds=given.seconds))
            )
            caught_up(stack)
        row("POST /update-progress, 64 clients", ours, "/s")
        row("  the same, checked and answered, not recorded", bare, "/s")
        ratio(ours, bare)
        percentiles("POST to visible, one at a time", asyncio.run(visible(stack.user_progress, 400)))
    folds, reads, appends = [], [], []
    for _ in range(given.runs):
        with running(services=[USER_PROGRESS]) as stack:
            appends.append(given.events / asyncio.run(fill(stack, given.events, given.learners)))
            reads.append(given.events / read(stack, given.events))
            folds.append(fold(stack, given.events))
    row(f"append {given.events:,} events, {AT_ONCE} at once", appends, " events/s")
    row(f"fold {given.events:,} events of {given.learners:,} learners", folds, " events/s")
    row("  read and decode the same, librdkafka", reads, " events/s")
    ratio(folds, reads)


@contextmanager
def running(*, services: list[str], environment: dict[str, str] | None = None) -> Iterator[Stack]:
    """These services over an infrastructure of their own; nothing is ready yet where the projector is left out."""
    options = DaprdOptions(app_id="", drain_seconds=0, log_level="warn")
    with Infrastructure() as infrastructure:
        planned = Stack(infrastructure, services=(), environment=environment, sidecars=options)
        with planned as stack:
            for service in services:
                replica = stack.replica(service)
                replica.launch()
                if PROJECTOR in services:
                    replica.wait_ready()
            yield stack


async def fill(stack: Stack, events: int, learners: int) -> float:
    """Append so many reports through the sidecar of a service; the seconds it took."""
    port = stack[USER_PROGRESS].daprd.grpc_port
    dapr = DaprSidecar(DaprConfig(grpc_endpoint=f"127.0.0.1:{port}"))
    began = time.perf_counter()
    for first in range(0, events, AT_ONCE):
        records = [recorded(number, learners) for number in range(first, min(first + AT_ONCE, events))]
        await dapr.appender.append(records, timeout_seconds=30)
    took = time.perf_counter() - began
    await dapr.close()
    return took


def read(stack: Stack, events: int) -> float:
    """Seconds to read and decode what the log holds, with nothing in between."""
    consumer = Consumer(
        {
            "bootstrap.servers": stack.infrastructure.brokers,
            "group.id": f"bench-{time.monotonic_ns()}",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    consumer.subscribe([TOPIC])
    seen, began = 0, 0.0
    while seen < events:
        for message in consumer.consume(500, 1.0):
            error = message.error()
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - a public constant
                    raise RuntimeError(error.str())
                continue
            began = began or time.perf_counter()
            decode(message.value() or b"")
            seen += 1
    consumer.close()
    return time.perf_counter() - began


def fold(stack: Stack, events: int) -> float:
    """Events per second of a projector that finds the whole log before it, from its first batch to its last."""
    stack.replica(PROJECTOR).launch()
    first, began = 0, 0.0
    while True:
        count = folded(stack)
        if count and not began:
            first, began = count, time.perf_counter()
        if count == events:
            return (events - first) / (time.perf_counter() - began)
        time.sleep(0.05)


def caught_up(stack: Stack) -> None:
    """Wait until nothing more is folded for a second."""
    before = -1
    while before != (before := folded(stack)):
        time.sleep(1)


def folded(stack: Stack) -> int:
    """How many events the projections hold; 0 also while nobody answers yet."""
    try:
        answer = httpx2.get(f"{stack.user_progress}/status", trust_env=False)
    except httpx2.TransportError:
        return 0
    return int(answer.json()["events"]) if answer.is_success else 0


if __name__ == "__main__":
    main()
