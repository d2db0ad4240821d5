"""Replays while clients go on: building, switching, going back and throwing away, and nobody notices."""

import json
import logging
import time
from typing import Final

import pytest

from deploy.stack.infrastructure import Infrastructure
from tests.real.outage_figures import check_exact
from tests.real.replaying import (
    APIS,
    CommitWatch,
    check_all_accounts,
    check_equal,
    check_fresh,
    check_never_refused,
    generations,
    learnflow,
    operated,
    serving,
)
from tests.real.surroundings import TABLE, sql
from tests.real.traffic import Ledger, Traffic

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.process, pytest.mark.timeout(600), pytest.mark.long]

LOOK_SECONDS: Final = 0.1


def test_live_traffic_during_build_switch_and_roll_back_with_two_projectors(clean: Infrastructure) -> None:
    ledger = Ledger()
    with operated(clean, ledger, "live", projectors=2) as stack:
        traffic = Traffic(stack, ledger, "live", watched=APIS, look_seconds=LOOK_SECONDS, more_questions=True)
        with CommitWatch(clean) as watch, traffic:
            traffic.run_for(1)
            for step, serves in (
                (["replay", "--json"], 2),
                (["generations", "activate", "1"], 1),
                (["replay", "--json"], 3),
                (["generations", "prune", "2"], 3),
            ):
                before, began = len(traffic.accepted), time.monotonic()
                said = learnflow(stack, *step)
                took, meanwhile = time.monotonic() - began, len(traffic.accepted) - before
                logger.info("%s: %.1f s, %s commands meanwhile: %s", " ".join(step), took, meanwhile, said)
                assert meanwhile > 0
                assert serving(stack) == serves
                check_fresh(stack, traffic.accepted[-1])
                traffic.run_for(0.5)
            traffic.stop()
        assert watch.served == [1, 2, 1, 3]
        logger.info("%s looks at what was committed", watch.looks)
        check_never_refused(traffic)
        logger.info("%s", check_exact(stack, ledger.accepted))
        check_all_accounts(stack)
        assert generations(stack).keys() == {1, 3}
        assert sql(clean, f"SELECT count(*) FROM {TABLE} WHERE starts_with(key, 'g2/')") == [(0,)]  # noqa: S608 - our own table

        # What followed the log for long is what a fold of the whole log makes now.
        summary = json.loads(learnflow(stack, "replay", "--json"))
        assert (summary["generation"], summary["switched"], summary["done"]) == (4, True, 0)
        logger.info("%s documents", check_equal(clean, 3, 4))
        learnflow(stack, "generations", "activate", "1")
        check_equal(clean, 1, 4)
        check_all_accounts(stack)
        logger.info("%s", check_exact(stack, ledger.accepted))
