"""A log and a state store of which every single operation waits until the test lets it happen.

So a test decides what comes between any two operations of whoever uses them, and what becomes of each: done, not done,
done without an answer, or done much later, when whoever asked for it has long been replaced. Time is virtual: it jumps
to whatever is waited for, so that pauses cost nothing and only operations are waited for in earnest.
"""

import asyncio
import selectors
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from typing_extensions import override

from sidecar.errors import SidecarError, SidecarUnavailable
from sidecar.records import Delete, LogIdentity, LogSlice, PartitionBounds, Put, StoredDocument
from tests.projector.world import MemoryLog, MemoryState

FINE: Final = "fine"
NOT_DONE: Final = "not done"
UNANSWERED: Final = "done, but unanswered"
LATE: Final = "unanswered, and done later"
FAULTS: Final = (NOT_DONE, UNANSWERED, LATE)
_ALL_PAUSES: Final = 1000.0
"""Seconds of virtual time; longer than anybody ever waits for anything but an operation."""

T = TypeVar("T")


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run what only ever yields to others, and waits for nothing, in one go."""
    while True:
        try:
            work.send(None)
        except StopIteration as end:
            result: T = end.value
            return result


@dataclass(eq=False)
class Actor:
    """Who asks for operations: a live projector, or a replay."""

    name: str
    live: bool = False
    tasks: list[asyncio.Task[object]] = field(default_factory=list)
    generations: set[int] = field(default_factory=set)

    @property
    def busy(self) -> bool:
        return any(not task.done() for task in self.tasks)


@dataclass(eq=False)
class Operation:
    """One that waits to happen."""

    actor: Actor
    name: str
    work: Callable[[], object]
    answer: asyncio.Future[Any]
    keys: tuple[str, ...] = ()

    @property
    def writes(self) -> bool:
        return self.name == "transact"


class _JumpingSelector(selectors.SelectSelector):
    """Does not wait: where nothing is ready, time jumps to the next timer."""

    now = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits for nothing"
            self.now += max(0.0, timeout)
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    @override
    def time(self) -> float:
        return self._jumping.now


class Steps:
    """The log and the store, whoever uses them, and the operations that wait."""

    def __init__(self, log: MemoryLog, state: MemoryState) -> None:
        self.log = log
        self.state = state
        self.loop = JumpingLoop()
        self.pending: list[Operation] = []
        self.late: list[Operation] = []
        self.actors: list[Actor] = []
        self.steps = 0
        self.look: Callable[[Actor, Sequence[Put | Delete], Mapping[str, bytes]], None] = lambda *_: None
        """Called after each transaction that took effect, with the documents before it."""

    def actor(self, name: str, *, live: bool = False) -> Actor:
        self.actors.append(Actor(name, live))
        return self.actors[-1]

    def start(self, actor: Actor, work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        """Begin some work, up to its first operation."""
        task: asyncio.Task[object] = self.loop.create_task(work)
        actor.tasks.append(task)
        self.settle()
        return task

    def settle(self) -> None:
        """Let everybody go on until all that is waited for are operations."""
        self.loop.run_until_complete(asyncio.sleep(_ALL_PAUSES))

    def step(self, operation: Operation, outcome: str = FINE) -> None:
        """Let an operation happen, and whoever asked for it go on."""
        self.steps += 1
        self.pending.remove(operation)
        try:
            if outcome == LATE and operation.writes:
                self.late.append(operation)
            result = operation.work() if outcome in (FINE, UNANSWERED) else None
        except SidecarError as refusal:
            failure: SidecarError | None = refusal
        else:
            failure = None if outcome == FINE else SidecarUnavailable("state store", outcome)
            if failure is None:
                operation.answer.set_result(result)
        if failure is not None:
            operation.answer.set_exception(failure)
        self.settle()

    def crash(self, actor: Actor, fate: str) -> None:
        """End an actor; what it has under way meets its fate: the same as those of an operation."""
        under_way = [operation for operation in self.pending if operation.actor is actor]
        self.pending = [operation for operation in self.pending if operation.actor is not actor]
        for operation in under_way:
            if operation.writes and fate == UNANSWERED:
                with suppress(SidecarError):
                    operation.work()
            elif operation.writes and fate == LATE:
                self.late.append(operation)
        for task in actor.tasks:
            task.cancel()
        self.settle()
        actor.tasks.clear()

    def arrive(self, operation: Operation) -> None:
        """Let what was sent long ago take effect, if it still can."""
        self.late.remove(operation)
        with suppress(SidecarError):
            operation.work()

    def drain(self, most: int) -> None:
        """Let everything happen, in the order in which it was asked for, until nobody is busy."""
        begun = self.steps
        while self.pending:
            assert self.steps - begun < most, f"no end: {self.pending[0].actor.name} {self.pending[0].name}"
            self.step(self.pending[0])

    def close(self) -> None:
        for actor in self.actors:
            for task in actor.tasks:
                task.cancel()
        self.settle()
        self.loop.close()

    async def ask(self, actor: Actor, name: str, work: Callable[[], T], keys: tuple[str, ...] = ()) -> T:
        operation = Operation(actor, name, work, self.loop.create_future(), keys)
        self.pending.append(operation)
        try:
            result: T = await operation.answer
        finally:
            if operation in self.pending:  # whoever asked is no longer interested
                self.pending.remove(operation)
        return result

    def commit(self, actor: Actor, operations: Sequence[Put | Delete]) -> None:
        before = self.state.values()
        at_once(self.state.transact(operations))
        self.look(actor, operations, before)


class SteppedLog:
    """The log as one actor sees it; see `LogReader`."""

    def __init__(self, steps: Steps, actor: Actor) -> None:
        self._steps = steps
        self._actor = actor

    async def identity(self) -> LogIdentity:
        return await self._steps.ask(self._actor, "identity", lambda: at_once(self._steps.log.identity()))

    async def faults(self) -> Sequence[str]:
        return ()

    async def bounds(self) -> Mapping[int, PartitionBounds]:
        return await self._steps.ask(self._actor, "bounds", lambda: at_once(self._steps.log.bounds()))

    async def read(self, partition: int, first: int, until: int, *, max_records: int, max_bytes: int) -> LogSlice:
        def work() -> LogSlice:
            log = self._steps.log
            return at_once(log.read(partition, first, until, max_records=max_records, max_bytes=max_bytes))

        return await self._steps.ask(self._actor, "read the log", work)

    async def delivered(self) -> Mapping[int, int]:
        return await self._steps.ask(self._actor, "delivered", lambda: at_once(self._steps.log.delivered()))


class SteppedState:
    """The state store as one actor sees it; see `StateReader` and `StateWriter`."""

    def __init__(self, steps: Steps, actor: Actor) -> None:
        self._steps = steps
        self._actor = actor

    async def read(
        self,
        keys: Collection[str],
        *,
        confirm_absence: bool = True,  # noqa: ARG002 - absence is certain here
    ) -> Mapping[str, StoredDocument]:
        wanted = list(keys)
        return await self._steps.ask(self._actor, "read", lambda: at_once(self._steps.state.read(wanted)))

    async def transact(self, operations: Sequence[Put | Delete]) -> None:
        asked = list(operations)
        keys = tuple(operation.key for operation in asked)
        await self._steps.ask(self._actor, "transact", lambda: self._steps.commit(self._actor, asked), keys)
