"""The sentences of the design about late retries, as properties.

Whatever was parked and is retried, in whatever order, in whatever transactions, and whatever fails meanwhile: the
figures are those of the facts, every offset is accounted for once, and learners are as if nothing had been parked.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from curriculum.material import Curriculum
from projector import fold, learner_fold, learner_growth, needs
from projector.parked.values import LogPosition
from query_api.figures import platform_status
from tests.parked.harness import accounted, all_of, documents, retry_in, without_index
from tests.parked.newer import newer_decode, newer_value_of
from tests.projector.harness import World
from tests.projector.oracle import expected_platform
from tests.projector.reading import check_figures, partitions_of
from tests.strategies import Fact, histories, value_of

GARBAGE = (b"junk", b"{}", b'{"id":"g","source":"s"}', b"\xff" * 300)
write_faults = st.lists(st.sampled_from(["none", "conflict", "unavailable", "lost ack"]), max_size=8)


@st.composite
def logs(draw: st.DrawFn, *, most: int = 15) -> list[tuple[int, Fact | bytes, bool]]:
    """Facts and garbage, each with its partition and whether it is of the version to come."""
    facts: list[Fact | bytes] = [*draw(histories(most=most))]
    for garbage in draw(st.lists(st.sampled_from(GARBAGE), max_size=4)):
        facts.insert(draw(st.integers(0, len(facts))), garbage)
    return [(draw(st.integers(0, 1)), fact, draw(st.booleans())) for fact in facts]


def world_of(log: list[tuple[int, Fact | bytes, bool]]) -> tuple[World, list[str]]:
    """A world with that log, and the positions of what only the version to come can read."""
    world = World()
    late = []
    for partition, fact, is_newer in log:
        if isinstance(fact, bytes):
            world.log.append(partition, fact)
            continue
        offset = world.log.append(partition, newer_value_of(fact) if is_newer else value_of(fact), fact.learner_id)
        if is_newer:
            late.append(f"{partition}:{offset}")
    return world, late


async def fold_everything(world: World) -> None:
    """Fold the log, also one that is empty."""
    await world.engine.establish()
    await world.fold_all()


async def retry_through_faults(world: World, positions: list[str], faults: list[str]) -> None:
    """Retry until nothing fails any more, as an operator does."""
    world.state.write_faults = list(faults)
    await all_of(retry_in(world).named(map(LogPosition.parse, positions)))


@contextmanager
def everything_small() -> Iterator[None]:
    """Limits so small that all is split, capped and paged."""
    with (
        patch.multiple(learner_growth, COUNTED_INLINE=2, LESSONS_SHOWN=2),
        patch.multiple(learner_fold, ACHIEVEMENTS_KEPT=1),
        patch.multiple(fold, CATALOGUE_PAGE=2),
        patch.multiple(needs, CATALOGUE_PAGE=2),
    ):
        yield


@given(st.data(), logs(), write_faults)
def test_what_was_parked_counts_once_retried_in_any_order(
    data: st.DataObject, log: list[tuple[int, Fact | bytes, bool]], faults: list[str]
) -> None:
    world, late = world_of(log)
    facts = [fact for _, fact, _ in log if not isinstance(fact, bytes)]
    turned = data.draw(st.permutations(late))
    cut = data.draw(st.integers(0, len(turned)))

    async def run() -> None:
        await fold_everything(world)
        before = accounted(world.values)
        assert before["parked"] == len(late) + len(log) - len(facts)
        await retry_through_faults(world, turned[:cut], faults)
        await retry_through_faults(world, turned[cut:], faults)
        after = accounted(world.values)
        assert (after["parked"], after["retried"]) == (len(log) - len(facts), len(late))
        assert (after["applied"], after["duplicate"]) == (len(facts), 0)
        check_figures(world.values, facts, 2)
        done = world.values
        again = await all_of(retry_in(world).named(map(LogPosition.parse, late)))
        assert set(again.values()) <= {"not-parked"}
        assert world.values == done

    asyncio.run(run())


@given(logs(), write_faults)
def test_learners_and_lessons_come_out_as_if_nothing_had_been_parked(
    log: list[tuple[int, Fact | bytes, bool]], faults: list[str]
) -> None:
    in_turn, _ = world_of(log)
    world, late = world_of(log)

    async def run() -> None:
        with patch("projector.items.decode", newer_decode):
            await fold_everything(in_turn)
        await fold_everything(world)
        await retry_through_faults(world, late, faults)

    asyncio.run(run())
    for kind in ("learner", "lesson", "parked-event"):
        names = documents(in_turn.values, kind)
        assert documents(world.values, kind) == names
        assert without_index(world.values, names) == without_index(in_turn.values, names)
    for one, other in zip(partitions_of(world.values, 2), partitions_of(in_turn.values, 2), strict=True):
        assert (one.checkpoint, one.as_of, one.seal) == (other.checkpoint, other.as_of, other.seal)


@given(logs(), write_faults)
def test_outgrown_documents_are_folded_into_as_well(
    log: list[tuple[int, Fact | bytes, bool]], faults: list[str]
) -> None:
    world, late = world_of(log)
    facts = [fact for _, fact, _ in log if not isinstance(fact, bytes)]

    async def run() -> None:
        await fold_everything(world)
        await retry_through_faults(world, late, faults)

    with everything_small():
        asyncio.run(run())
        assert accounted(world.values)["retried"] == len(late)
    expected = expected_platform(facts)
    found = platform_status(partitions_of(world.values, 2), Curriculum()).model_dump()
    # Only so many achievements are kept.
    for name in expected.keys() - {"achievements_awarded"}:
        assert found[name] == expected[name], name


@given(st.data(), logs(most=8))
def test_an_event_recorded_twice_counts_once_whichever_is_retried_first(
    data: st.DataObject, log: list[tuple[int, Fact | bytes, bool]]
) -> None:
    facts = [fact for _, fact, _ in log if not isinstance(fact, bytes)]
    repeated = [(data.draw(st.integers(0, 1)), fact, data.draw(st.booleans())) for fact in facts]
    world, late = world_of([*log, *repeated])

    async def run() -> None:
        await fold_everything(world)
        await retry_through_faults(world, data.draw(st.permutations(late)), [])

    asyncio.run(run())
    counts = accounted(world.values)
    assert (counts["applied"], counts["duplicate"]) == (len(facts), len(facts))
    check_figures(world.values, facts, 2)
