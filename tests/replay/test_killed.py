"""A replay is killed at random moments, again and again; what it comes to is what an undisturbed one gives.

What it must give is not told by a replay: it is what the engine of a service made of the same log.
"""

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
import pytest

from projector.engine import Engine
from sidecar.embedded import EmbeddedSidecar
from sidecar.records import NewRecord
from tests.replay.group import group_lives
from tests.servers import LEARNFLOW, environment, learnflow
from tests.strategies import START, Report, Request, value_of

EVENTS: Final = 40_000
SEEDS: Final = 24
PHASES: Final = ("building", "comparing", "switching")
SECONDS: Final = 60
# Small transactions and reads, so that there is something to interrupt.
OPTIONS: Final = ("--workers=2", "--batch=500")


@pytest.fixture(scope="module")
def folded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a history, folded by the engine; garbage and repeats among it."""
    folder = tmp_path_factory.mktemp("folded") / "data"
    asyncio.run(_fill(folder))
    return folder


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_is_left_after_kills_and_resumption_is_what_an_undisturbed_replay_gives(
    folded: Path, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    folder = tmp_path / "data"
    shutil.copytree(folded, folder)
    for _ in range(chance.choice((1, 1, 2, 3))):
        _kill_a_replay(folder, chance)
        check_that_what_serves_is_whole(folder)
    control = control_in(folder)
    if control.get("building"):
        finished = learnflow("replay", *OPTIONS, "--resume", "--data-dir", folder)
    else:  # killed before it began, or after it had ended
        finished = learnflow("replay", *OPTIONS, "--data-dir", folder)
    assert finished.returncode == 0, finished.stderr
    control = control_in(folder)
    assert not control.get("building")
    generations = {int(number): generation_in(folder, int(number)) for number in control["folds"]}
    assert generations[1]
    for number, documents in generations.items():
        assert documents == generations[1], f"generation {number}"
    assert control["active"] == max(generations)
    assert _other_keys(folder, set(generations)) == {"control"}


def _kill_a_replay(folder: Path, chance: Random) -> None:
    """Kill a replay some time after it has told of a phase; one that had ended before is as good."""
    resume = ["--resume"] if control_in(folder).get("building") else []
    command = [str(LEARNFLOW), "replay", *OPTIONS, *resume, "--data-dir", str(folder)]
    with subprocess.Popen(
        command,
        env=environment(None),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        phase = chance.choice(PHASES)
        for line in process.stderr:
            if line.startswith(phase):
                break
        time.sleep(chance.random() ** 2 * (2.5 if phase == "building" else 0.3))
        if chance.random() < 0.5:
            process.kill()  # its workers have to notice
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(SECONDS)
        end = time.monotonic() + SECONDS
        while group_lives(process.pid):
            assert time.monotonic() < end, "its workers live on"
            time.sleep(0.02)


def check_that_what_serves_is_whole(folder: Path) -> None:
    active = control_in(folder)["active"]
    assert generation_in(folder, active) == generation_in(folder, 1)


def _rows(folder: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(folder / "learnflow.db")) as connection:
        yield from connection.execute("SELECT key, value FROM document")


def generation_in(folder: Path, number: int) -> dict[str, bytes]:
    prefix = f"g{number}/"
    return {key.removeprefix(prefix): value for key, value in _rows(folder) if key.startswith(prefix)}


def _other_keys(folder: Path, generations: set[int]) -> set[str]:
    prefixes = tuple(f"g{number}/" for number in generations)
    return {key for key, _ in _rows(folder) if not key.startswith(prefixes)} - {"replay"}


def control_in(folder: Path) -> dict[str, Any]:
    control: dict[str, Any] = msgspec.json.decode(dict(_rows(folder))["control"])
    return control


async def _fill(folder: Path) -> None:
    chance = random.Random(5)
    sidecar = EmbeddedSidecar.open(folder)
    try:
        records = [_record(chance, number) for number in range(EVENTS)]
        records += [NewRecord(f"learner-{number}", b"junk %d" % number) for number in range(40)]
        records += [records[chance.randrange(EVENTS)] for _ in range(400)]
        chance.shuffle(records)
        for first in range(0, len(records), 1000):
            await sidecar.appender.append(records[first : first + 1000], timeout_seconds=30)
        engine = Engine(log=sidecar.log_reader, reader=sidecar.state, writer=sidecar.state)
        await engine.establish()
        for partition in await sidecar.log_reader.bounds():
            await engine.catch_up(partition)
    finally:
        await sidecar.close()


def _record(chance: Random, number: int) -> NewRecord:
    learner = f"learner-{chance.randrange(1500)}"
    at = START + timedelta(minutes=chance.randrange(60 * 24 * 20))
    if chance.random() < 0.1:
        return NewRecord(learner, value_of(Request(f"q-{number}", learner, at, f"topic {number % 9}", "beginner")))
    report = Report(
        f"r-{number}",
        learner,
        at,
        f"lesson-{chance.randrange(12)}",
        chance.choice((250_000, 500_000, 1_000_000)),
        chance.randrange(1_000_001),
        chance.randrange(600_000),
        ("first",) if chance.random() < 0.05 else (),
    )
    return NewRecord(learner, value_of(report))
