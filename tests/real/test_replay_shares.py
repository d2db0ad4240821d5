"""A replay in shares over Kafka, Dapr and Postgres: as an Indexed Job runs it, with processes that are killed."""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Final

import pytest

from deploy.stack.environment import variables
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.stack import PARTITIONS, Stack
from learnflow.replaying.worker import SLOTS
from tests.deadlines import eventually
from tests.real.replaying import (
    SLOWLY,
    build_held,
    building,
    built,
    check_all_accounts,
    check_equal,
    control,
    generations,
    learnflow,
    operated,
    serving,
)
from tests.real.surroundings import accounts, log_ends, sql, wipe
from tests.real.traffic import Ledger
from tests.replay.share_job import ShareJob

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]

HISTORY: Final = 30_000
ENDS_SECONDS: Final = 200.0
HASTY_SECONDS: Final = 10.0
"""In which whoever does not wait for a sidecar has ended."""
TAKEOVER_SECONDS: Final = 3.0
"""Enough to begin to take over."""
SEEDS: Final = (1, pytest.param(2, marks=pytest.mark.long))


@pytest.fixture(scope="module")
def stack(infrastructure: Infrastructure) -> Iterator[Stack]:
    """A projector that has folded a history; each test leaves one generation, which serves."""
    wipe(infrastructure)
    with operated(infrastructure, Ledger(), "shares", events=HISTORY, apis=False, projectors=1) as stack:
        yield stack


@pytest.fixture
def job(stack: Stack, tmp_path: Path) -> Iterator[Callable[..., ShareJob]]:
    """Makes Jobs over the stack; each process may start before the sidecar does."""
    jobs: list[ShareJob] = []

    def make(count: int, *options: str, sidecar_seconds: int = 60) -> ShareJob:
        said = tmp_path / f"said-{len(jobs)}"
        said.mkdir()
        env = variables({**stack.operator_variables, "DAPR_HEALTH_TIMEOUT": str(sidecar_seconds)})
        command = [sys.executable, "-m", "learnflow", "replay", "--workers=1", "--json", *options]
        jobs.append(ShareJob(command, count, env=env, folder=said))
        return jobs[-1]

    yield make
    for one in jobs:
        one.__exit__(None, None, None)


def check_taken_over(stack: Stack, before: int, number: int) -> None:
    assert serving(stack) == number
    check_equal(stack.infrastructure, before, number)
    check_all_accounts(stack)
    learnflow(stack, "generations", "prune", str(before))


def test_shares_build_what_is_theirs_and_the_lead_waits_for_them(stack: Stack, job: Callable[..., ShareJob]) -> None:
    active, infrastructure = serving(stack), stack.infrastructure
    ends = log_ends(infrastructure)
    two = job(2, "--resume-or-begin")
    two.start(0)
    two.says(0, "share 1/2 (partitions 1, 3, 5, 7)", ENDS_SECONDS)
    number = building(stack)
    told = generations(stack)[number]
    assert (told["state"], control(stack)["building"]["ends"]) == ("building", [ends[one] for one in range(PARTITIONS)])
    assert {one: part["checkpoint"] + 1 for one, part in accounts(infrastructure, number).items()} == {
        one: end if one % 2 == 0 else 0 for one, end in ends.items()
    }
    two.start(1)
    two.until_complete(ENDS_SECONDS)
    two.ended(1, ENDS_SECONDS)
    assert two.starts == [1, 1]
    assert json.loads(two.output[1])["positions"] == sum(end for one, end in ends.items() if one % 2)
    assert "Traceback" not in two.errors(0) + two.errors(1)
    check_taken_over(stack, active, number)


def test_a_share_of_a_lead_that_is_replaced_joins_the_next_one(stack: Stack, job: Callable[..., ShareJob]) -> None:
    """It is held in the middle of a transaction under the run that is gone. Started again at its end, the lead ends."""
    active = serving(stack)
    two = job(2, "--resume-or-begin", "--job=a-job", *SLOWLY)
    two.start(0)
    two.says(0, "building", ENDS_SECONDS)
    number = building(stack)
    two.start(1)
    two.says(1, f"building share 1/2 of generation {number}", ENDS_SECONDS)
    eventually(
        lambda: any(part["checkpoint"] > 0 for one, part in accounts(stack.infrastructure, number).items() if one % 2)
    )
    first = control(stack)["building"]
    assert (first["shares"], first["job"], first["taking"]) == (2, "a-job", False)
    with build_held(stack.infrastructure, number):
        eventually(lambda: _held_back(stack) >= SLOTS, seconds=60)
        two.kill(0)
        two.start(0)
        time.sleep(TAKEOVER_SECONDS)
    two.until_complete(ENDS_SECONDS)
    two.ended(1, ENDS_SECONDS)
    assert two.starts == [2, 1]
    assert "Traceback" not in two.errors(1)
    after = control(stack)
    assert first["run"] not in json.dumps(after)
    assert after["last_job"] == "a-job"
    two.start(0)
    two.ended(0, ENDS_SECONDS)
    assert json.loads(two.output[0])["finished_before"] is True
    assert control(stack) == after
    check_taken_over(stack, active, number)


def test_a_share_that_starts_before_its_sidecar_waits_for_it(stack: Stack, job: Callable[..., ShareJob]) -> None:
    active = serving(stack)
    assert stack.operator is not None
    stack.operator.kill()
    hasty = job(2, "--resume-or-begin", sidecar_seconds=0)
    hasty.start(0)
    hasty.ended(0, ENDS_SECONDS)
    assert "unavailable" in hasty.failures[0][0]
    two = job(2, "--resume-or-begin", sidecar_seconds=int(ENDS_SECONDS))
    two.start(0)
    two.start(1)
    time.sleep(HASTY_SECONDS)
    two.look()
    assert two.running == [0, 1]
    stack.operator.start()
    two.until_complete(ENDS_SECONDS)
    two.ended(1, ENDS_SECONDS)
    assert two.starts == [1, 1]
    check_taken_over(stack, active, active + 1)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_killed_the_job_comes_to_its_end(
    stack: Stack, job: Callable[..., ShareJob], seed: int, count: int
) -> None:
    """A share that helps, then the lead, each when so much is built; then anybody at any moment."""
    chance, infrastructure = Random(f"{seed} {count}"), stack.infrastructure
    active, size = serving(stack), sum(log_ends(infrastructure).values())
    some = job(count, "--resume-or-begin", *SLOWLY)
    moments = sorted(chance.uniform(0.02, 0.9) for _ in range(4))
    victims = [chance.randrange(1, count), 0, chance.randrange(count), chance.randrange(count)]
    number = active + 1
    for moment, victim in zip(moments, victims, strict=True):
        while not some.complete and not (serving(stack) == active and _reached(stack, number) >= moment * size):
            some.carry_on()
        if victim in some.running and not some.complete:
            chance.choice((some.kill, some.kill_parent))(victim)
            logger.info("seed %s: killed share %s at %s of %s", seed, victim, _reached(stack, number), size)
    some.until_complete(ENDS_SECONDS)
    logger.info("seed %s: started %s, failures %s", seed, some.starts, some.failures)
    assert sum(some.starts) > count
    assert not any("Traceback" in said for share in some.failures for said in share)
    check_taken_over(stack, active, number)


def _held_back(stack: Stack) -> int:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    ((count,),) = sql(stack.infrastructure, waiting)
    return int(count)


def _reached(stack: Stack, number: int) -> int:
    return built(stack.infrastructure, number)
