"""What a replay needs is away for a while: it waits, says for what, and goes on by itself."""

import logging
import time
from collections.abc import Iterator
from typing import Final

import pytest

from deploy.stack.infrastructure import Infrastructure
from deploy.stack.server import Server
from deploy.stack.stack import Stack
from tests.deadlines import eventually
from tests.real.replaying import SLOWLY, Run, built, check_all_accounts, check_equal, learnflow, operated, serving
from tests.real.surroundings import log_ends, wait_until_folded, wipe
from tests.real.traffic import Ledger

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.process, pytest.mark.timeout(600), pytest.mark.long]

OUTAGE_SECONDS: Final = 10.0
NOTICED_SECONDS: Final = 30.0
"""A question to the log that nobody answers is given up no later than that."""
HISTORY: Final = 45_000
WAITS: Final = {"postgres": "state store unavailable", "kafka": "log unavailable", "sidecar": "state store unavailable"}
"""What it says that it waits for."""


@pytest.fixture(scope="module")
def stack(infrastructure: Infrastructure) -> Iterator[Stack]:
    """A projector that has folded a long history; each test leaves one generation, which serves."""
    wipe(infrastructure)
    with operated(infrastructure, Ledger(), "outage", events=HISTORY, apis=False, projectors=1) as stack:
        yield stack


def _server(stack: Stack, name: str) -> Server:
    assert stack.operator is not None
    return {"postgres": stack.infrastructure.postgres, "kafka": stack.infrastructure.kafka, "sidecar": stack.operator}[
        name
    ]


def test_each_is_away_while_it_builds(stack: Stack) -> None:
    infrastructure, active = stack.infrastructure, serving(stack)
    number, size = active + 1, sum(log_ends(infrastructure).values())
    with Run(stack, "replay", *SLOWLY) as run:
        run.wait_for("building")
        for name, text in WAITS.items():
            before = built(infrastructure, number)
            eventually(lambda least=before: built(infrastructure, number) > least)  # type: ignore[misc]
            lines = _away(run, _server(stack, name), text)
            logger.info("%s: %s", name, run.lines[lines:])
            assert not any(line.startswith("comparing") for line in run.lines)
        assert built(infrastructure, number) < size
        said = run.succeeded(300)
        assert "Traceback" not in run.errors
    logger.info("%s\n%s", run.errors, said)
    _check_taken_over(stack, active, number)


@pytest.mark.parametrize("name", WAITS)
def test_it_is_away_while_it_compares(stack: Stack, name: str) -> None:
    active = serving(stack)
    number = active + 1
    with Run(stack, "replay", halt_at="comparing") as run:
        run.wait_until_halted()
        server = _server(stack, name)
        server.stop()
        run.go_on()
        run.wait_for(f"waiting: {WAITS[name]}", seconds=NOTICED_SECONDS)
        server.start()
        run.succeeded(300)
        assert "going on" in run.lines
        assert "Traceback" not in run.errors
    logger.info("%s", run.errors)
    _check_taken_over(stack, active, number)


def _away(run: Run, server: Server, text: str) -> int:
    """Take a server away for a while; returns how many lines there were before."""
    before, began = len(run.lines), time.monotonic()
    server.stop()
    time.sleep(max(0.0, began + OUTAGE_SECONDS - time.monotonic()))
    server.start()
    waiting = run.wait_for(f"waiting: {text}", after=before, seconds=NOTICED_SECONDS)
    run.wait_for("going on", after=waiting, seconds=NOTICED_SECONDS)
    assert run.running
    return before


def _check_taken_over(stack: Stack, active: int, number: int) -> None:
    assert serving(stack) == number
    wait_until_folded(stack.infrastructure)
    logger.info("%s documents", check_equal(stack.infrastructure, active, number))
    check_all_accounts(stack)
    learnflow(stack, "generations", "prune", str(active))
