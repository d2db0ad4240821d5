"""The run of a replay: alone, ended at any moment, killed, gone on with, and refused where it can't be right."""

import logging
import signal
import socket
import time
from collections.abc import Iterator
from random import Random
from typing import Final

import pytest

from deploy.stack import tree
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.stack import Stack
from projector.fold import FOLD_VERSION
from tests.deadlines import eventually
from tests.real.replaying import (
    NEXT_FOLD,
    SLOWLY,
    Run,
    build_held,
    building,
    built,
    check_all_accounts,
    check_equal,
    generations,
    learnflow,
    operated,
    serving,
)
from tests.real.surroundings import copy_documents, delete_records, log_ends, wipe
from tests.real.traffic import Ledger

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

GONE_SECONDS: Final = 3.0
"""For processes to notice that whoever started them is gone."""
INTERRUPTED: Final = 130
HISTORY: Final = 45_000
"""More than twice as much as a replay builds without workers."""
SEEDS: Final = (1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long))


@pytest.fixture(scope="module")
def stack(infrastructure: Infrastructure) -> Iterator[Stack]:
    """A projector that has folded a history; each test leaves one generation, which serves."""
    wipe(infrastructure)
    with operated(infrastructure, Ledger(), "alone", events=HISTORY, apis=False, projectors=1) as stack:
        yield stack


def test_only_one_at_a_time_and_ctrl_c_ends_it_at_once(stack: Stack) -> None:
    active = serving(stack)
    with Run(stack, "replay", *SLOWLY) as first:
        first.wait_for("building")
        number = building(stack)
        with build_held(stack.infrastructure, number):
            eventually(lambda: len(first.workers) == 2)
            for command in (["replay"], ["replay", "--resume"], ["generations", "prune", str(number)]):
                with Run(stack, *command) as second:
                    refusal = second.refused()
                assert f"generation {number} is being built by process {first.pid} on {socket.gethostname()}" in refusal
            assert first.running
            told = generations(stack)[number]
            assert (told["state"], told["fold"]) == ("building", FOLD_VERSION)
            assert f"process {first.pid} on {socket.gethostname()}" in told["note"]
            everyone, began = first.started, time.monotonic()
            assert everyone
            first.signal_all(signal.SIGINT)
            assert first.ended(GONE_SECONDS) == INTERRUPTED
            logger.info("ended %.2f s after Ctrl-C", time.monotonic() - began)
            assert tree.wait_gone(everyone, GONE_SECONDS) == []
    assert "--resume" in first.lines[-1]
    assert "Traceback" not in first.errors
    assert (serving(stack), generations(stack)[number]["state"]) == (active, "unfinished")
    with Run(stack, "replay") as another:
        assert "learnflow replay --resume" in another.refused()
    _give_up(stack, number)


def test_workers_end_with_the_parent_and_go_on_under_the_same_fold_only(stack: Stack) -> None:
    active = serving(stack)
    with Run(stack, "replay", *SLOWLY) as run:
        run.wait_for("building")
        number = building(stack)
        with build_held(stack.infrastructure, number):
            eventually(lambda: len(run.workers) == 2)
            everyone = run.started
            run.signal_itself(signal.SIGKILL)
            assert run.ended() == -signal.SIGKILL
            assert tree.wait_gone(everyone, GONE_SECONDS) == []
    before = _rows(stack)
    with Run(stack, "replay", "--resume", program=NEXT_FOLD) as other:
        refusal = other.refused()
    assert f"generation {number} belongs to fold version {FOLD_VERSION}" in refusal
    assert f"folds version {int(FOLD_VERSION) + 1}" in refusal
    assert _rows(stack) == before
    learnflow(stack, "replay", "--resume")
    assert serving(stack) == number
    check_equal(stack.infrastructure, active, number)
    check_all_accounts(stack)
    learnflow(stack, "generations", "prune", str(active))


def test_nothing_to_go_on_with_and_a_dry_run_write_nothing(stack: Stack) -> None:
    before = _rows(stack)
    said = learnflow(stack, "replay", "--dry-run")
    assert "Nothing was done." in said
    assert f"{sum(log_ends(stack.infrastructure).values()):,} positions" in said
    with Run(stack, "replay", "--resume") as run:
        assert "no replay was left unfinished" in run.refused()
    assert _rows(stack) == before


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_random_moments_and_gone_on_with(stack: Stack, seed: int) -> None:
    """A worker, then all of it, while it builds; then all of it at any moment, if it is still under way."""
    chance, infrastructure = Random(seed), stack.infrastructure
    active, size = serving(stack), sum(log_ends(infrastructure).values())
    # So much is left each time that workers have to build it.
    first, second = sorted(int(chance.uniform(0.02, 0.5) * size) for _ in range(2))
    with Run(stack, "replay", *SLOWLY) as run:
        run.wait_for("building")
        number = building(stack)
        eventually(lambda: built(infrastructure, number) >= first and len(run.workers) == 2, seconds=60)
        tree.send([chance.choice(run.workers)], signal.SIGKILL)
        said = run.refused()
        assert f"a worker process ended with status {-signal.SIGKILL}" in said
        assert "--resume" in said
    with Run(stack, "replay", "--resume", *SLOWLY) as run:
        run.wait_for("building")
        eventually(lambda: built(infrastructure, number) >= second and len(run.workers) == 2, seconds=60)
        everyone = run.started
        run.signal_all(signal.SIGKILL)
        assert run.ended() == -signal.SIGKILL
        assert tree.wait_gone(everyone, GONE_SECONDS) == []
    reached = built(infrastructure, number)
    assert second <= reached < size
    with Run(stack, "replay", "--resume", *SLOWLY) as run:
        run.wait_for("building")
        time.sleep(chance.uniform(0, 5))
        if run.running:
            run.signal_all(signal.SIGKILL)
        logger.info("seed %s: killed at %s of %s, then after %r: %s", seed, reached, size, run.lines[-1], run.ended())
    if serving(stack) == active:
        learnflow(stack, "replay", "--resume")
    assert serving(stack) == number
    check_equal(infrastructure, active, number)
    check_all_accounts(stack)
    learnflow(stack, "generations", "prune", str(active))


def test_a_log_that_has_lost_its_beginning(stack: Stack) -> None:
    """The last of all: the log is of no use afterwards."""
    infrastructure = stack.infrastructure
    partition = max(ends := log_ends(infrastructure), key=lambda number: ends[number])
    delete_records(infrastructure, partition, 3)
    before = _rows(stack)
    for options in ([], ["--dry-run"]):
        with Run(stack, "replay", *options) as run:
            refusal = run.refused()
        assert f"partition {partition} of the log begins at offset 3" in refusal
        assert "its beginning is gone" in refusal
        assert "Traceback" not in run.errors
    assert _rows(stack) == before


def _give_up(stack: Stack, number: int) -> None:
    learnflow(stack, "generations", "prune", str(number))
    assert number not in generations(stack)


def _rows(stack: Stack) -> list[bytes]:
    return sorted(copy_documents(stack.infrastructure).splitlines())
