"""What a replay is made of as a program: options, what runs beside it, what it says."""

import asyncio
from dataclasses import replace

import pytest

from learnflow.replaying.beside import beside
from learnflow.replaying.options import ReplayOptions
from learnflow.replaying.outcomes import DifferencesFound
from learnflow.replaying.reporting import Lines
from learnflow.replaying.troubles import Troubles
from projector.errors import RunReplaced
from projector.replay.patience import patiently
from projector.verification.acceptance import Acceptance
from projector.verification.compare import CompareOptions, compare_generations
from sidecar.errors import SidecarUnavailable, StateConflict
from tests.projector.harness import REPORT, World
from tests.replay.test_runs import begun, built
from tests.strategies import value_of


async def test_work_that_fails_ends_the_block_with_its_failure() -> None:
    async def work() -> None:
        raise RunReplaced(2)

    with pytest.raises(RunReplaced):
        async with beside(work()):
            await asyncio.sleep(60)


async def test_work_that_fails_as_the_block_ends_is_told_as_well() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        await ended.wait()
        raise RunReplaced(2)

    async def block() -> None:
        async with beside(work()):
            ended.set()
            await asyncio.sleep(0)

    with pytest.raises(RunReplaced):
        await block()
    await asyncio.sleep(0)  # nobody is cancelled afterwards


async def test_work_ends_with_the_block() -> None:
    async def work() -> None:
        await asyncio.sleep(60)

    async with beside(work()):
        pass


async def test_it_is_told_when_an_outage_is_over_however_it_ends() -> None:
    told: list[str | None] = []
    failures: list[Exception] = [SidecarUnavailable("log", "away"), StateConflict()]

    async def step() -> None:
        raise failures.pop(0)

    with pytest.raises(StateConflict):
        await patiently(step, told.append)
    assert told == ["log unavailable: away", None]


def test_it_is_known_what_so_many_workers_need() -> None:
    fitting = ReplayOptions(workers=4)
    fitting = replace(fitting, memory_mib=fitting.least_memory_mib)
    limits = fitting.limits(64 * 1024 * 1024)
    assert limits.flush_bytes >= 1024 * 1024 - 4
    assert replace(fitting, workers=8).least_memory_mib > fitting.memory_mib


async def test_the_command_that_is_offered_accepts_what_was_accepted_before_too() -> None:
    world = World()
    world.log.append(0, value_of(REPORT), "ada")
    await world.fold_all()
    run = await begun(world)
    await built(world, run)
    for key in [key for key in world.state.documents if key == "g2/learner/ada"]:
        document = world.state.documents[key]
        world.state.documents[key] = replace(document, value=document.value.replace(b'"reports":1', b'"reports":2'))
    acceptance = Acceptance(["learner:days.*"])
    comparison = await compare_generations(
        world.log, world.state, 1, 2, options=CompareOptions(acceptance=acceptance, pause_seconds=0)
    )
    assert comparison.rejected == 1
    said = str(DifferencesFound(2, comparison, acceptance.given))
    assert "--accept-differences 'learner:days.*'" in said
    assert comparison.accepting in said


def test_what_is_waited_for_is_told_once_a_share_and_again_every_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 1000.0
    monkeypatch.setattr("learnflow.replaying.reporting.time.monotonic", lambda: now)
    lines = Lines()
    for second in range(125):
        now = 1000.0 + second
        shares = [f"share {index}/4 (partition {index}): {500 - second} positions left" for index in (1, 3)]
        lines.waiting("; ".join(shares[: 1 if second < 10 else 2]))
    lines.waiting(None)
    lines.waiting(None)
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "waiting: share 1/4 (partition 1): 500 positions left",
        "waiting: share 1/4 (partition 1): 490 positions left; share 3/4 (partition 3): 490 positions left",
        "waiting: share 1/4 (partition 1): 429 positions left; share 3/4 (partition 3): 429 positions left",
        "going on",
    ]


def test_whoever_waits_for_several_things_tells_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    troubles = Troubles(Lines())
    troubles.note(3, "log unavailable: away")
    troubles.note("shares", "share 1/2 (partition 1): 5 positions left")
    troubles.note(3, None)
    assert troubles
    troubles.note("shares", None)
    assert not troubles
    assert capsys.readouterr().err.splitlines() == [
        "waiting: log unavailable: away",
        "waiting: log unavailable: away; share 1/2 (partition 1): 5 positions left",
        "going on",
    ]
