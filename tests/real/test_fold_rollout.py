"""Another fold comes to production, and goes back, as DESIGN 6 has it: under traffic, and nobody notices."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pytest

from deploy.stack.infrastructure import Infrastructure
from deploy.stack.service import PROJECTOR
from deploy.stack.stack import PARTITIONS, Stack
from projector.fold import FOLD_VERSION
from tests.deadlines import eventually
from tests.real.outage_figures import check_exact
from tests.real.outage_locks import wait_until_shared
from tests.real.replaying import (
    APIS,
    NEXT_FOLD,
    CommitWatch,
    Run,
    check_all_accounts,
    check_equal,
    check_fresh,
    check_never_refused,
    generations,
    learnflow,
    operated,
    options_offered,
    projectors_of,
    serving,
)
from tests.real.surroundings import accounts, waiting_for
from tests.real.traffic import GENERATE, Command, Ledger, Traffic

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.process, pytest.mark.timeout(600), pytest.mark.long]

NEXT_PROJECTOR: Final = (*NEXT_FOLD, "projector")
REFUSED_SECONDS: Final = 30.0
RELIEVED_SECONDS: Final = 90.0
LOOK_SECONDS: Final = 0.1


def test_a_changed_fold_is_rolled_out_and_back(clean: Infrastructure) -> None:
    ledger = Ledger()
    with operated(clean, ledger, "rollout", projectors=2) as stack, CommitWatch(clean) as watch:
        old = projectors_of(stack)
        with _traffic(stack, ledger, "rollout") as traffic:
            # 1. It is built beside, and what differs is shown before it may serve.
            with Run(stack, "replay", program=NEXT_FOLD) as run:
                said = run.refused()
            assert "documents differ: generation 2 does not take over" in said
            options = options_offered(run)
            logger.info("%s", options)
            accepted = [option for option in options if not option.startswith("-")][1:]
            assert accepted
            assert all("time_spent_ms" in pattern for pattern in accepted)
            assert {"learner", "partition"} <= {pattern.partition(":")[0] for pattern in accepted}
            assert serving(stack) == 1
            check_fresh(stack, traffic.accepted[-1])
            # 2. It switches, and goes on folding in the place of projectors that can't.
            with Run(stack, *options, program=NEXT_FOLD) as run:
                run.wait_for("following")
                assert serving(stack) == 2
                _roll(stack, run, traffic, to=NEXT_PROJECTOR)
                assert run.succeeded(RELIEVED_SECONDS)
            check_fresh(stack, traffic.accepted[-1])
            traffic.run_for(1)
        check_never_refused(traffic)
        assert not any(replica.app.running for replica in old)
        logger.info("%s", check_exact(stack, [_in_whole_seconds(command) for command in ledger.accepted]))
        check_all_accounts(stack)

        # And back, by the program of before.
        with _traffic(stack, ledger, "rollback") as traffic:
            traffic.run_for(1)
            with Run(stack, "generations", "activate", "1") as run:
                run.wait_for("following")
                assert serving(stack) == 1
                _roll(stack, run, traffic, to=None)
                assert run.succeeded(RELIEVED_SECONDS)
            check_fresh(stack, traffic.accepted[-1])
        check_never_refused(traffic)
        logger.info("%s", check_exact(stack, ledger.accepted))
        check_all_accounts(stack)
        folds = {1: FOLD_VERSION, 2: str(int(FOLD_VERSION) + 1)}
        assert {number: one["fold"] for number, one in generations(stack).items()} == folds
        learnflow(stack, "replay")
        check_equal(clean, 1, 3)
    assert watch.served == [1, 2, 1, 3]


def _traffic(stack: Stack, ledger: Ledger, name: str) -> Traffic:
    return Traffic(stack, ledger, name, watched=APIS, look_seconds=LOOK_SECONDS, more_questions=True)


def _roll(stack: Stack, run: Run, traffic: Traffic, *, to: Sequence[str] | None) -> None:
    """Replace the projectors that run one by one, while a replay that has switched follows the log."""
    active, before = serving(stack), [replica for replica in projectors_of(stack) if replica.app.running]
    other = next(number for number in accounts_of_all(stack) if number != active)
    assert len(before) == 2
    for replica in before:
        eventually(lambda one=replica: "fold version" in waiting_for(one).get("projector", ""), seconds=REFUSED_SECONDS)  # type: ignore[misc]
    still = accounts(stack.infrastructure, other)
    began = time.monotonic()
    traffic.run_for(1)
    # Those of the fold before write nothing any more; whoever asks sees what he did at once nevertheless.
    check_fresh(stack, traffic.accepted[-1])
    assert accounts(stack.infrastructure, other) == still
    assert run.running
    for replica in before:
        replica.stop()
        assert run.running
        check_fresh(stack, traffic.accepted[-1])
        stack.replica(PROJECTOR, program=to).start()
        wait_until_shared(stack.infrastructure, 2, PARTITIONS)
        check_fresh(stack, traffic.accepted[-1])
    logger.info("rolled within %.1f s: %s", time.monotonic() - began, run.lines)


def accounts_of_all(stack: Stack) -> list[int]:
    """The numbers of all generations."""
    return sorted(generations(stack))


def _in_whole_seconds(command: Command) -> Command:
    """The command as the next fold counts it."""
    if command.path == GENERATE:
        return command
    return replace(command, body={**command.body, "time_spent_seconds": int(command.body["time_spent_seconds"])})
