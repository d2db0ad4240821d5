"""A replay in shares as processes, over the embedded default: each where another could be, ended at any moment."""

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.replay.share_job import ShareJob
from tests.replay.test_killed import control_in, folded, generation_in
from tests.servers import LEARNFLOW, environment, learnflow

__all__ = ["folded"]

SECONDS: Final = 180.0
PARTITIONS: Final = 8
SEEDS: Final = 8
OPTIONS: Final = ("--workers=1", "--batch=500")

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]


@pytest.fixture
def folder(folded: Path, tmp_path: Path) -> Path:
    """A copy of a history that generation 1 has folded."""
    return shutil.copytree(folded, tmp_path / "data")


@pytest.fixture
def job(folder: Path, tmp_path: Path) -> Iterator[Callable[..., ShareJob]]:
    """Makes Jobs over the folder."""
    jobs: list[ShareJob] = []

    def make(count: int, *options: str) -> ShareJob:
        said = tmp_path / f"said-{len(jobs)}"
        said.mkdir()
        command = [str(LEARNFLOW), "replay", *OPTIONS, *options, "--data-dir", str(folder)]
        jobs.append(ShareJob(command, count, env=environment(None), folder=said))
        return jobs[-1]

    yield make
    for one in jobs:
        one.__exit__(None, None, None)


def check_taken_over(folder: Path, generation: int) -> None:
    control = control_in(folder)
    assert (control["active"], control.get("building")) == (generation, None)
    assert generation_in(folder, generation) == generation_in(folder, 1)


def test_the_lead_waits_for_each_share_and_says_so(folder: Path, job: Callable[..., ShareJob]) -> None:
    three = job(3, "--json", "--resume-or-begin")
    three.start(2)
    three.says(2, "waiting: share 0/3", SECONDS)
    assert control_in(folder).get("building") is None
    three.start(0)
    three.says(0, "share 1/3 (partitions 1, 4, 7)", SECONDS)
    three.ended(2, SECONDS)
    told = json.loads(three.output[2])
    assert (told["share"], told["generation"], told["partitions"]) == ("2/3", 2, [2, 5])
    time.sleep(2)
    control = control_in(folder)
    assert (control["active"], control["building"]["generation"]) == (1, 2)
    (listed,) = [
        one for one in json.loads(_succeeded("generations", "list", "--json", folder)) if one["generation"] == 2
    ]
    assert listed["state"] == "building"
    assert 0 < listed["behind"] < sum(control["building"]["ends"])
    done = {key for key in generation_in(folder, 2) if key.startswith("partition/")}
    assert len(done) == PARTITIONS
    three.start(1)
    three.until_complete(SECONDS)
    assert three.starts == [1, 1, 1]
    three.ended(1, SECONDS)
    assert json.loads(three.output[0])["switched"] is True
    positions = sum(json.loads(three.output[index])["positions"] for index in (1, 2))
    ends = control["building"]["ends"]
    assert positions == sum(end for number, end in enumerate(ends) if number % 3)
    check_taken_over(folder, 2)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_is_killed_the_job_comes_to_its_end(folder: Path, job: Callable[..., ShareJob], seed: int) -> None:
    chance = random.Random(seed)
    some = job(chance.choice((2, 3, 4)), "--resume-or-begin", "--memory=64")
    for _ in range(chance.randrange(1, 8)):
        until = time.monotonic() + chance.random() * 2.5
        while time.monotonic() < until and not some.complete:
            some.carry_on()
        if some.running and not some.complete:
            victim = chance.choice(some.running)
            chance.choice((some.kill, some.kill_parent))(victim)
        assert generation_in(folder, control_in(folder)["active"]) == generation_in(folder, 1)
    some.until_complete(SECONDS)
    check_taken_over(folder, 2)


def test_two_with_the_same_share_do_no_harm(folder: Path, job: Callable[..., ShareJob]) -> None:
    one, twin = job(2, "--resume-or-begin", "--memory=64"), job(2, "--memory=64")
    one.start(1)
    twin.start(1)
    one.until_complete(SECONDS)
    for each in (one, twin):
        each.ended(1, SECONDS)
        assert each.failures == [[], []]
    check_taken_over(folder, 2)


def test_without_a_switch_shares_end_well(folder: Path, job: Callable[..., ShareJob]) -> None:
    two = job(2, "--no-switch")
    two.until_complete(SECONDS)
    two.ended(1, SECONDS)
    assert "Share 1/2 of generation 2 is built (partitions 1, 3, 5, 7)" in two.output[1]
    control = control_in(folder)
    assert (control["active"], control.get("building")) == (1, None)
    assert generation_in(folder, 2) == generation_in(folder, 1)


@pytest.mark.parametrize("switch", ["--switch", "--no-switch"])
def test_a_lead_that_is_started_again_after_its_end_begins_nothing(
    folder: Path, job: Callable[..., ShareJob], switch: str
) -> None:
    """All other shares have ended: nobody would build theirs of another generation."""
    two = job(2, "--resume-or-begin", "--job=a-job", "--json", switch)
    two.until_complete(SECONDS)
    two.ended(1, SECONDS)
    before = control_in(folder)
    assert before["last_job"] == "a-job"
    two.start(0)
    two.ended(0, SECONDS)
    assert json.loads(two.output[0]) == {"job": "a-job", "finished_before": True, "active": before["active"]}
    assert control_in(folder) == before
    said = _succeeded("replay", "--resume-or-begin", "--job=a-job", folder)
    assert "job a-job has come to its end before" in said
    assert len(said.splitlines()) == 1
    following = job(2, "--resume-or-begin", "--job=another", switch)
    following.until_complete(SECONDS)
    assert max(map(int, control_in(folder)["folds"])) == 3


def test_a_share_of_another_number_of_shares_is_refused_in_one_line(folder: Path, job: Callable[..., ShareJob]) -> None:
    two, three = job(2, "--resume-or-begin"), job(3)
    two.start(0)
    two.says(0, "share 1/2", SECONDS)
    three.start(1)
    three.ended(1, SECONDS)
    assert three.failures[1][0].splitlines()[-1] == (
        "learnflow: share 1/3 is none of generation 2, which is built in 2 shares: all of them have to be given the"
        " same number"
    )
    assert "Traceback" not in three.failures[1][0]
    assert control_in(folder)["building"]["shares"] == 2


def test_a_share_without_partitions_has_nothing_to_do(job: Callable[..., ShareJob]) -> None:
    many = job(PARTITIONS + 1, "--resume-or-begin")
    for index in (0, PARTITIONS):
        many.start(index)
    many.ended(PARTITIONS, SECONDS)
    assert "no partition" in many.output[PARTITIONS]
    assert not many.complete


def test_a_dry_run_names_the_partitions(folder: Path) -> None:
    assert "Share 2/3 of it: partitions 2, 5." in _succeeded("replay", "--share=2/3", "--dry-run", folder)


def test_ctrl_c_says_how_to_go_on(job: Callable[..., ShareJob]) -> None:
    two = job(2)
    two.start(1)
    two.says(1, "waiting: share 0/2", SECONDS)
    two.interrupt(1)
    two.ended(1, SECONDS)
    assert "`learnflow replay --share 1/2` goes on" in two.failures[1][0]
    assert "Traceback" not in two.failures[1][0]


def _succeeded(*arguments: str | Path) -> str:
    *command, folder = arguments
    done = learnflow(*command, "--data-dir", folder)
    assert done.returncode == 0, done.stderr
    return done.stdout
