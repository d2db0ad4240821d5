"""Replays of logs with nothing in them, with garbage, and with partitions that get their first event just then."""

import asyncio
import logging
from typing import Final

import pytest

from deploy.stack.infrastructure import Infrastructure
from deploy.stack.stack import PARTITIONS, Stack
from tests.kafka import ForeignProducer, key_in
from tests.real.replaying import Run, check_all_accounts, check_equal, generations, learnflow, operated, serving
from tests.real.surroundings import TOPIC, documents, wait_until_folded
from tests.real.test_garbage import FINE, GARBAGE, Foreign, append
from tests.real.traffic import Ledger
from tests.strategies import START, Report, value_of

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

SENT_AGAIN: Final = 3
COUNTS: Final = ("behind", "applied", "duplicate", "parked", "missing")


def test_a_log_of_nothing_and_first_events_just_before_the_switch(clean: Infrastructure) -> None:
    producer = ForeignProducer(clean.brokers, TOPIC)
    with operated(clean, Ledger(), "nobody", events=0, apis=False, projectors=1) as stack:
        learnflow(stack, "replay")
        assert serving(stack) == 2
        _check_listed(stack, {1: (0, 0, 0, 0, 0), 2: (0, 0, 0, 0, 0)})
        assert check_equal(clean, 1, 2) == PARTITIONS
        for applied, phase in enumerate(("building", "comparing", "switching"), 1):
            active = serving(stack)
            with Run(stack, "replay", halt_at=phase) as run:
                run.wait_until_halted()
                append(producer, applied, _event(applied))
                # Whichever serves: it is ahead of the one that is being built, or that one is the one.
                wait_until_folded(clean)
                run.go_on()
                run.succeeded()
            assert serving(stack) == active + 1
            wait_until_folded(clean)
            check_all_accounts(stack)
            assert _listed(stack, active + 1) == (0, applied, 0, 0, 0)
        last = serving(stack)
        stored = documents(clean)
        assert all(
            stored[f"g{last}/learner/{key_in(number, PARTITIONS)}"]["totals"]["events"] == 1 for number in (1, 2, 3)
        )
        learnflow(stack, "replay")
        check_equal(clean, last, last + 1)


def test_garbage_duplicates_and_offsets_without_a_record(clean: Infrastructure) -> None:
    producer = ForeignProducer(clean.brokers, TOPIC)
    with operated(clean, Ledger(), "nobody", events=0, apis=False, projectors=1) as stack:
        # Also a learner in two partitions, as producers that hash keys otherwise would have it.
        for partition, records in ((0, GARBAGE), (1, GARBAGE), (2, FINE)):
            for record in records.values():
                append(producer, partition, record)
        append(producer, 3, _event(3, learner="mallory"))
        for _ in range(SENT_AGAIN):
            append(producer, 4, _event(4))
        asyncio.run(producer.append_before_hole(5, key_in(5, PARTITIONS), _event(5).value or b""))
        append(producer, 5, _event(5))
        asyncio.run(producer.append_before_hole(6, key_in(6, PARTITIONS), b"", aborted=True))
        wait_until_folded(clean)
        applied, parked = len(FINE) + 3, 2 * len(GARBAGE) + 1
        expected = (0, applied, SENT_AGAIN - 1 + 1, parked, 2)
        _check_listed(stack, {1: expected})
        learnflow(stack, "replay")
        assert serving(stack) == 2
        _check_listed(stack, {1: expected, 2: expected})
        # Which of two partitions a learner is first seen in is by chance.
        logger.info("%s documents", check_equal(clean, 1, 2, but="partition/"))
        check_all_accounts(stack)
        # A record after all that, so that it is seen that nothing stands still.
        append(producer, 0, _event(0))
        wait_until_folded(clean)
        assert _listed(stack, 2) == (0, applied + 1, *expected[2:])


def _event(number: int, learner: str | None = None) -> Foreign:
    owner = learner or key_in(number, PARTITIONS)
    return Foreign(value_of(Report(f"e-{number}", owner, START, "l1", 1_000_000, None, 5, ())), None, key=owner)


def _listed(stack: Stack, generation: int) -> tuple[int, ...]:
    return tuple(generations(stack)[generation][name] for name in COUNTS)


def _check_listed(stack: Stack, expected: dict[int, tuple[int, ...]]) -> None:
    found = generations(stack)
    assert {number: tuple(one[name] for name in COUNTS) for number, one in found.items()} == expected
    assert [one["state"] for one in found.values()] == ["kept"] * (len(found) - 1) + ["serves"]
