"""Live projectors and replays through everything that can happen to them, one operation at a time.

Replays that begin, resume, go back to an older generation, give up; that crash between any two operations, and whose
transactions take effect much later, when another has taken over; that go on when they have been replaced. Beside them
live projectors, two for each partition, that get batches from anywhere up to where the consumer group is. After every
transaction: what serves is complete, and nothing that it shows goes back; in the end a replay gets through, and what it
has built is what one engine makes of the log in one go.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

from projector.engine import Engine
from projector.errors import NothingToResume, OnHold, ReplayUnderWay, RunReplaced, StillBehind
from projector.generations import control_of
from projector.pieces import PieceLimits
from projector.replay import runs
from projector.replay.builder import BuildLimits, PartitionBuilder
from projector.replay.patience import patiently
from projector.replay.takeover import Follower
from projector.targets import HOLD_SECONDS, Serving
from read_models import codec, keys
from read_models.control import ControlDocument
from read_models.documents import LearnerDocument, PartitionDocument
from sidecar.delivery import Verdict
from sidecar.errors import SidecarUnavailable, StateConflict
from sidecar.records import Delete, LogRecord, Put
from tests.projector.reading import check_accounts, check_figures
from tests.projector.world import MemoryLog, MemoryState
from tests.replay.stepping import FAULTS, FINE, Actor, SteppedLog, SteppedState, Steps
from tests.strategies import Authoring, Fact, Report, Request, reports, requests, value_of

PARTITIONS = 2
OWNERS = 2
REPLAYS_AT_ONCE = 3
DELIVERIES_AT_ONCE = 4
ENOUGH = 3000
"""Operations after which anything that is let alone has come to its end."""
GARBAGE = (b"junk", b"{}", b'{"id":"g","source":"s"}', b"\x00" * 500)
STARTS = ("whatever is due", "whatever is due", "begin", "resume", "reopen", "reopen")
LEARNERS = ("ada", "ben", "cyd")
EXPECTED_OF_LIVE = (OnHold, StillBehind, StateConflict, SidecarUnavailable)
EXPECTED = (ReplayUnderWay, NothingToResume, RunReplaced, StateConflict, SidecarUnavailable)
"""How a replay may end that was not let alone; of live projectors only a look at the log may."""

T = TypeVar("T")

picks = st.integers(0, 11)
partitions = st.integers(0, PARTITIONS - 1)
facts = requests | reports
garbage = st.tuples(partitions, st.sampled_from(GARBAGE))
limits = st.builds(
    BuildLimits,
    batch_records=st.integers(1, 6),
    flush_bytes=st.sampled_from([1, 2000, 100_000]),
    flush_documents=st.sampled_from([1, 4, 1000]),
)


def told(_: str | None) -> None:
    """Nobody wants to know."""


def of_generation(values: Mapping[str, bytes], generation: int) -> dict[str, bytes]:
    """A generation's documents, under the keys that those of the first would have."""
    prefix = f"g{generation}/"
    return {"g1/" + key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}


def in_one_go(log: MemoryLog) -> dict[str, bytes]:
    """What one engine makes of a log in a store of its own."""
    state = MemoryState()
    engine = Engine(log=log, reader=state, writer=state)

    async def fold() -> None:
        await engine.establish()
        for number in range(log.partitions):
            await engine.catch_up(number)

    asyncio.run(fold())
    return of_generation(state.values(), 1)


class ReplayUnderFaults(RuleBasedStateMachine):
    """Two live owners, replays, one log, one store."""

    spread: ClassVar[bool] = False
    """Whether a learner's events are in more than one partition, as foreign producers may have it."""

    def __init__(self) -> None:
        super().__init__()
        self.log = MemoryLog(PARTITIONS)
        self.state = MemoryState()
        self.steps = Steps(self.log, self.state)
        self.steps.look = self.look
        self.accepted: list[tuple[int, int, Fact]] = []
        self.parked: list[tuple[int, int]] = []
        self.absent: list[tuple[int, int]] = []
        self.committed = [0] * PARTITIONS
        self.clock = 0.0
        self.broken = False
        self.owners = [self.owner(number) for number in range(OWNERS)]
        self.deliveries: dict[asyncio.Task[object], LogRecord] = {}
        self.replays: list[Actor] = []
        self.runs: dict[str, Actor] = {}
        self.given_up: dict[int, Actor] = {}
        self.numbers = {1}
        self.active_checkpoints = [-1] * PARTITIONS
        self.seen: dict[str, tuple[int, dict[str, int]]] = {}
        self.checked: dict[int, dict[str, bytes]] = {}

    def owner(self, number: int) -> tuple[Actor, Engine]:
        actor = self.steps.actor(f"owner {number}", live=True)
        state = SteppedState(self.steps, actor)
        target = Serving(lambda: self.clock)
        pieces = PieceLimits(records=3, documents=5)
        return actor, Engine(
            log=SteppedLog(self.steps, actor), reader=state, writer=state, limits=pieces, target=target
        )

    # What happens to the log.

    @initialize(first=st.lists(facts, max_size=12))
    def begin_with(self, first: list[Fact]) -> None:
        self.accept(first)

    @rule(
        news=st.lists(st.one_of(facts, st.just("again"), partitions.map(lambda n: (n, None)), garbage), max_size=8),
        data=st.data(),
    )
    def record(self, news: list[Fact | str | tuple[int, bytes | None]], data: st.DataObject) -> None:
        """Facts, facts that come again, values that are none, and offsets without a record."""
        for one in news:
            match one:
                case "again":
                    if self.accepted:
                        partition, _, fact = data.draw(st.sampled_from(self.accepted))
                        self.append(partition, fact)
                case (int(number), None):
                    self.log.append_nothing(number)
                    self.absent.append((number, len(self.log.contents[number]) - 1))
                case (int(number), bytes(value)):
                    self.parked.append((number, self.log.append(number, value)))
                case Request() | Report() | Authoring():
                    self.accept([one])

    def accept(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            home = sum(map(ord, fact.learner_id)) + (len(self.accepted) if self.spread else 0)
            self.append(home % PARTITIONS, fact)

    def append(self, partition: int, fact: Fact) -> None:
        self.accepted.append((partition, self.log.append(partition, value_of(fact), fact.learner_id), fact))

    # What live projectors do.

    @precondition(lambda self: len(self.deliveries) < DELIVERIES_AT_ONCE)
    @rule(owner=st.integers(0, OWNERS - 1), partition=partitions, later=st.booleans(), data=st.data())
    def deliver(self, owner: int, partition: int, later: bool, data: st.DataObject) -> None:
        if later:
            self.clock += HOLD_SECONDS
        position = self.committed[partition]
        first = data.draw(st.integers(0, position) | st.just(position))
        records = self.log.records(partition, first, first + data.draw(st.integers(1, 20)))
        left_out = data.draw(st.sets(st.sampled_from(records), max_size=1)) if records else set()
        self.give(owner, [record for record in records if record not in left_out])

    def give(self, owner: int, batch: Sequence[LogRecord]) -> None:
        if batch:
            actor, engine = self.owners[owner]
            self.deliveries[self.begin(actor, engine.handle(batch))] = batch[-1]

    @rule(owner=st.integers(0, OWNERS - 1), partition=partitions)
    def look_at_the_log(self, owner: int, partition: int) -> None:
        """As projectors do from time to time, whatever delivery brings."""
        actor, engine = self.owners[owner]

        async def watch() -> None:
            await engine.establish()
            await engine.catch_up(partition)

        _ = self.begin(actor, watch())

    # What replays do.

    @precondition(lambda self: sum(actor.busy for actor in self.replays) < REPLAYS_AT_ONCE)
    @rule(
        start=st.sampled_from(STARTS),
        limits=limits,
        share=st.sampled_from([0, 1, 2]),
        switch=st.sampled_from([True, True, True, False]),
        data=st.data(),
    )
    def replay(self, start: str, limits: BuildLimits, share: int, switch: bool, data: st.DataObject) -> None:
        generation = data.draw(st.sampled_from(sorted(self.numbers))) if start == "reopen" else 0
        if start == "whatever is due":
            start, generation = self.due
        _ = self.start_replay(start, limits, share, generation, switch=switch)

    @property
    def due(self) -> tuple[str, int]:
        """What an operator is told to do, and with which generation."""
        building = None if self.control is None else self.control.building
        if building is None:
            return "begin", 0
        return ("reopen", building.generation) if building.reopened else ("resume", 0)

    def start_replay(
        self, start: str, limits: BuildLimits, share: int, generation: int = 0, *, switch: bool = True
    ) -> asyncio.Task[object]:
        actor = self.steps.actor(f"replay {len(self.replays)}, {start}")
        self.replays.append(actor)
        return self.begin(actor, self.carry_out(actor, start, limits, share, generation, switch=switch))

    async def carry_out(
        self, actor: Actor, start: str, limits: BuildLimits, share: int, generation: int, *, switch: bool
    ) -> None:
        """A replay, as `learnflow replay` and `learnflow generations activate` have it; `share` halves are built."""
        log, state = SteppedLog(self.steps, actor), SteppedState(self.steps, actor)
        runner = runs.Runner(actor.name, 1)
        match start:
            case "begin":
                run = await runs.begin(log, state, state, runner)
            case "resume":
                run = await runs.resume(log, state, state, runner)
            case _:
                stored = await state.read([keys.CONTROL])
                if not stored or control_of(stored)[0].active == generation:
                    return
                run = await runs.reopen(log, state, state, runner, generation)
        bounds = await patiently(log.bounds, told)
        builders = [
            PartitionBuilder(
                number,
                log=log,
                reader=state,
                writer=state,
                target=run.target(),
                limits=limits,
                progress=lambda _: None,
                told=told,
            ).build(bounds[number].end * share // 2)
            for number in bounds
        ]
        ends = await asyncio.gather(*builders, return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end
        follower = Follower(log, state, state, run, told)
        await follower.begin()
        if share:  # or else it is the switch that has to see to it
            await follower.catch_up()
        if switch:
            await follower.switch()
            await follower.catch_up()  # beside the live projectors
        else:
            await patiently(partial(runs.give_up, state, state, run), told)

    # What becomes of it.

    @precondition(lambda self: self.steps.pending)
    @rule(order=st.lists(picks, min_size=1, max_size=20), times=st.sampled_from([1, 3, 8]))
    def interleave(self, order: list[int], times: int) -> None:
        for pick in order * times:
            self.one_step(pick, FINE)

    @precondition(lambda self: self.steps.pending)
    @rule(seed=st.integers(0, 1_000_000), steps=st.sampled_from([30, 100]))
    def interleave_at_length(self, seed: int, steps: int) -> None:
        chance = random.Random(seed)
        for _ in range(steps):
            self.one_step(chance.randrange(1000), FINE)

    @precondition(lambda self: self.steps.pending)
    @rule(pick=picks, times=st.sampled_from([1, 2, 5, 15, 50]))
    def let_one_go_on(self, pick: int, times: int) -> None:
        actor = self.steps.pending[pick % len(self.steps.pending)].actor
        for _ in range(times):
            mine = [operation for operation in self.steps.pending if operation.actor is actor]
            if mine:
                self.take(partial(self.steps.step, mine[0]))

    @precondition(lambda self: self.steps.pending)
    @rule(steps=st.sampled_from([20, 60]))
    def let_all_go_on(self, steps: int) -> None:
        for _ in range(steps):
            self.one_step(0, FINE)

    @precondition(lambda self: self.steps.pending)
    @rule(pick=picks, outcome=st.sampled_from(FAULTS), write=st.sampled_from([True, True, False]))
    def fail(self, pick: int, outcome: str, write: bool) -> None:
        choice = [operation for operation in self.steps.pending if operation.writes == write]
        for _ in range(ENOUGH):  # until somebody writes
            if choice or not write:
                break
            self.one_step(0, FINE)
            choice = [operation for operation in self.steps.pending if operation.writes]
        if choice:
            self.take(partial(self.steps.step, choice[pick % len(choice)], outcome))

    @precondition(lambda self: any(actor.busy for actor in self.steps.actors))
    @rule(pick=picks, fate=st.sampled_from(FAULTS))
    def crash(self, pick: int, fate: str) -> None:
        busy = [actor for actor in self.steps.actors if actor.busy]
        actor = busy[pick % len(busy)]
        self.take(partial(self.steps.crash, actor, fate))
        for number, (owner, _) in enumerate(self.owners):
            if owner is actor:
                self.owners[number] = self.owner(number)

    @precondition(lambda self: self.steps.late)
    @rule(pick=picks)
    def arrive_late(self, pick: int) -> None:
        self.take(partial(self.steps.arrive, self.steps.late[pick % len(self.steps.late)]))

    def one_step(self, pick: int, outcome: str) -> None:
        if self.steps.pending:
            operation = self.steps.pending[pick % len(self.steps.pending)]
            self.take(partial(self.steps.step, operation, outcome))

    def begin(self, actor: Actor, work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        return self.take(partial(self.steps.start, actor, work))

    def take(self, step: Callable[[], T]) -> T:
        try:
            result = step()
            self.reap()
        except BaseException:
            self.broken = True
            raise
        return result

    def reap(self) -> None:
        """See what has come of whatever has ended. The group's position moves on with a batch that was settled."""
        for actor in self.steps.actors:
            for task in [task for task in actor.tasks if task.done()]:
                actor.tasks.remove(task)
                last = self.deliveries.pop(task, None)
                if task.cancelled():
                    continue
                failure = task.exception()
                if last is not None and task.result() is Verdict.SETTLED:
                    self.committed[last.partition] = max(self.committed[last.partition], last.offset + 1)
                    self.nothing_delivered_is_lost()
                elif failure is not None and not isinstance(failure, EXPECTED_OF_LIVE if actor.live else EXPECTED):
                    raise failure
        for _, engine in self.owners:
            assert "a fault of the projector" not in (engine.trouble or "")

    # What must be so after every transaction.

    def look(self, actor: Actor, operations: Sequence[Put | Delete], values: Mapping[str, bytes]) -> None:
        before = codec.decode(values[keys.CONTROL], ControlDocument) if values else None
        after = self.control
        assert after is not None
        self.check_numbers(before, after)
        self.check_runs(actor, before, after)
        for operation in operations:
            if operation.key.startswith("g"):
                self.check_writer(actor, operation, values.get(operation.key), before, after)
        for number in self.numbers:
            for accounts in self.accounts(number):
                check_accounts(accounts)
        for accounts in self.accounts(after.active):
            number, checkpoint = accounts.partition, accounts.checkpoint
            assert checkpoint >= self.active_checkpoints[number], "what serves went back"
            self.active_checkpoints[number] = checkpoint
        self.nothing_delivered_is_lost()
        self.nothing_visible_goes_back(after.active)

    def check_numbers(self, before: ControlDocument | None, after: ControlDocument) -> None:
        new = {int(number) for number in after.folds} - {int(number) for number in (before.folds if before else {})}
        assert not before or not new & self.numbers, "a number was given twice"
        assert set(after.folds) == {str(number) for number in self.numbers | new}
        self.numbers |= new
        assert after.latest in (0, max(self.numbers))
        assert after.building is None or after.building.generation != after.active, "what serves is being built"

    def check_runs(self, actor: Actor, before: ControlDocument | None, after: ControlDocument) -> None:
        if before and before.building and after.building and before.building.generation != after.building.generation:
            self.given_up[before.building.generation] = self.runs[before.building.run]
        if after.building is not None:
            self.runs.setdefault(after.building.run, actor)
            actor_of_run = self.runs[after.building.run]
            actor_of_run.generations.add(after.building.generation)
            self.given_up.pop(after.building.generation, None)
        elif before is not None and before.building is not None:
            # Who goes back to an older generation gives up what somebody has built and seems to have left.
            owner = self.runs[before.building.run]
            assert owner is actor or (not actor.live and after.active == before.active)
            if after.active == before.active:
                self.given_up[before.building.generation] = owner
        if before is not None and after.active != before.active:
            assert before.building is not None
            assert before.building.generation == after.active
            assert self.runs[before.building.run] is actor

    def check_writer(
        self,
        actor: Actor,
        operation: Put | Delete,
        value: bytes | None,
        before: ControlDocument | None,
        after: ControlDocument,
    ) -> None:
        """A generation is written by those who fold what serves while it does, or else by its run alone."""
        assert isinstance(operation, Put)
        generation = int(operation.key.split("/")[0].removeprefix("g"))
        if before is None or generation == before.active:
            switched = before is not None and after.active != before.active
            assert not switched or operation.value == value
            assert switched or actor.live or generation in actor.generations or before is None
            return
        buildings = [control.building for control in (before, after) if control.building is not None]
        builds = [building for building in buildings if building.generation == generation]
        assert not actor.live, f"{actor.name} wrote {operation.key}, which does not serve"
        # Until all partitions are taken over, what the run before has under way may still get there.
        assert (
            actor in [self.runs[building.run] for building in builds]
            or any(building.taking for building in builds)
            or self.given_up.get(generation) is actor
        ), f"{actor.name} wrote {operation.key}"

    def nothing_delivered_is_lost(self) -> None:
        for number, position in enumerate(self.committed):
            assert self.active_checkpoints[number] + 1 >= position, "delivery is past what serves"

    def nothing_visible_goes_back(self, active: int) -> None:
        for learner_id in LEARNERS:
            value = self.state.documents.get(keys.learner(active, learner_id))
            events, offsets = self.seen.get(learner_id, (0, {}))
            if value is None:
                assert not events, f"{learner_id} is gone"
                continue
            document = codec.decode(value.value, LearnerDocument)
            now = {number: position.offset for number, position in document.as_of.items()}
            assert document.totals.events >= events, f"{learner_id} went back"
            assert all(now.get(number, -1) >= offset for number, offset in offsets.items()), f"{learner_id} went back"
            self.seen[learner_id] = (document.totals.events, now)

    @invariant()
    def figures_are_those_of_what_is_accounted_for(self) -> None:
        """In every generation, also in one that is being built."""
        if self.control is None:
            return
        values = self.state.values()
        for generation in self.numbers:
            documents = of_generation(values, generation)
            if self.checked.get(generation) == documents:
                continue
            self.checked[generation] = documents
            reached = {}
            for accounts in self.accounts(generation):
                number, checkpoint = accounts.partition, accounts.checkpoint
                reached[number] = checkpoint
                assert accounts.parked == sum(1 for one in self.parked if one[0] == number and one[1] <= checkpoint)
                assert accounts.missing == sum(1 for one in self.absent if one[0] == number and one[1] <= checkpoint)
            facts = [fact for partition, offset, fact in self.accepted if offset <= reached[partition]]
            check_figures(documents, facts, PARTITIONS)

    @property
    def control(self) -> ControlDocument | None:
        stored = self.state.documents.get(keys.CONTROL)
        return None if stored is None else codec.decode(stored.value, ControlDocument)

    def accounts(self, generation: int) -> list[PartitionDocument]:
        documents = [self.state.documents[keys.partition(generation, number)] for number in range(PARTITIONS)]
        return [codec.decode(document.value, PartitionDocument) for document in documents]

    # What must be so in the end.

    @override
    def teardown(self) -> None:
        try:
            if not self.broken:
                self.finish()
        finally:
            self.steps.close()

    def finish(self) -> None:
        """When nothing fails any more a replay gets through, whatever was before, and has built the right thing."""
        self.take(lambda: self.steps.drain(ENOUGH))
        start, generation = self.due
        last = self.start_replay(start, BuildLimits(), 2, generation)
        self.take(lambda: self.steps.drain(ENOUGH))
        assert last.done()
        assert last.exception() is None
        control = self.control
        assert control is not None
        assert control.building is None
        assert control.active in self.replays[-1].generations
        while self.steps.late:
            self.take(partial(self.steps.arrive, self.steps.late[0]))
        self.clock += HOLD_SECONDS
        for partition in range(PARTITIONS):
            records = self.log.records(partition)
            while records and self.committed[partition] <= records[-1].offset:
                position = self.committed[partition]
                self.give(partition % OWNERS, self.log.records(partition, position))
                self.take(lambda: self.steps.drain(ENOUGH))
                assert self.committed[partition] > position
        assert self.control == control
        values = of_generation(self.state.values(), control.active)
        check_figures(values, [fact for _, _, fact in self.accepted], PARTITIONS)
        self.compare(values, in_one_go(self.log))

    def compare(self, values: dict[str, bytes], expected: dict[str, bytes]) -> None:
        assert values == expected


class ReplayOfSpreadLearners(ReplayUnderFaults):
    """The same where learners have events in both partitions."""

    spread: ClassVar[bool] = True

    @override
    def compare(self, values: dict[str, bytes], expected: dict[str, bytes]) -> None:
        """All but how the platform's figures are split between the partitions, which nobody promises."""

        def others(of: dict[str, bytes]) -> dict[str, bytes]:
            return {key: value for key, value in of.items() if "/partition/" not in key}

        assert others(values) == others(expected)


TestReplayUnderFaults = ReplayUnderFaults.TestCase
TestReplayUnderFaults.settings = settings(max_examples=60, stateful_step_count=40)
TestReplayOfSpreadLearners = ReplayOfSpreadLearners.TestCase
TestReplayOfSpreadLearners.settings = settings(max_examples=40, stateful_step_count=40)
