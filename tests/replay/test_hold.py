"""A moment's quiet: live projectors let a switch go first, for two seconds at most, and only where it is asked for."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from projector.engine import Engine
from projector.errors import OnHold
from projector.replay.runs import Run, Runner, begin, give_up, resume
from projector.replay.switching import ask_for_quiet, try_switch
from projector.replay.takeover import ATTEMPTS_BEFORE_QUIET, Follower
from projector.targets import HOLD_SECONDS, Serving
from read_models import codec, keys
from read_models.control import ControlDocument
from sidecar.delivery import Verdict
from sidecar.records import LogRecord
from tests.projector.harness import REPORT, World
from tests.replay.stepping import Actor, Operation, SteppedLog, SteppedState, Steps
from tests.strategies import value_of

ELSEWHERE = Runner("elsewhere", 7)
ENOUGH = 1000
"""Operations in which a replay of a few events comes to its end many times over."""


class Held:
    """A world with a run that asks for quiet, and a live projector with a clock of its own."""

    def __init__(self) -> None:
        self.world = World()
        self.now = 1000.0
        self.live = self.projector()
        self.appended = 0

    def projector(self) -> Engine:
        world = self.world
        return Engine(log=world.log, reader=world.state, writer=world.state, target=Serving(lambda: self.now))

    @property
    def control(self) -> ControlDocument:
        return codec.decode(self.world.values[keys.CONTROL], ControlDocument)

    def batch(self) -> list[LogRecord]:
        self.appended += 1
        self.world.log.append(0, value_of(replace(REPORT, event_id=f"e-{self.appended}")), "ada")
        return self.world.log.records(0)

    async def ask(self) -> Run:
        run = await begin(self.world.log, self.world.state, self.world.state, ELSEWHERE)
        await ask_for_quiet(self.world.state, self.world.state, run)
        return run


async def test_a_projector_waits_from_when_it_first_sees_the_request_and_no_longer() -> None:
    held = Held()
    assert await held.live.handle(held.batch()) is Verdict.SETTLED
    await held.ask()
    held.now += 10 * HOLD_SECONDS  # nobody has delivered anything: it is not yet seen
    before = held.world.values
    for _ in range(3):
        assert await held.live.handle(held.batch()) is Verdict.RETRY
        assert held.live.trouble is None
        held.now += HOLD_SECONDS / 3 - 0.001
    assert await held.live.handle(held.batch()) is Verdict.RETRY
    assert held.world.values == before
    held.now += 0.01
    assert await held.live.handle(held.batch()) is Verdict.SETTLED
    assert held.control.hold, "nobody has taken the request back"
    assert await held.live.handle(held.batch()) is Verdict.SETTLED


async def test_another_request_is_another_wait() -> None:
    held = Held()
    run = await held.ask()
    assert await held.live.handle(held.batch()) is Verdict.RETRY
    held.now += HOLD_SECONDS
    assert await held.live.handle(held.batch()) is Verdict.SETTLED
    await ask_for_quiet(held.world.state, held.world.state, run)
    assert await held.live.handle(held.batch()) is Verdict.RETRY


async def test_a_projector_that_starts_on_hold_is_ready() -> None:
    held = Held()
    await held.ask()
    await held.live.establish()
    assert held.live.trouble is None
    other = held.projector()
    assert await other.handle(held.batch()) is Verdict.RETRY
    assert other.trouble is None


async def test_a_trouble_before_is_over_with_the_first_batch_after() -> None:
    held = Held()
    await held.live.establish()
    held.world.state.read_faults = ["unavailable"]
    assert await held.live.handle(held.batch()) is Verdict.RETRY
    assert held.live.trouble
    await held.ask()
    assert await held.live.handle(held.batch()) is Verdict.RETRY
    held.now += HOLD_SECONDS
    assert await held.live.handle(held.batch()) is Verdict.SETTLED
    assert held.live.trouble is None


async def test_the_switch_the_end_and_the_takeover_of_a_run_end_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projector.replay.runs.SILENCE_SECONDS", 0.0)
    held = Held()
    run = await held.ask()
    assert await held.live.handle(held.batch()) is Verdict.RETRY
    ports = (held.world.log, held.world.state, held.world.state)
    taken = await resume(*ports, Runner("another", 8))
    assert await held.live.handle(held.batch()) is Verdict.SETTLED
    await ask_for_quiet(held.world.state, held.world.state, taken)
    assert await held.live.handle(held.batch()) is Verdict.RETRY
    await give_up(held.world.state, held.world.state, taken)
    assert await held.live.handle(held.batch()) is Verdict.SETTLED
    run = await held.ask()
    assert await held.live.handle(held.batch()) is Verdict.RETRY
    follower = Follower(*ports, run, lambda _: None)
    await follower.begin()
    await follower.catch_up()
    assert not await try_switch(held.world.state, held.world.state, run)
    assert held.control.hold == ""
    assert await held.live.handle(held.batch()) is Verdict.SETTLED


async def test_a_replay_is_not_held_by_its_own_request() -> None:
    held = Held()
    held.batch()
    run = await held.ask()
    engine = Engine(log=held.world.log, reader=held.world.state, writer=held.world.state, target=run.target())
    await engine.establish()
    await engine.catch_up(0)
    assert await engine.checkpoint(0) == 0


def test_the_target_counts_from_the_first_sight() -> None:
    now = [50.0]
    target = Serving(lambda: now[0])
    held = Held()
    asyncio.run(held.live.establish())
    quiet = held.control
    assert target.generation(quiet) == quiet.active
    asking = asyncio.run(asked(held))
    waited = 0.0
    while True:
        try:
            target.generation(asking)
        except OnHold:
            now[0] += 0.25
            waited += 0.25
            assert waited <= HOLD_SECONDS
        else:
            break
    assert waited == HOLD_SECONDS


async def asked(held: Held) -> ControlDocument:
    await held.ask()
    return held.control


class Race:
    """A store where a live projector gets in between any two operations of a switch, unless it lets it go first."""

    def __init__(self, *, deaf: bool = False) -> None:
        self.held = Held()
        self.deaf = deaf
        self.steps = Steps(self.held.world.log, self.held.world.state)
        self.replay = self.steps.actor("replay")
        self.live = self.steps.actor("live", live=True)
        self.engine = self.engine_of(self.live)
        self.refused = 0

    def engine_of(self, actor: Actor) -> Engine:
        state = SteppedState(self.steps, actor)
        return Engine(log=SteppedLog(self.steps, actor), reader=state, writer=state, target=Serving(self.clock))

    def clock(self) -> float:
        """To the deaf every wait is over at once."""
        if self.deaf:
            self.held.now += HOLD_SECONDS
        return self.held.now

    async def carry_out(self) -> None:
        log, state = SteppedLog(self.steps, self.replay), SteppedState(self.steps, self.replay)
        run = await begin(log, state, state, ELSEWHERE)
        follower = Follower(log, state, state, run, lambda _: None)
        await follower.begin()
        await follower.catch_up()
        await follower.switch()

    def live_goes_first(self) -> None:
        """A batch from beginning to end."""
        task = self.steps.start(self.live, self.engine.handle(self.held.batch()))
        while not task.done():
            self.steps.step(next(operation for operation in self.steps.pending if operation.actor is self.live))
        self.refused += task.result() is Verdict.RETRY

    def next_of_replay(self) -> Operation | None:
        return next((operation for operation in self.steps.pending if operation.actor is self.replay), None)


def follow(race: Race, rounds: int, *, live_first: Callable[[Operation], bool]) -> int:
    """Drive the replay, the projector being first where told; returns how many transactions of the replay failed."""
    race.live_goes_first()
    task = race.steps.start(race.replay, race.carry_out())
    failed = 0
    for _ in range(rounds):
        operation = race.next_of_replay()
        if operation is None:
            task.result()
            break
        if live_first(operation):
            race.live_goes_first()
        conflicts = race.held.world.state.conflicts
        race.steps.step(operation)
        failed += race.held.world.state.conflicts - conflicts
    return failed


def is_a_switch(operation: Operation) -> bool:
    return operation.writes and operation.keys[0] == keys.CONTROL and keys.partition(1, 0) in operation.keys


def is_at_the_end(operation: Operation) -> bool:
    """The replay has just made sure that it is where the log ends; then it is not any more."""
    return operation.name == "transact" and operation.keys[0] == keys.partition(2, 0)


@pytest.mark.parametrize("moment", [is_a_switch, is_at_the_end])
def test_where_projectors_win_every_race_the_switch_gets_through_by_the_hold(
    moment: Callable[[Operation], bool],
) -> None:
    race = Race()
    try:
        failed = follow(race, ENOUGH, live_first=moment)
        assert race.held.control.active == 2
        assert race.refused, "it got through without a hold"
        # After a lost race the next attempt finds the generation behind, and counts as well.
        assert moment is not is_a_switch or failed * 2 >= ATTEMPTS_BEFORE_QUIET
    finally:
        race.steps.close()


@pytest.mark.parametrize("moment", [is_a_switch, is_at_the_end])
def test_with_projectors_that_are_deaf_to_it_it_does_not(moment: Callable[[Operation], bool]) -> None:
    race = Race(deaf=True)
    try:
        follow(race, ENOUGH // 5, live_first=moment)
        assert race.held.control.active == 1
        assert race.replay.busy
    finally:
        race.steps.close()
