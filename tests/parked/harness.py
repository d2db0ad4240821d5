"""What the tests of a retry begin with, and what they look at."""

import dataclasses
import json
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from projector.parked.attempt import Decode
from projector.parked.dropping import Dropped, Grounds, drop
from projector.parked.outcomes import Retried
from projector.parked.reading import parked_values
from projector.parked.retrying import Retry
from projector.parked.values import LogPosition, ParkedValue
from read_models import codec, keys
from read_models.control import ControlDocument
from sidecar.records import StoredDocument
from tests.parked.newer import newer, newer_value_of
from tests.projector.harness import REPORT, World
from tests.projector.reading import check_accounts, partitions_of
from tests.strategies import Fact, Report

GROUNDS = Grounds("no learner's", "olga", 1_900_000_000_000)


def retry_in(world: World, decode: Decode = newer) -> Retry:
    return Retry(log=world.log, reader=world.state, writer=world.state, decode=decode)


async def all_of(results: AsyncIterator[Retried]) -> dict[str, str]:
    """The outcomes by position."""
    return {str(one.position): one.outcome.value async for one in results}


async def retry_named(world: World, *positions: str, decode: Decode = newer) -> dict[str, str]:
    return await all_of(retry_in(world, decode).named(map(LogPosition.parse, positions)))


async def retry_everything(world: World, reason: str | None = None, decode: Decode = newer) -> dict[str, str]:
    return await all_of(retry_in(world, decode).everything(reason))


async def drop_in(world: World, position: str, grounds: Grounds = GROUNDS) -> Dropped:
    return await drop(LogPosition.parse(position), grounds, reader=world.state, writer=world.state)


async def listed(world: World, generation: int | None = None) -> list[ParkedValue]:
    return [one async for one in parked_values(world.state, generation)]


def documents(values: Mapping[str, bytes], kind: str) -> set[str]:
    """Keys of the documents of a kind in generation 1."""
    return {key for key in values if key.startswith(f"g1/{kind}/")}


def accounted(values: Mapping[str, bytes], partitions: int = 2) -> dict[str, int]:
    """What became of the offsets of all partitions; each is checked."""
    sums = dict.fromkeys(("applied", "duplicate", "parked", "missing", "retried", "parkings"), 0)
    for one in partitions_of(values, partitions):
        check_accounts(one)
        assert one.retried == one.parkings - one.parked
        for name in sums:
            sums[name] += getattr(one, name)
    assert len(documents(values, "parked")) == sums["parked"]
    return sums


def without_index(values: Mapping[str, bytes], keys_of: Iterable[str]) -> dict[str, Any]:
    """Documents without the place that a lesson has in its catalogue."""

    def strip(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: strip(value) for key, value in node.items() if key != "index"}
        return [strip(one) for one in node] if isinstance(node, list) else node

    return {key: strip(json.loads(values[key])) for key in keys_of}


def change_control(world: World, **changes: Any) -> None:
    control = codec.decode(world.state.documents[keys.CONTROL].value, ControlDocument)
    etag = str(next(iter(world.state.etags)))
    world.state.documents[keys.CONTROL] = StoredDocument(codec.encode(replace(control, **changes)), etag)


def reports(count: int) -> list[Report]:
    return [dataclasses.replace(REPORT, event_id=f"e-{number}", lesson_id=f"l-{number}") for number in range(count)]


async def parked_world(world: World, facts: Collection[Fact]) -> World:
    """The world with these facts recorded by the version to come, in partition 0, and parked."""
    for fact in facts:
        world.log.append(0, newer_value_of(fact), fact.learner_id)
    await world.fold_all()
    return world
