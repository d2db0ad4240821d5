"""Parked values on Dapr, Kafka and Postgres: parked by an older version, retried while a projector folds on."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final
from unittest.mock import patch

import pytest

from deploy.stack.daprd import DaprdOptions
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.service import PROJECTOR
from deploy.stack.stack import PARTITIONS, Stack
from events.contracts import LessonRequested
from events.envelope import decode
from events.upcasting import UpcasterChain
from learnflow.settings import Settings
from learnflow.sidecar import open_tool
from projector.engine import Engine
from tests.kafka import ForeignProducer, key_in
from tests.real.reporting import reporting
from tests.real.surroundings import TOPIC, check_accounts, documents, wait_until_folded, wipe
from tests.servers import learnflow

pytestmark = pytest.mark.process

LESSONS: Final = 40
"""Few enough that a status shows all of a learner."""
KIB_900: Final = 900 * 1024
GARBAGE: Final = (b"\x00\xff\xfe", b"{}", b"\x1b[2J", b"x" * KIB_900, b"y" * KIB_900)
older_decode: Final = partial(decode, upcasters=UpcasterChain({"LessonRequested": 1}, {}), contracts=(LessonRequested,))
"""As a version decodes that does not know progress yet."""


@pytest.fixture
def stack(infrastructure: Infrastructure) -> Iterator[Stack]:
    """One replica of each service and the sidecar of commands, over an empty log."""
    wipe(infrastructure)
    sidecars = DaprdOptions(app_id="", drain_seconds=0)
    with Stack(infrastructure, sidecars=sidecars, with_operator=True) as stack:
        yield stack


def parked(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return learnflow("parked", *arguments, env=stack.operator_variables)


def listed(stack: Stack, *arguments: str) -> Any:
    done = parked(stack, "list", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def fold_as_an_older_version() -> None:
    """Fold what the log has now, all progress being of a type that is not known."""
    async with open_tool(Settings()) as tool:
        engine = Engine(log=tool.log_reader, reader=tool.state_reader, writer=tool.state_writer)
        with patch("projector.items.decode", older_decode):
            await engine.establish()
            for partition in range(PARTITIONS):
                await engine.catch_up(partition)


@pytest.mark.timeout(600)
def test_what_an_older_version_parked_is_retried_beside_a_projector(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stack.operator_variables.items():
        monkeypatch.setenv(name, value)
    producer = ForeignProducer(stack.infrastructure.brokers, TOPIC)
    learners = [key_in(number % PARTITIONS, PARTITIONS) for number in range(3)]
    with reporting(stack) as reporter:
        stack[PROJECTOR].stop()
        for number in range(60):
            reporter.report(learners[number % 3], f"lesson-{number % LESSONS}")
        for number, garbage in enumerate(GARBAGE):
            asyncio.run(producer.append(number % 2, "mallory", garbage))
        asyncio.run(fold_as_an_older_version())
        early = len(reporter.accepted)
        assert check_accounts(stack.infrastructure)["parked"] == early + len(GARBAGE)
        found = listed(stack)
        assert sum(found["reasons"].values()) == len(found["parked"]) == early + len(GARBAGE)
        assert found["reasons"]["unknown-type"] == early
        since = [one["since_ms"] for one in found["parked"]]
        assert since == sorted(since)

        stack[PROJECTOR].start()
        with ThreadPoolExecutor(1) as beside:
            retrying = beside.submit(parked, stack, "retry", "--all")
            while not retrying.done():
                reporter.report(learners[len(reporter.accepted) % 3], f"lesson-{len(reporter.accepted) % LESSONS}")
            stopped = retrying.result()
        assert len(reporter.accepted) > early
        assert stopped.returncode == 1, stopped.stderr
        assert f"{early} applied" in stopped.stdout
        wait_until_folded(stack.infrastructure)
        counts = check_accounts(stack.infrastructure)
        assert counts == {
            "applied": len(reporter.accepted),
            "duplicate": 0,
            "parked": len(GARBAGE),
            "missing": 0,
        }
        reporter.check()

    kept = documents(stack.infrastructure)
    assert not [key for key in kept if key.startswith("g1/parked-event/")]
    left = listed(stack)["parked"]
    assert len(left) == len([key for key in kept if key.startswith("g1/parked/")]) == len(GARBAGE)
    largest = max(left, key=lambda one: int(one["size"]))
    shown = parked(stack, "show", largest["position"], "--json")
    assert json.loads(shown.stdout)["value_text"].encode() in GARBAGE
    dropped = parked(stack, "drop", *(one["position"] for one in left), "--reason", "noise", "--by", "olga")
    assert dropped.returncode == 0, dropped.stderr
    assert listed(stack)["parked"] == []
    assert {one["dropped"]["by"] for one in listed(stack, "--all")["parked"]} == {"olga"}
    assert parked(stack, "retry", "--all").returncode == 0
    assert check_accounts(stack.infrastructure) == counts
