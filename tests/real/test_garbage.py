"""Other producers put what they like into the topic: it is parked as it is, the neighbours are folded, nobody dies."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from deploy.stack.service import PROJECTOR
from deploy.stack.stack import PARTITIONS, Stack
from events.errors import Reason
from tests.deadlines import eventually
from tests.kafka import ForeignProducer, key_in, read_topic
from tests.real.reporting import Reporter, reporting
from tests.real.surroundings import (
    TOPIC,
    accounts,
    check_accounts,
    documents,
    log_ends,
    wait_until_folded,
    wait_until_ready,
    waiting_for,
)
from tests.strategies import START, Report, value_of

pytestmark = pytest.mark.process

KIB_900: Final = 900 * 1024
# What the sidecar itself says about a record when it hands it over, and words that it acts upon elsewhere.
MISLEADING: Final[Mapping[str, bytes | None]] = {
    "__offset": b"999999",
    "__partition": b"77",
    "__key": b"somebody-else",
    "__timestamp": b"never",
    "__topic": b"other",
    "rawPayload": b"false",
    "partitionKey": b"somebody-else",
    "ttlInSeconds": b"-1",
    "content-type": b"text/plain",
    "bytes": b"\xff\x00\r\n",
    "none": None,
}


def event(event_id: str, **changes: object) -> dict[str, Any]:
    """A fine event of nobody's in particular, but for the changes."""
    fine: dict[str, Any] = json.loads(value_of(Report(event_id, "mallory", START, "l1", 1_000_000, None, 0, ())))
    return {**fine, **changes}


def as_bytes(content: object) -> bytes:
    """Content as JSON."""
    return json.dumps(content).encode()


@dataclass(frozen=True)
class Foreign:
    """A record of another producer.

    Attributes:
        reason: why it is parked; `None` where it is a fine event.
    """

    value: bytes | None
    reason: Reason | None
    key: str | bytes | None = "mallory"
    headers: Mapping[str, bytes | None] = field(default_factory=dict)


GARBAGE: Final = {
    "text": Foreign(b"this is not JSON", Reason.NOT_JSON),
    "bytes": Foreign(b"\x00\xff\xfe", Reason.NOT_JSON, key=None),
    "cut-short": Foreign(as_bytes(event("g-1"))[:-1], Reason.NOT_JSON),
    "empty": Foreign(b"", Reason.NOT_JSON),
    # What the sidecar makes of a record without a value.
    "tombstone": Foreign(None, Reason.NOT_A_CLOUDEVENT),
    "null": Foreign(b"null", Reason.NOT_A_CLOUDEVENT),
    "number": Foreign(b"1e400", Reason.NOT_A_CLOUDEVENT),
    "list": Foreign(as_bytes([event("g-2")]), Reason.NOT_A_CLOUDEVENT),
    "no-cloudevent": Foreign(as_bytes({"hello": "world"}), Reason.NOT_A_CLOUDEVENT),
    "unknown-type": Foreign(as_bytes(event("g-3", type="com.example.Other.v1")), Reason.UNKNOWN_TYPE),
    "unknown-version": Foreign(as_bytes(event("g-4", type="io.learnflow.ProgressUpdated.v99")), Reason.UNKNOWN_VERSION),
    "invalid-data": Foreign(as_bytes(event("g-5", data={"learner_id": "mallory"})), Reason.INVALID_DATA),
    "wrong-subject": Foreign(as_bytes(event("g-6", subject="ada")), Reason.WRONG_SUBJECT),
    "from-the-future": Foreign(as_bytes(event("g-7", time="2999-01-01T00:00:00Z")), Reason.FROM_THE_FUTURE),
    "strange-key": Foreign(b"under a key that is no text", Reason.NOT_JSON, key=b"\xff\xfe|/%2B+ \x00"),
    "misleading-headers": Foreign(b"with headers", Reason.NOT_JSON, headers=MISLEADING),
    "large-text": Foreign(b"x" * KIB_900, Reason.NOT_JSON),
    "large-json": Foreign(as_bytes({"padding": "x" * KIB_900}), Reason.NOT_A_CLOUDEVENT),
    "large-event": Foreign(
        as_bytes(event("g-8", type="com.example.Large.v1", padding="x" * KIB_900)), Reason.UNKNOWN_TYPE
    ),
}
# What a parsing sidecar would choke on, drop or misplace; for a fold these are events like any other.
FINE: Final = {
    "numeric-traceparent": Foreign(as_bytes(event("f-1", traceparent=5)), None),
    "no-traceparent": Foreign(as_bytes(event("f-2", traceparent=None, traceid={})), None),
    "expired": Foreign(as_bytes(event("f-3", expiration="2001-01-01T00:00:00Z")), None),
    "expiration-of-no-sense": Foreign(as_bytes(event("f-4", expiration=7)), None),
    "strange-key": Foreign(as_bytes(event("f-5")), None, key=b"\xff\xfe"),
    "no-key": Foreign(as_bytes(event("f-6")), None, key=None),
    "misleading-headers": Foreign(as_bytes(event("f-7")), None, headers=MISLEADING),
    "large": Foreign(as_bytes(event("f-8", padding="x" * KIB_900)), None),
}


def append(producer: ForeignProducer, partition: int, record: Foreign) -> None:
    """Append a record; on return the broker has it."""
    asyncio.run(producer.append(partition, record.key, record.value, record.headers))


def parked(stack: Stack) -> dict[tuple[int, int], dict[str, Any]]:
    """The documents of what is parked, by partition and offset."""
    found = [document for key, document in documents(stack.infrastructure).items() if key.startswith("g1/parked/")]
    return {(one["partition"], one["offset"]): one for one in found}


def shown(value: bytes | None) -> bytes:
    """The value as the sidecar delivers it: nothing as JSON's null."""
    return b"null" if value is None else value


def check_parked(stack: Stack, appended: Mapping[str, Foreign]) -> None:
    """Check that of the records appended those with a reason are parked with it as they are, and nothing else is."""
    expected: dict[tuple[int | None, int | None], tuple[object, ...]] = {}
    reasons = {shown(record.value): record.reason for record in appended.values()}
    for message in read_topic(stack.infrastructure.brokers, TOPIC):
        value, key = shown(message.value()), message.key()
        reason = reasons.get(value)
        if reason is not None:
            text = None if key is None else key.decode("utf-8", "replace")
            digest = hashlib.sha256(value).hexdigest()
            expected[message.partition(), message.offset()] = (text, reason.value, len(value), digest, value)
    assert {
        place: (
            one["key"],
            one["reason"],
            one["size"],
            one["sha256"],
            base64.b64decode(one["value"]),
        )
        for place, one in parked(stack).items()
    } == expected


def pids(stack: Stack) -> list[int | None]:
    """The processes of all services and sidecars."""
    return [process.pid for replica in stack.replicas for process in (replica.app.process, replica.daprd.process)]


def check_alive(stack: Stack, before: list[int | None]) -> None:
    """Check that no process was replaced, and that all services are ready."""
    assert pids(stack) == before
    assert None not in before
    assert [waiting_for(replica) for replica in stack.replicas] == [{}, {}, {}]


def mallory(reporter: Reporter) -> int:
    """How many events of the foreign learner are counted."""
    events: int = reporter.platform.status_of("mallory")["events"]
    return events


@pytest.mark.timeout(300)
def test_garbage_among_good_events_is_parked_as_it_is_and_all_else_is_folded(stack: Stack) -> None:
    producer = ForeignProducer(stack.infrastructure.brokers, TOPIC)
    everything = [*GARBAGE.values(), *FINE.values()]
    with reporting(stack) as reporter:
        stack[PROJECTOR].stop()
        # As one batch: good events with garbage between them, last, and alone in a partition.
        among, last = key_in(0, PARTITIONS), key_in(1, PARTITIONS)
        for record in everything:
            reporter.report(among)
            append(producer, 0, record)
        reporter.report(among)
        for _ in range(3):
            reporter.report(last)
        append(producer, 1, GARBAGE["text"])
        append(producer, 2, GARBAGE["text"])
        append(producer, 3, FINE["numeric-traceparent"])
        for number in range(4, PARTITIONS):
            append(producer, number, GARBAGE["tombstone"])
        stack[PROJECTOR].start()
        before = pids(stack)
        wait_until_folded(stack.infrastructure)

        counts = check_accounts(stack.infrastructure)
        assert counts == {
            "applied": len(reporter.accepted) + len(FINE),
            # The event that is in two partitions.
            "duplicate": 1,
            "parked": len(GARBAGE) + 2 + PARTITIONS - 4,
            "missing": 0,
        }
        check_parked(stack, {**GARBAGE})
        check_alive(stack, before)
        for learner in (among, last):
            assert reporter.platform.status_of(learner)["events"] == sum(
                report.learner == learner for report in reporter.accepted
            )
        assert mallory(reporter) == len(FINE)

        # And while all of it runs.
        for record in everything:
            append(producer, 5, record)
            reporter.report(key_in(5, PARTITIONS))
        wait_until_folded(stack.infrastructure)
        after = check_accounts(stack.infrastructure)
        assert after == {
            "applied": len(reporter.accepted) + len(FINE),
            "duplicate": counts["duplicate"] + len(FINE),
            "parked": counts["parked"] + len(GARBAGE),
            "missing": 0,
        }
        check_alive(stack, before)
        assert mallory(reporter) == len(FINE)


def test_garbage_alone_stops_nobody(stack: Stack) -> None:
    producer = ForeignProducer(stack.infrastructure.brokers, TOPIC)
    before = pids(stack)
    with reporting(stack) as reporter:
        for name, record in GARBAGE.items():
            append(producer, 3, record)
            wait_until_folded(stack.infrastructure)
            assert accounts(stack.infrastructure)[3]["parked"] == list(GARBAGE).index(name) + 1
        token = reporter.report(key_in(3, PARTITIONS))
        answer = reporter.client.get(
            "status",
            params={"learner_id": key_in(3, PARTITIONS)},
            headers={"Consistency-Token": token, "Prefer": "wait=30"},
        )
        assert answer.headers["Consistency-Status"] == "included"
    check_parked(stack, GARBAGE)
    check_alive(stack, before)


def test_what_was_folded_last_is_recognised_in_the_log_by_the_next_projector(stack: Stack) -> None:
    producer = ForeignProducer(stack.infrastructure.brokers, TOPIC)
    names = ("tombstone", "empty", "null", "bytes", "strange-key", "misleading-headers", "large-text")
    for partition, name in enumerate(names):
        append(producer, partition, GARBAGE[name])
    wait_until_folded(stack.infrastructure)
    stack[PROJECTOR].stop()
    stack[PROJECTOR].launch()
    wait_until_ready(stack[PROJECTOR])
    check_parked(stack, {name: GARBAGE[name] for name in names})


def test_a_good_event_appended_again_under_another_key_elsewhere_counts_once(stack: Stack) -> None:
    infrastructure = stack.infrastructure
    producer = ForeignProducer(infrastructure.brokers, TOPIC)
    learner = key_in(2, PARTITIONS)
    with reporting(stack) as reporter:
        reporter.report(learner)
        wait_until_folded(infrastructure)
        (message,) = read_topic(infrastructure.brokers, TOPIC)
        assert message.partition() == 2
        for number in range(PARTITIONS):
            append(producer, number, Foreign(message.value(), None, key=f"copy-{number}"))
        wait_until_folded(infrastructure)
        counts = check_accounts(infrastructure)
        assert (counts["applied"], counts["duplicate"]) == (1, PARTITIONS)
        reporter.check()


@pytest.mark.long
@pytest.mark.timeout(180)
def test_records_of_transactions_count_like_any_other_and_their_markers_are_accounted_for(stack: Stack) -> None:
    infrastructure = stack.infrastructure
    producer = ForeignProducer(infrastructure.brokers, TOPIC)
    before = pids(stack)
    stack[PROJECTOR].stop()
    values = [as_bytes(event(f"t-{number}")) for number in range(4)]
    asyncio.run(producer.append_before_hole(6, "mallory", values[0], aborted=True))
    asyncio.run(producer.append_before_hole(6, "mallory", values[1]))
    asyncio.run(producer.append(6, "mallory", values[2]))
    asyncio.run(producer.append_before_hole(7, "mallory", values[3], aborted=True))
    # A marker is written after its transaction was answered.
    eventually(lambda: (log_ends(infrastructure)[6], log_ends(infrastructure)[7]) == (5, 2))
    with reporting(stack) as reporter:
        stack[PROJECTOR].start()
        # A marker at the very end is followed by nothing that is delivered: it is found by looking into the log.
        wait_until_folded(infrastructure, seconds=90)
        wait_until_ready(stack[PROJECTOR])
        assert check_accounts(infrastructure) == {"applied": 4, "duplicate": 0, "parked": 0, "missing": 3}
        assert mallory(reporter) == 4
    assert [one for one in pids(stack) if one in before] == before[2:]
