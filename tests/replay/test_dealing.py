"""How the partitions of a log are dealt to the workers of a replay, and what becomes of all when one fails.

What takes the place of the worker processes are workers whose time is virtual: each builds as many partitions at once
as a process does, at the pace of one position a second. Only when everybody waits does time go on, to the next
partition that is built; so the threads in which the crew listens decide nothing.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any, Final, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from learnflow.replaying import crew
from learnflow.replaying.crew import BuildFailed
from learnflow.replaying.messages import Assignment, Failed, Finished, Replaced, Waiting
from learnflow.replaying.options import ReplayOptions
from learnflow.replaying.replay import _Replay
from learnflow.replaying.worker import SLOTS, Job
from learnflow.settings import Settings
from learnflow.sidecar import ToolPorts
from projector.errors import RunReplaced
from projector.replay.builder import BuildLimits, Progress
from projector.replay.runs import Run

RUN: Final = Run(2, 1, "a run")
FINISHED, FAILED, REPLACED, ENDED, SILENT = "finished", "failed", "replaced", "ended", "silent"


@dataclass(frozen=True)
class Begun:
    """A partition that a worker has begun to build."""

    partition: int
    worker: int
    at: float
    until: int


@dataclass
class Floor:
    """Where the workers work; `sizes` tell how long each partition takes, `fates` how it ends if not well."""

    sizes: Mapping[int, int]
    total: int
    """Partitions that are to be dealt."""
    fates: Mapping[int, str] = field(default_factory=dict)
    now: float = 0.0
    workers: list["Worker"] = field(default_factory=list)
    begun: list[Begun] = field(default_factory=list)
    turn: threading.Condition = field(default_factory=threading.Condition)
    all_begun: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self, _: Job) -> crew._Member:
        self.workers.append(Worker(self, len(self.workers)))
        one: Any = self.workers[-1]
        return crew._Member(one, one)

    def go_on(self) -> None:
        """When everybody who has something in hand waits, let what is built first be built; the turn is ours."""
        while not any(one.moves for one in self.workers):
            busy = [one for one in self.workers if one.in_hand]
            ends = [(end, one.number, partition) for one in busy for partition, end in one.in_hand.items()]
            ends = [end for end in ends if self.fates.get(end[2], FINISHED) != SILENT]
            if not ends:
                return
            self.now, number, partition = min(ends)
            self.workers[number].come_to_an_end(partition)


@dataclass(eq=False)
class Worker:
    """A process and the connection to it, as the crew uses both."""

    floor: Floor
    number: int
    in_hand: dict[int, float] = field(default_factory=dict)
    """Partitions, and when each is built."""
    said: list[object] = field(default_factory=list)
    listening: bool = False
    killed: bool = False
    ended: bool = False
    closed: bool = False
    most: int = 0

    @property
    def moves(self) -> bool:
        """Whether something comes of it without time going on: it is heard, or given something, or ended."""
        if self.in_hand or self.said:
            return not self.listening or bool(self.said) or self.killed or self.ended
        return not self.listening and len(self.floor.begun) < self.floor.total

    @property
    def exitcode(self) -> int:
        return 1

    def send(self, assignment: Assignment) -> None:
        with self.floor.turn:
            partition = assignment.partition
            self.floor.begun.append(Begun(partition, self.number, self.floor.now, assignment.until))
            self.in_hand[partition] = self.floor.now + self.floor.sizes[partition]
            self.most = max(self.most, len(self.in_hand))
            if len(self.floor.begun) == self.floor.total:
                self.floor.all_begun.set()

    def come_to_an_end(self, partition: int) -> None:
        fate = self.floor.fates.get(partition, FINISHED)
        if fate == ENDED:
            self.ended = True
        elif fate == FAILED:
            self.said.append(Failed(partition, "it can't be"))
        elif fate == REPLACED:
            self.said.append(Replaced(RUN.generation))
        else:
            del self.in_hand[partition]
            said = (
                Waiting(partition, "log"),
                Waiting(partition, None),
                Progress(partition, self.floor.sizes[partition]),
            )
            self.said += [*said, Finished(partition)]
        self.floor.turn.notify_all()

    def recv(self) -> object:
        with self.floor.turn:
            self.listening = True
            try:
                while not self.said:
                    if self.killed or self.ended:
                        raise EOFError
                    self.floor.go_on()
                    if not self.said and not self.ended:
                        self.floor.turn.wait()
                return self.said.pop(0)
            finally:
                self.listening = False
                # If that was its last, time may go on without it.
                self.floor.turn.notify_all()

    def kill(self) -> None:
        with self.floor.turn:
            self.killed = True
            self.floor.turn.notify_all()

    def join(self, _: float) -> None:
        assert self.killed or self.ended

    def close(self) -> None:
        self.closed = True


@dataclass
class Heard:
    """What the crew passes on."""

    progress: list[Progress] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)


def job() -> Job:
    return Job(Settings(), RUN.generation, RUN.identity, BuildLimits())


async def carried_out(floor: Floor, assignments: Sequence[Assignment], workers: int) -> Heard:
    heard = Heard()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(crew, "_start", floor.start)
        try:
            await crew.build(job(), assignments, workers, heard.progress.append, heard.waiting.append)
        finally:
            # However it ends, nobody is left.
            assert all(one.killed and one.closed for one in floor.workers)
    return heard


class Nobody:
    """Does not look how a replay goes."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_: None


async def replayed(floor: Floor, left: Mapping[int, int], ends: Mapping[int, int], workers: int) -> None:
    """What a replay has its workers do that has so much left of each partition."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(crew, "_start", floor.start)
        nothing: Any = None
        ports = ToolPorts(log_reader=nothing, state_reader=nothing, state_writer=nothing, secrets=nothing)
        replay = _Replay(Settings(), ReplayOptions(workers=workers), cast("Any", Nobody()), ports, RUN)
        replay._ends = dict(ends)
        await replay._build_to(dict(left))


def evenly(sizes: Sequence[int], slots: int) -> int:
    """The shortest time in which so many slots can build all of it: by trying every way to deal."""
    return min(
        max(sum(size for size, mine in zip(sizes, dealt, strict=True) if mine == slot) for slot in range(slots))
        for dealt in product(range(slots), repeat=len(sizes))
    )


sizes = st.lists(st.integers(0, 50) | st.sampled_from([1, 1000, 1_000_000]), min_size=1, max_size=40).filter(any)


@settings(max_examples=200)
@given(sizes=sizes, workers=st.integers(1, 12), done=st.integers(0, 100))
@example(sizes=[7], workers=5, done=0)
@example(sizes=[0, 0, 3, 0], workers=2, done=4)
@example(sizes=[1] * 7 + [1_000_000], workers=2, done=0)
def test_every_partition_with_something_left_is_built_once_the_longest_first(
    sizes: list[int], workers: int, done: int
) -> None:
    left = dict(enumerate(sizes))
    floor = Floor(left, sum(map(bool, left.values())))
    ends = {number: size + done * (number % 3) for number, size in left.items()}
    asyncio.run(replayed(floor, left, ends, workers))
    due = {number: size for number, size in left.items() if size}
    assert sorted(one.partition for one in floor.begun) == sorted(due)
    # Up to the log's end, wherever what is left begins.
    assert all(one.until == ends[one.partition] for one in floor.begun)
    assert all(due[one.partition] >= due[after.partition] for one, after in pairwise(floor.begun))
    # No process more than there are partitions, each with one before any has two, and none with more than it builds.
    assert len(floor.workers) == min(workers, len(due))
    first = [one.worker for one in floor.begun[: len(floor.workers)]]
    assert first == list(range(len(floor.workers)))
    assert max(one.most for one in floor.workers) <= SLOTS
    # Nobody who could build has nothing to build while there is something left.
    slots = len(floor.workers) * SLOTS
    assert sum(one.at == 0 for one in floor.begun) >= min(slots, len(due))
    total, longest = sum(due.values()), max(due.values())
    assert floor.now <= total / slots + longest
    assert floor.now >= max(longest, total / slots)


@settings(max_examples=60)
@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=7), workers=st.integers(1, 2))
@example(sizes=[1, 1, 1, 1, 1, 1, 6], workers=1)
def test_all_are_built_nearly_as_soon_as_they_can_be(sizes: list[int], workers: int) -> None:
    """The bound of Graham (1969) for whoever takes the longest first: 4/3 of the shortest time there is."""
    left = dict(enumerate(sizes))
    floor = Floor(left, sum(map(bool, left.values())))
    asyncio.run(replayed(floor, left, left, workers))
    slots = min(workers, len(sizes)) * SLOTS
    assert 3 * slots * floor.now <= (4 * slots - 1) * evenly(sizes, slots)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_huge_partition_holds_up_no_other(workers: int) -> None:
    huge, many = 10_000, 40
    left = dict.fromkeys(range(many), 10) | {17: huge}
    floor = Floor(left, sum(map(bool, left.values())))
    asyncio.run(replayed(floor, left, left, workers))
    assert floor.begun[0].partition == 17
    assert floor.now == huge
    # All others are built by then: by the rest of the slots, one of which is its neighbour's.
    assert max(one.at + left[one.partition] for one in floor.begun[1:]) < huge


@given(
    order=st.permutations(range(12)),
    workers=st.integers(1, 8),
    sizes=st.lists(st.integers(0, 9), min_size=12, max_size=12),
)
def test_a_crew_deals_in_the_order_given_and_passes_on_what_it_hears(
    order: list[int], workers: int, sizes: list[int]
) -> None:
    """Also where a partition turns out to take no time at all."""
    floor = Floor(dict(enumerate(sizes)), 12)
    heard = asyncio.run(carried_out(floor, [Assignment(number, number + 100) for number in order], workers))
    assert [(one.partition, one.until) for one in floor.begun] == [(number, number + 100) for number in order]
    assert sorted(one.partition for one in heard.progress) == list(range(12))
    for number in range(12):
        assert [one.trouble for one in heard.waiting if one.partition == number] == ["log", None]


@given(
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=12),
    workers=st.integers(1, 5),
    fate=st.sampled_from([FAILED, REPLACED, ENDED]),
    data=st.data(),
)
def test_where_one_fails_all_are_ended_and_it_is_told_which(
    sizes: list[int], workers: int, fate: str, data: st.DataObject
) -> None:
    victim = data.draw(st.integers(0, len(sizes) - 1))
    floor = Floor(dict(enumerate(sizes)), len(sizes), {victim: fate})
    with pytest.raises(RunReplaced if fate == REPLACED else BuildFailed) as failed:
        asyncio.run(carried_out(floor, [Assignment(number, 9) for number in range(len(sizes))], workers))
    expected = {
        FAILED: f"partition {victim}: it can't be",
        REPLACED: "no longer this replay's to build",
        ENDED: "status 1; what was built is kept, and `learnflow replay --resume` goes on",
    }[fate]
    assert expected in str(failed.value)
    # Nothing is dealt twice, not even what the one who failed had in hand.
    assert len({one.partition for one in floor.begun}) == len(floor.begun)


@pytest.mark.parametrize("workers", [1, 3])
async def test_cancelled_it_ends_all_of_them(workers: int) -> None:
    sizes = dict.fromkeys(range(10), 1)
    floor = Floor(sizes, len(sizes), {9: SILENT})
    task = asyncio.create_task(carried_out(floor, [Assignment(number, 1) for number in sizes], workers))
    await floor.all_begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(one.killed for one in floor.workers)


@pytest.fixture(autouse=True, scope="module")
def nothing_from_outside() -> Iterator[None]:
    """Settings are those of the program, whatever this shell has."""
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("LEARNFLOW_SIDECAR", raising=False)
        yield
