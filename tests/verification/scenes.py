"""Logs with generations folded from them, in memory, and ways to damage and to disturb them."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import msgspec
from hypothesis import strategies as st
from typing_extensions import override

from projector import fold, learner_fold, learner_growth, needs
from projector.engine import Engine
from projector.pieces import PieceLimits
from projector.verification import enumeration
from read_models import codec, keys
from read_models.control import ControlDocument
from read_models.documents import PartitionDocument
from sidecar.delivery import Verdict
from sidecar.records import Delete, Put, StoredDocument
from tests.projector.world import MemoryLog, MemoryState
from tests.strategies import Fact, histories, value_of

PARTITION_OF = {"ada": 0, "ben": 1, "cyd": 0}
# Has an identity that is noted, though it is no event.
_NAMED = (
    '{"specversion":"1.0","id":"%s","source":"/y","type":"io.learnflow.%s.v1","subject":"ada","time":"%s","data":%s}'
)
_TIME = "2024-02-27T00:00:00Z"
GARBAGE = (
    b"not json",
    b'{"specversion":"1.0"}',
    (_NAMED % ("x", "Nothing", _TIME, "{}")).encode(),
    (_NAMED % ("z", "ProgressUpdated", _TIME, '{"learner_id":"ada"}')).encode(),
)


class Into:
    """Writes a generation, whichever serves."""

    def __init__(self, number: int) -> None:
        self.number = number

    def generation(self, control: ControlDocument) -> int:
        """See `Target`."""
        assert str(self.number) in control.folds
        return self.number


class Scene:
    """A log, a store, and what folds one into the other."""

    def __init__(self, partitions: int = 2) -> None:
        self.log = MemoryLog(partitions)
        self.state = MemoryState()

    def engine(self, generation: int, **limits: int) -> Engine:
        return Engine(
            log=self.log, reader=self.state, writer=self.state, limits=PieceLimits(**limits), target=Into(generation)
        )

    def found(self, *generations: int, active: int | None = None) -> None:
        """Make generations, empty; the first serves."""
        log = {"topic_id": self.log.topic_id, "partitions": self.log.partitions}
        folds = dict.fromkeys(map(str, generations), fold.FOLD_VERSION)
        control = {"active": active or generations[0], "log": log, "folds": folds}
        self.put(keys.CONTROL, msgspec.json.encode(control))
        for generation in generations:
            for number in range(self.log.partitions):
                document = PartitionDocument(partition=number, log_start=0, checkpoint=-1)
                self.put(keys.partition(generation, number), codec.encode(document))

    def put(self, key: str, value: bytes) -> None:
        self.state.documents[key] = StoredDocument(value, f"put {next(iter(self.state.etags))}")

    def append(self, item: Fact | bytes, partition: int | None = None) -> None:
        if isinstance(item, bytes):
            self.log.append(partition or 0, item)
        else:
            number = PARTITION_OF[item.learner_id] % self.log.partitions if partition is None else partition
            self.log.append(number, value_of(item), item.learner_id)

    async def fold(self, generation: int, order: Sequence[int] | None = None, **limits: int) -> None:
        """Fold what the log has, partition by partition in this order."""
        engine = self.engine(generation, **limits)
        for number in order or range(self.log.partitions):
            assert await engine.handle(self.log.records(number)) is Verdict.SETTLED, engine.trouble
            end = len(self.log.contents[number])
            if end and await engine.checkpoint(number) < end - 1:
                await engine.catch_up(number)

    def keys_of(self, generation: int) -> list[str]:
        return sorted(key for key in self.state.documents if key.startswith(f"g{generation}/"))


class Busy:
    """A reader before each of whose reads something happens."""

    def __init__(self, state: MemoryState, happens: Callable[[], Awaitable[None]]) -> None:
        self._state = state
        self._happens = happens
        self.reads = 0

    async def read(self, keys: Collection[str], *, confirm_absence: bool = True) -> Mapping[str, StoredDocument]:
        self.reads += 1
        await self._happens()
        return await self._state.read(keys, confirm_absence=confirm_absence)


class PrunableState(MemoryState):
    """As `MemoryState`; and what deletes from a generation that has no partitions any more has no rivals to order."""

    @override
    async def transact(self, operations: Sequence[Put | Delete]) -> None:
        first = operations[0].key
        if first != keys.CONTROL and "/partition/" not in first:
            generation = first.partition("/")[0]
            assert all(isinstance(one, Delete) and one.key.startswith(f"{generation}/") for one in operations)
            assert [one.key for one in operations] == sorted(one.key for one in operations)
            assert not any(key.startswith(f"{generation}/partition/") for key in self.documents)
            stored = self.documents.get("g0/partition/0")
            operations = [Put("g0/partition/0", b"{}", None if stored is None else stored.etag), *operations]
        await super().transact(operations)


@contextmanager
def small_documents() -> Iterator[None]:
    """Let everything be split, capped and paged early."""
    with (
        patch.multiple(learner_growth, COUNTED_INLINE=2, LESSONS_SHOWN=2),
        patch.multiple(fold, CATALOGUE_PAGE=2),
        patch.multiple(needs, CATALOGUE_PAGE=2),
        patch.multiple(enumeration, CATALOGUE_PAGE=2, SLICE_RECORDS=3, BATCH=5),
        patch.multiple(learner_fold, ACHIEVEMENTS_KEPT=1),
    ):
        yield


@st.composite
def items(draw: st.DrawFn, *, most: int = 15) -> list[Any]:
    """Facts and garbage, in the order in which they are recorded."""
    facts: list[Any] = draw(histories(most=most))
    for value in draw(st.lists(st.sampled_from(GARBAGE), max_size=3)):
        facts.insert(draw(st.integers(0, len(facts))), value)
    return facts


@st.composite
def mutations(draw: st.DrawFn, value: bytes) -> bytes:
    """The bytes of a document with one thing changed: a byte, or a value anywhere in its JSON."""
    if draw(st.booleans()):
        place = draw(st.integers(0, len(value) - 1))
        other = draw(st.integers(0, 255).filter(lambda byte: byte != value[place]))
        return value[:place] + bytes([other]) + value[place + 1 :]
    document = msgspec.json.decode(value)
    places = list(_places(document, ()))
    path = draw(st.sampled_from(places))
    holder = document
    for part in path[:-1]:
        holder = holder[part]
    before = holder[path[-1]]
    if isinstance(before, bool):
        holder[path[-1]] = not before
    elif isinstance(before, int):
        holder[path[-1]] = before + draw(st.sampled_from([-1, 1, 1000]))
    elif isinstance(before, str):
        holder[path[-1]] = before + draw(st.sampled_from(["x", "0"]))
    elif isinstance(before, list):
        before.append(None)
    else:
        holder[path[-1]] = "something else"
    return msgspec.json.encode(document)


def _places(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for part, child in children:
        yield from _places(child, (*path, part))


def run(step: Awaitable[Any]) -> Any:
    """Run a step of a property, which can't be a coroutine itself."""

    async def all_of_it() -> Any:
        return await step

    return asyncio.run(all_of_it())
