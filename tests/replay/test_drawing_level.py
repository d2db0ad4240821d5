"""A generation is brought to where the one that serves is, and no further, while that one goes on; quietly if asked."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projector.engine import Engine
from projector.errors import RunReplaced
from projector.replay import runs
from projector.replay.amending import ATTEMPTS
from projector.replay.patience import FIRST_PAUSE_SECONDS
from projector.replay.runs import Run, Runner, begin, give_up, resume
from projector.replay.switching import try_switch
from projector.replay.takeover import FOLLOW_SECONDS, Follower
from projector.targets import HOLD_SECONDS, Serving
from read_models import codec, keys
from read_models.control import ControlDocument
from read_models.documents import PartitionDocument
from sidecar.delivery import Verdict
from tests.projector.harness import REPORT
from tests.projector.world import MemoryLog, MemoryState
from tests.replay.stepping import JumpingLoop, Operation, SteppedLog, SteppedState, Steps
from tests.strategies import value_of

PARTITIONS: Final = 2
ELSEWHERE: Final = Runner("elsewhere", 7)
ENOUGH: Final = 500
"""Operations in which whoever draws level with a few events comes to an end many times over."""

T = TypeVar("T")


class Beside:
    """A generation that serves, another that is built beside it, and a live projector with a clock of its own."""

    def __init__(self) -> None:
        self.log = MemoryLog(PARTITIONS)
        self.state = MemoryState()
        self.now = 1000.0
        self.live = self.projector()
        self.said: list[str | None] = []

    def projector(self) -> Engine:
        return Engine(log=self.log, reader=self.state, writer=self.state, target=Serving(lambda: self.now))

    def append(self, partition: int, count: int = 1) -> None:
        for _ in range(count):
            number = len(self.log.contents[partition])
            learner = ("ada", "ben")[partition]
            fact = replace(REPORT, event_id=f"e-{partition}-{number}", learner_id=learner)
            self.log.append(partition, value_of(fact), learner)

    async def serve(self, partition: int, until: int | None = None) -> Verdict:
        return await self.live.handle(self.log.records(partition, 0, until))

    async def begun(self) -> Run:
        return await begin(self.log, self.state, self.state, ELSEWHERE)

    def follower(self, run: Run) -> Follower:
        return Follower(self.log, self.state, self.state, run, self.said.append)

    async def build(self, run: Run, partition: int, until: int) -> None:
        engine = Engine(log=self.log, reader=self.state, writer=self.state, target=run.target())
        await engine.catch_up(partition, until)

    @property
    def control(self) -> ControlDocument:
        return codec.decode(self.state.values()[keys.CONTROL], ControlDocument)

    def reached(self, generation: int) -> list[int]:
        """By partition the last offset that a generation accounts for."""
        values = self.state.values()
        found = [values[keys.partition(generation, number)] for number in range(PARTITIONS)]
        return [codec.decode(one, PartitionDocument).checkpoint for one in found]

    def documents(self, generation: int) -> dict[str, bytes]:
        prefix = f"g{generation}/"
        values = self.state.values()
        return {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}


def in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    loop = JumpingLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


counts = st.lists(st.integers(0, 6), min_size=PARTITIONS, max_size=PARTITIONS)


@settings(max_examples=60)
@given(served=counts, built=counts, beyond=counts, quietly=st.booleans())
def test_it_is_brought_to_where_the_other_is_and_no_further(
    served: list[int], built: list[int], beyond: list[int], quietly: bool
) -> None:
    beside = Beside()

    async def run() -> None:
        mine = await beside.begun()
        for number in range(PARTITIONS):
            beside.append(number, max(served[number], built[number]) + beyond[number])
            assert await beside.serve(number, served[number]) is Verdict.SETTLED
            await beside.build(mine, number, built[number])
        before = beside.documents(1)
        await beside.follower(mine).draw_level(quietly=quietly)
        # Where it was ahead it stays: nothing is ever taken back.
        assert beside.reached(2) == [max(pair) - 1 for pair in zip(served, built, strict=True)]
        assert beside.documents(1) == before
        assert bool(beside.control.hold) == quietly
        if all(mine <= theirs for mine, theirs in zip(built, served, strict=True)):
            assert beside.documents(2) == before

    in_virtual_time(run())


class Interleaved:
    """Whoever draws level, one operation at a time, and live traffic between any two of them."""

    def __init__(self) -> None:
        self.beside = Beside()
        self.steps = Steps(self.beside.log, self.beside.state)
        self.actor = self.steps.actor("replay")
        self.owner = self.steps.actor("live", live=True)
        state = SteppedState(self.steps, self.owner)
        log, clock = SteppedLog(self.steps, self.owner), lambda: self.beside.now
        self.engine = Engine(log=log, reader=state, writer=state, target=Serving(clock))
        self.verdicts: list[Verdict] = []
        self.asked: list[Operation] = []

    def traffic(self, partition: int = 0) -> None:
        """Another event, and its delivery from beginning to end."""
        self.beside.append(partition)
        batch = self.beside.log.records(partition)[-1:]
        task = self.steps.start(self.owner, self.engine.handle(batch))
        while not task.done():
            self.steps.step(next(one for one in self.steps.pending if one.actor is self.owner))
        verdict = task.result()
        assert isinstance(verdict, Verdict)
        self.verdicts.append(verdict)

    def begin(self) -> Run:
        run = asyncio.run(self.beside.begun())
        for partition in (0, 1, 0, 0):
            self.traffic(partition)
        return run

    def draw_level(self, run: Run, *, quietly: bool, between: Callable[[], None]) -> None:
        """To its end, something happening before each of its operations."""
        state = SteppedState(self.steps, self.actor)
        follower = Follower(SteppedLog(self.steps, self.actor), state, state, run, self.beside.said.append)
        task = self.steps.start(self.actor, follower.draw_level(quietly=quietly))
        while not task.done():
            assert len(self.asked) < ENOUGH, "it never ends"
            between()
            operation = next(one for one in self.steps.pending if one.actor is self.actor)
            self.asked.append(operation)
            self.steps.step(operation)
        task.result()


def test_it_ends_while_the_other_goes_on_and_does_not_ask_for_quiet() -> None:
    race = Interleaved()
    try:
        run = race.begin()
        at_first = race.beside.reached(1)
        race.draw_level(run, quietly=False, between=race.traffic)
        assert set(race.verdicts) == {Verdict.SETTLED}, "traffic was kept waiting"
        assert all(keys.CONTROL not in one.keys for one in race.asked if one.writes)
        reached, at_last = race.beside.reached(2), race.beside.reached(1)
        assert at_first[0] < reached[0] < at_last[0], "it is that far as the other was at a moment in between"
        assert reached[1] == at_first[1] == at_last[1]
    finally:
        race.steps.close()


def test_quietly_both_are_at_the_same_offsets_in_the_end_and_stay_there() -> None:
    race = Interleaved()
    try:
        run = race.begin()
        race.draw_level(run, quietly=True, between=race.traffic)
        assert race.verdicts[-1] is Verdict.RETRY
        # What live projectors are asked for holds at once, and not before.
        quiet_from = race.verdicts.index(Verdict.RETRY)
        assert set(race.verdicts[:quiet_from]) == {Verdict.SETTLED}
        assert set(race.verdicts[quiet_from:]) == {Verdict.RETRY}
        assert race.beside.reached(2) == race.beside.reached(1)
        assert race.beside.documents(2) == race.beside.documents(1)
        race.beside.now += HOLD_SECONDS / 2
        race.traffic()
        assert race.beside.reached(2) == race.beside.reached(1)
    finally:
        race.steps.close()


@pytest.mark.parametrize("attempts", range(1, 4))
def test_the_quiet_is_over_by_itself_however_often_it_was_asked_for(attempts: int) -> None:
    async def run() -> None:
        beside = Beside()
        mine = await beside.begun()
        follower = beside.follower(mine)
        holds: set[str] = set()
        for _ in range(attempts):
            beside.append(0)
            await follower.draw_level(quietly=True)
            holds.add(beside.control.hold)
            assert await beside.serve(0) is Verdict.RETRY
            beside.now += HOLD_SECONDS - 0.001
            assert await beside.serve(0) is Verdict.RETRY
            beside.now += 0.002
            assert await beside.serve(0) is Verdict.SETTLED
        # Each time it was a request of its own; nobody has to wait for one a second time.
        assert len(holds) == attempts
        await follower.draw_level()
        assert {beside.control.hold} <= holds
        beside.append(0)
        assert await beside.serve(0) is Verdict.SETTLED

    in_virtual_time(run())


@pytest.mark.parametrize("way", ["switch", "give up", "takeover"])
def test_the_quiet_is_over_with_the_switch_and_with_the_run(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "SILENCE_SECONDS", 0.0)

    async def run() -> None:
        beside = Beside()
        mine = await beside.begun()
        beside.append(0, 3)
        assert await beside.serve(0, 2) is Verdict.SETTLED
        follower = beside.follower(mine)
        await follower.draw_level(quietly=True)
        assert await beside.serve(0) is Verdict.RETRY
        match way:
            case "switch":
                assert not await try_switch(beside.state, beside.state, mine)
            case "give up":
                await give_up(beside.state, beside.state, mine)
            case _:
                await resume(beside.log, beside.state, beside.state, Runner("another", 8))
        assert beside.control.hold == ""
        assert await beside.serve(0) is Verdict.SETTLED
        assert beside.reached(beside.control.active)[0] == 2

    in_virtual_time(run())


@pytest.mark.parametrize("conflicts", [1, ATTEMPTS - 1, ATTEMPTS, ATTEMPTS + 1])
def test_where_others_keep_writing_control_it_goes_on_without_quiet(conflicts: int) -> None:
    async def run() -> None:
        beside = Beside()
        mine = await beside.begun()
        beside.append(0, 3)
        assert await beside.serve(0) is Verdict.SETTLED
        follower = beside.follower(mine)
        await follower.begin()
        beside.state.write_faults = ["conflict"] * conflicts
        await follower.draw_level(quietly=True)
        assert beside.reached(2) == beside.reached(1)
        assert bool(beside.control.hold) == (conflicts < ATTEMPTS)

    in_virtual_time(run())


@pytest.mark.parametrize("quietly", [False, True])
@given(
    reads=st.lists(st.sampled_from(["none", "unavailable"]), max_size=12),
    writes=st.lists(st.sampled_from(["none", "unavailable", "lost ack", "conflict"]), max_size=8),
)
def test_it_waits_while_the_store_is_away_and_says_so(quietly: bool, reads: list[str], writes: list[str]) -> None:
    beside = Beside()

    async def run() -> None:
        mine = await beside.begun()
        beside.append(0, 3)
        assert await beside.serve(0) is Verdict.SETTLED
        follower = beside.follower(mine)
        beside.state.read_faults, beside.state.write_faults = list(reads), list(writes)
        await follower.draw_level(quietly=quietly)
        met = len(reads) - len(beside.state.read_faults)
        beside.state.read_faults, beside.state.write_faults = [], []
        assert beside.documents(2) == beside.documents(1)
        assert bool(beside.control.hold) == quietly
        # Whatever was said to be waited for is said to be over, and nothing that was not.
        assert ("unavailable" in reads[:met]) <= bool(beside.said)
        assert not beside.said or beside.said[-1] is None
        assert all(one is None or "state store unavailable" in one for one in beside.said)

    in_virtual_time(run())


@pytest.mark.parametrize("quietly", [False, True])
def test_whoever_was_replaced_draws_nothing_level(quietly: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "SILENCE_SECONDS", 0.0)

    async def run() -> None:
        beside = Beside()
        first = await beside.begun()
        beside.append(0, 3)
        assert await beside.serve(0) is Verdict.SETTLED
        follower = beside.follower(first)
        await follower.draw_level()
        beside.append(0)
        assert await beside.serve(0) is Verdict.SETTLED
        await resume(beside.log, beside.state, beside.state, Runner("another", 8))
        before = beside.state.values()
        with pytest.raises(RunReplaced):
            await follower.draw_level(quietly=quietly)
        assert beside.state.values() == before

    in_virtual_time(run())


def test_once_it_serves_nobody_is_asked_for_quiet() -> None:
    async def run() -> None:
        beside = Beside()
        mine = await beside.begun()
        beside.append(0, 3)
        follower = beside.follower(mine)
        await follower.switch()
        before = beside.state.values()
        await follower.draw_level(quietly=True)
        assert beside.state.values() == before
        assert await beside.serve(0) is Verdict.SETTLED

    in_virtual_time(run())


def test_it_keeps_level_until_it_is_cancelled_and_asks_nobody_for_quiet() -> None:
    async def run() -> None:
        beside = Beside()
        mine = await beside.begun()
        keeping = asyncio.get_running_loop().create_task(beside.follower(mine).keeping_level())
        for number in range(10):
            beside.append(number % PARTITIONS)
            assert await beside.serve(number % PARTITIONS) is Verdict.SETTLED
            await asyncio.sleep(FOLLOW_SECONDS + FIRST_PAUSE_SECONDS)
            assert beside.documents(2) == beside.documents(1)
            assert beside.control.hold == ""
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping
        beside.append(0)
        assert await beside.serve(0) is Verdict.SETTLED
        await asyncio.sleep(10 * FOLLOW_SECONDS)
        assert beside.reached(2)[0] == beside.reached(1)[0] - 1

    in_virtual_time(run())
