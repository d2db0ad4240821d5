"""The sentences of the design about folds, as properties.

Batch boundaries, redeliveries, duplicates, interleavings of partitions and the order of recording change nothing in the
end.
"""

import asyncio
import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from curriculum.material import Curriculum
from projector import concept_fold, fold, learner_fold, learner_growth, needs
from projector.engine import Engine
from projector.pieces import PieceLimits
from query_api.figures import platform_status
from read_models import codec
from read_models.control import ControlDocument
from read_models.documents import (
    AuthoredDocument,
    CataloguePage,
    CountedDocument,
    Document,
    LearnerDocument,
    LessonDocument,
    LessonsDocument,
    ParkedDocument,
    ParkedEventDocument,
    PartitionDocument,
)
from sidecar.delivery import Verdict
from sidecar.records import LogRecord
from tests.projector.oracle import expected_platform
from tests.projector.reading import check_accounts, check_figures, partitions_of
from tests.projector.world import MemoryLog, MemoryState
from tests.strategies import Fact, histories, value_of

PARTITION_OF = {"ada": 0, "ben": 1, "cyd": 0}
GARBAGE = (b"", b"not json", b'{"specversion":"1.0"}', b'{"id":"x","source":"y","traceparent":5}', b"\xff" * 300)
SHAPES: dict[str, type[Document]] = {
    "control": ControlDocument,
    "partition": PartitionDocument,
    "learner": LearnerDocument,
    "counted": CountedDocument,
    "lessons": LessonsDocument,
    "lesson": LessonDocument,
    "authored": AuthoredDocument,
    "catalogue": CataloguePage,
    "parked": ParkedDocument,
    "parked-event": ParkedEventDocument,
}

logs = st.lists(
    histories(most=12).flatmap(st.permutations) | st.sampled_from(GARBAGE).map(lambda one: [one]), max_size=4
)


def log_of(items: Iterable[Any]) -> MemoryLog:
    log = MemoryLog()
    for number, item in enumerate(items):
        if isinstance(item, bytes):
            log.append(number % 2, item)
        else:
            log.append(PARTITION_OF[item.learner_id], value_of(item), item.learner_id)
    return log


def folded(
    log: MemoryLog, batches: Iterable[Sequence[LogRecord]], *, limits: PieceLimits | None = None
) -> dict[str, bytes]:
    """All documents after these batches, in this order."""
    state = MemoryState()

    async def run() -> None:
        engine = Engine(log=log, reader=state, writer=state, limits=limits)
        await engine.establish()
        for batch in batches:
            assert await engine.handle(batch) is Verdict.SETTLED, engine.trouble

    asyncio.run(run())
    return state.values()


def whole(log: MemoryLog) -> list[list[LogRecord]]:
    return [log.records(number) for number in range(log.partitions)]


@st.composite
def batchings(draw: st.DrawFn, log: MemoryLog, *, redeliver: bool) -> list[list[LogRecord]]:
    """The log in batches: cut anywhere, partitions interleaved in any way, prefixes perhaps delivered again."""
    queues = []
    for records in whole(log):
        cuts = sorted(draw(st.sets(st.integers(1, max(1, len(records) - 1)), max_size=5)))
        edges = [0, *(cut for cut in cuts if cut < len(records)), len(records)]
        queues.append([records[first:until] for first, until in pairwise(edges)])
    batches: list[list[LogRecord]] = []
    while any(queues):
        queue = draw(st.sampled_from([queue for queue in queues if queue]))
        batch = queue.pop(0)
        if redeliver and batch and draw(st.booleans()):
            earlier = log.records(batch[0].partition, draw(st.integers(0, batch[0].offset)), batch[0].offset)
            batches.append(earlier + batch[: draw(st.integers(0, len(batch)))])
            batch = earlier + batch
        batches.append(batch)
    return batches


@given(histories())
def test_figures_are_what_the_facts_tell(facts: list[Fact]) -> None:
    log = log_of(facts)
    check_figures(folded(log, whole(log)), facts, log.partitions)


@given(st.data(), histories())
def test_batches_redeliveries_and_interleavings_change_no_byte(data: st.DataObject, facts: list[Fact]) -> None:
    noise = data.draw(st.lists(st.sampled_from(GARBAGE), max_size=3))
    log = log_of([*facts[:3], *noise, *facts[3:]])
    once = folded(log, whole(log))
    limits = PieceLimits(records=data.draw(st.integers(1, 9)), documents=data.draw(st.integers(1, 9)))
    assert folded(log, data.draw(batchings(log, redeliver=True)), limits=limits) == once
    assert folded(log, whole(log)) == once


@given(st.data(), histories())
def test_outgrown_documents_change_no_byte_either(data: st.DataObject, facts: list[Fact]) -> None:
    """As above, with limits so small that everything is split, capped and paged."""
    log = log_of(facts)
    with (
        patch.multiple(learner_growth, COUNTED_INLINE=2, LESSONS_SHOWN=2),
        patch.multiple(learner_fold, ACHIEVEMENTS_KEPT=1),
        patch.multiple(concept_fold, OBSERVATIONS_KEPT=1, CONCEPTS_KEPT=2),
        patch.multiple(fold, CATALOGUE_PAGE=2),
        patch.multiple(needs, CATALOGUE_PAGE=2),
    ):
        once = folded(log, whole(log))
        limits = PieceLimits(records=data.draw(st.integers(1, 9)), documents=data.draw(st.integers(1, 9)))
        assert folded(log, data.draw(batchings(log, redeliver=True)), limits=limits) == once
        turned = log_of(data.draw(st.permutations(facts)))
        assert without_positions(folded(turned, whole(turned))) == without_positions(once)
    expected = expected_platform(facts)
    found = platform_status(partitions_of(once, 2), Curriculum()).model_dump()
    for name in expected.keys() - {"achievements_awarded"}:
        assert found[name] == expected[name], name


@given(st.data(), histories(most=12))
def test_a_repeated_event_counts_once(data: st.DataObject, facts: list[Fact]) -> None:
    repeated = list(facts)
    for fact in data.draw(st.lists(st.sampled_from(facts), max_size=6)) if facts else []:
        repeated.insert(data.draw(st.integers(0, len(repeated))), fact)
    log = log_of(repeated)
    values = folded(log, data.draw(batchings(log, redeliver=False)))
    check_figures(values, facts, log.partitions)
    assert sum(accounts.duplicate for accounts in partitions_of(values, 2)) == len(repeated) - len(facts)


@given(st.data(), histories(most=15))
def test_the_order_of_recording_changes_only_positions(data: st.DataObject, facts: list[Fact]) -> None:
    turned = data.draw(st.permutations(facts))
    one, other = log_of(facts), log_of(turned)
    assert without_positions(folded(one, whole(one))) == without_positions(folded(other, whole(other)))


@given(st.data(), histories(most=15))
def test_a_learner_in_two_partitions_stays_whole(data: st.DataObject, facts: list[Fact]) -> None:
    log = MemoryLog()
    for fact in facts:
        log.append(data.draw(st.integers(0, 1)), value_of(fact), fact.learner_id)
    check_figures(folded(log, data.draw(batchings(log, redeliver=True))), facts, log.partitions)


@given(st.lists(st.sampled_from(GARBAGE) | histories(most=3).filter(bool).map(lambda facts: facts[0]), max_size=15))
def test_every_offset_is_accounted_for(items: list[Any]) -> None:
    log = log_of(items)
    values = folded(log, whole(log))
    accounts = partitions_of(values, 2)
    for one in accounts:
        check_accounts(one)
        assert one.checkpoint == len(log.contents[one.partition]) - 1
    garbage = [item for item in items if isinstance(item, bytes)]
    assert sum(one.parked for one in accounts) == len(garbage)
    parked = [codec.decode(values[key], ParkedDocument) for key in values if "/parked/" in key]
    assert sorted(one.size for one in parked) == sorted(map(len, garbage))
    check_figures(values, [item for item in items if not isinstance(item, bytes)], 2)


@given(histories())
def test_documents_survive_their_codec(facts: list[Fact]) -> None:
    log = log_of([*facts, *GARBAGE])
    for key, value in folded(log, whole(log)).items():
        parts = key.split("/")
        shape = SHAPES[parts[3] if len(parts) == 5 and parts[1] == "learner" else parts[min(1, len(parts) - 1)]]
        document = codec.decode(value, shape)
        assert codec.encode(document) == value
        assert codec.decode(codec.encode(document), shape) == document
        json.loads(value)


def without_positions(values: dict[str, bytes]) -> dict[str, Any]:
    """Learners and lessons without what tells where in the log they were recorded."""

    def strip(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: strip(value) for key, value in node.items() if key not in {"as_of", "position", "index"}}
        return [strip(one) for one in node] if isinstance(node, list) else node

    kinds = ("/learner/", "/lesson/", "/authored/")
    found = {key: strip(json.loads(value)) for key, value in values.items() if any(kind in key for kind in kinds)}
    partitions = {key: json.loads(value) for key, value in values.items() if "/partition/" in key}
    return found | {key: (one.get("totals"), one.get("concepts")) for key, one in partitions.items()}
