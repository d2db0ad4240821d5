"""Projectors that are killed, hang, are replaced, or are several: the figures stay exact."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from deploy.stack import http_probe
from deploy.stack.concurrently import concurrently
from deploy.stack.daprd import RESOURCES, DaprdOptions
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.server import Server
from deploy.stack.service import COURSE_AGENT, PROJECTOR, USER_PROGRESS, Replica
from deploy.stack.stack import PARTITIONS, Stack
from tests.deadlines import eventually
from tests.real.outage_figures import check_exact
from tests.real.outage_locks import GROUP, folded, learners_locked, shares, wait_until_shared, wait_until_some_wait
from tests.real.surroundings import log_ends, wait_until_folded, wait_until_ready
from tests.real.traffic import Ledger, Traffic

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

APIS: Final = (COURSE_AGENT, USER_PROGRESS)
KILLS: Final = 3
HOLDS: Final = 4
BACKLOG: Final = 1500
TAKEN_OVER_SECONDS: Final = 45.0
STOPPED_SECONDS: Final = 60.0


PARTS: Final[dict[str, Callable[[Replica], Server]]] = {
    "app": lambda replica: replica.app,
    "daprd": lambda replica: replica.daprd,
}


def test_killed_in_the_middle_of_a_transaction(stack: Stack) -> None:
    ledger, infrastructure, projector = Ledger(), stack.infrastructure, stack[PROJECTOR]
    with Traffic(stack, ledger, "transaction", watched=APIS) as traffic:
        traffic.run_for(2)
        for name, part in PARTS.items():
            wait_until_folded(infrastructure)
            victim = part(projector)
            with learners_locked(infrastructure):
                wait_until_some_wait(infrastructure, 1)
                victim.kill()
            traffic.run_for(1)
            before = folded(infrastructure)
            traffic.run_for(1)
            assert folded(infrastructure) == before
            victim.start()
            logger.info("%s killed at %s, %s now", name, before, sum(log_ends(infrastructure).values()))
            wait_until_ready(projector)
            wait_until_folded(infrastructure)
    logger.info("%s", check_exact(stack, ledger.accepted))


@pytest.mark.long
def test_killed_again_and_again_while_it_catches_up(stack: Stack) -> None:
    ledger, infrastructure, projector = Ledger(), stack.infrastructure, stack[PROJECTOR]
    projector.app.kill()
    with Traffic(stack, ledger, "backlog", writers=16, pause=0, watched=APIS) as traffic:
        eventually(lambda: len(traffic.accepted) >= BACKLOG, seconds=60)
    for _ in range(KILLS):
        before = folded(infrastructure)
        projector.app.launch()
        eventually(lambda start=before: folded(infrastructure) > start)  # type: ignore[misc]
        projector.app.kill()
        after = folded(infrastructure)
        logger.info("killed between %s and %s of %s", before, after, sum(log_ends(infrastructure).values()))
    projector.app.start()
    logger.info("%s", check_exact(stack, ledger.accepted))


def test_two_from_the_first_event_on_and_a_rolling_replacement(clean: Infrastructure) -> None:
    with _apis(clean) as stack, Traffic(stack, ledger := Ledger(), "two", watched=APIS) as traffic:
        eventually(lambda: len(traffic.accepted) > 0)
        first, second = _two_projectors(stack)
        traffic.run_for(2)
        first.stop()
        wait_until_shared(clean, 1, PARTITIONS)
        wait_until_folded(clean)
        traffic.run_for(1)
        first.start()
        wait_until_shared(clean, 2, PARTITIONS)
        second.stop()
        wait_until_folded(clean)
        traffic.run_for(1)
        traffic.stop()
        logger.info("%s", check_exact(stack, ledger.accepted))


def test_two_that_are_both_given_every_event_from_the_first_on(clean: Infrastructure, tmp_path: Path) -> None:
    # As when a partition is taken over all the time by somebody else, and nobody stops.
    for file in RESOURCES[0].iterdir():
        text = file.read_text(encoding="utf-8").replace(f"value: {GROUP}\n", "value: rivals\n")
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    assert "value: rivals\n" in (tmp_path / "events.yaml").read_text(encoding="utf-8")
    options = DaprdOptions(app_id="", drain_seconds=0, resources=(tmp_path, *RESOURCES[1:]))
    with (
        _apis(clean) as stack,
        Stack(clean, services=(), sidecars=options) as rivals,
        Traffic(stack, ledger := Ledger(), "rivals", writers=16, pause=0.01, watched=APIS) as traffic,
    ):
        projectors = [stack.replica(PROJECTOR), rivals.replica(PROJECTOR)]
        concurrently([projector.start for projector in projectors])
        for group in (GROUP, "rivals"):
            wait_until_shared(clean, 1, PARTITIONS, group=group)
        for _ in range(HOLDS):
            # Each keeps the other from its goal, and a busy machine both of them.
            wait_until_folded(clean, seconds=180)
            with learners_locked(clean):
                # Both have read the same documents, and hold batches over them that were cut differently.
                wait_until_some_wait(clean, 2)
                traffic.run_for(0.5)
            traffic.run_for(0.5)
        traffic.stop()
        logger.info("%s", check_exact(stack, ledger.accepted))
        for projector in projectors:
            wait_until_ready(projector)


@pytest.mark.long
@pytest.mark.parametrize("hanging", [("app", "daprd"), ("app",)], ids=["app-and-daprd", "app"])
def test_one_of_two_hangs_in_a_transaction_for_a_minute_and_goes_on(
    clean: Infrastructure, hanging: Sequence[str]
) -> None:
    with _apis(clean) as stack, Traffic(stack, ledger := Ledger(), "hang", watched=APIS) as traffic:
        first, second = _two_projectors(stack)
        traffic.run_for(2)
        wait_until_folded(clean)
        with learners_locked(clean):
            wait_until_some_wait(clean, 2)
            for name in hanging:
                PARTS[name](first).pause()
        began = time.monotonic()
        try:
            # All partitions get events that only the other can fold.
            traffic.run_for(3)
            wait_until_folded(clean, seconds=TAKEN_OVER_SECONDS)
            logger.info("taken over within %.1f s: %s", time.monotonic() - began, shares(clean))
            traffic.run_for(max(0, began + STOPPED_SECONDS - time.monotonic()))
            logger.info("at the end of the minute: %s", shares(clean))
        finally:
            for name in hanging:
                PARTS[name](first).resume()
        resumed = time.monotonic()
        for replica in (first, second):
            wait_until_ready(replica)
        wait_until_shared(clean, 2, PARTITIONS)
        logger.info("shared again %.1f s after it went on: %s", time.monotonic() - resumed, shares(clean))
        traffic.run_for(2)
        traffic.stop()
        logger.info("%s", check_exact(stack, ledger.accepted))


@contextmanager
def _apis(infrastructure: Infrastructure) -> Iterator[Stack]:
    """A stack that takes commands, and has no projector yet."""
    with Stack(infrastructure, services=()) as stack:
        replicas = [stack.replica(service) for service in APIS]
        for replica in replicas:
            replica.launch()
        for replica in replicas:
            eventually(lambda port=replica.app.port: http_probe.status(port, "/healthz") == 200)  # type: ignore[misc]
        yield stack


def _two_projectors(stack: Stack) -> tuple[Replica, Replica]:
    """Two projectors that were started at the same moment, each of which has partitions."""
    first, second = stack.replica(PROJECTOR), stack.replica(PROJECTOR)
    concurrently([first.start, second.start])
    wait_until_shared(stack.infrastructure, 2, PARTITIONS)
    logger.info("partitions: %s", shares(stack.infrastructure))
    return first, second
