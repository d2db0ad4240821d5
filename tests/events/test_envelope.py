"""CloudEvents in and out of the log."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from events.contracts import CONTRACTS, LessonRequested, ProgressUpdated
from events.envelope import MAX_EVENT_BYTES, MAX_RECORD_BYTES, EventMetadata, RecordedEvent, decode, encode
from events.errors import EventRejected, EventTooLarge, Reason
from events.identity import fingerprint
from events.schemas import export
from tests.strategies import SOURCE, START, TRACE, Report, Request, reports, requests, value_of

GOLDEN = Path(__file__).parent / "golden"
REQUEST = Request("r-1", "ada", START, "loops", "beginner")
REPORT = Report("e-1", "ada", START, "l1", 500_000, 250_000, 1000, ("first",))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def rejection(value: bytes) -> EventRejected:
    with pytest.raises(EventRejected) as caught:
        decode(value)
    return caught.value


def outcome(value: bytes, **how: Any) -> RecordedEvent | tuple[Reason, str]:
    try:
        return decode(value, **how)
    except EventRejected as rejected:
        return rejected.reason, rejected.detail


def altered(**changes: Any) -> bytes:
    content = json.loads(value_of(REPORT))
    for name, value in changes.items():
        if value is ...:
            del content[name]
        else:
            content[name] = value
    return json.dumps(content).encode()


@given(requests | reports)
def test_what_is_written_is_read_back(fact: Any) -> None:
    event = decode(value_of(fact))
    assert (event.event_id, event.source, event.data.learner_id) == (fact.event_id, SOURCE, fact.learner_id)
    assert datetime.fromtimestamp(event.time_us / 1e6, UTC) == fact.at
    assert isinstance(event.data, ProgressUpdated if isinstance(fact, Report) else LessonRequested)
    assert event.data.lesson_id == fact.lesson_id
    if isinstance(event.data, ProgressUpdated) and isinstance(fact, Report):
        for name in ("completion_ppm", "score_ppm", "time_spent_ms", "achievements"):
            assert getattr(event.data, name) == getattr(fact, name)


@given(requests | reports)
def test_the_cloudevents_package_reads_the_same(fact: Any) -> None:
    value = value_of(fact)
    theirs, ours = JSONFormat().read(CloudEvent, value), decode(value)
    assert theirs.get_specversion() == "1.0"
    assert (theirs.get_id(), theirs.get_source(), theirs.get_type()) == (
        ours.event_id,
        ours.source,
        ours.data.cloudevent_type(),
    )
    assert theirs.get_time() == fact.at
    assert theirs.get_subject() == theirs.get_extension("partitionkey") == fact.learner_id
    assert theirs.get_dataschema() == ours.data.dataschema()
    assert theirs.get_data() == ours.data.model_dump(mode="json")


@given(requests | reports)
def test_the_data_is_valid_by_its_exported_schema(fact: Any) -> None:
    event = decode(value_of(fact))
    jsonschema.validate(json.loads(value_of(fact))["data"], export(type(event.data)))


def test_attributes_that_a_sidecar_would_replace_are_all_there() -> None:
    metadata = EventMetadata("e-1", SOURCE, START + timedelta(hours=1), TRACE, "flow-1", causation_id="e-0")
    content = json.loads(encode(metadata, ProgressUpdated(learner_id="ada", lesson_id="l1", completion_ppm=1)))
    assert content["traceparent"] == content["traceid"] == TRACE
    assert (content["correlationid"], content["causationid"]) == ("flow-1", "e-0")
    assert content["type"] == "io.learnflow.ProgressUpdated.v1"
    assert content["time"] == "2024-02-27T01:00:00Z"
    assert "expiration" not in content


def test_every_script_takes_the_bytes_that_utf_8_gives_it() -> None:
    data = ProgressUpdated(learner_id="ada", lesson_id="l1", completion_ppm=1, achievements=("😀" * 100, "語" * 100))
    plain = ProgressUpdated(learner_id="ada", lesson_id="l1", completion_ppm=1, achievements=("x" * 100, "x" * 100))
    metadata = EventMetadata("e-1", SOURCE, START, TRACE, "e-1")
    assert len(encode(metadata, data)) - len(encode(metadata, plain)) == 100 * 3 + 100 * 2


def test_what_a_sidecar_escaped_on_the_way_is_still_read() -> None:
    names = tuple("<&>" * 32 + str(number) for number in range(50))
    data = ProgressUpdated(learner_id="ada", lesson_id="l1", completion_ppm=1, achievements=names)
    value = encode(EventMetadata("e-1", SOURCE, START, TRACE, "x" * (MAX_EVENT_BYTES - 10_000)), data)
    escaped = json.dumps(json.loads(value)).replace("<", "\\u003c").replace("&", "\\u0026").replace(">", "\\u003e")
    assert len(escaped) > MAX_EVENT_BYTES >= len(value)
    assert decode(escaped.encode()) == decode(value)


def test_an_event_over_the_limit_is_not_written() -> None:
    metadata = EventMetadata("e-1", SOURCE, START, "x" * MAX_EVENT_BYTES, "flow-1")
    with pytest.raises(EventTooLarge) as caught:
        encode(metadata, ProgressUpdated(learner_id="ada", lesson_id="l1", completion_ppm=1))
    assert caught.value.size > caught.value.limit == 256 * 1024


@given(st.binary())
def test_any_bytes_are_an_event_or_rejected(value: bytes) -> None:
    assert rejection(value).reason in {Reason.NOT_JSON, Reason.NOT_A_CLOUDEVENT}


@given(json_values)
def test_any_json_is_an_event_or_rejected(content: Any) -> None:
    assert rejection(json.dumps(content).encode()).reason is Reason.NOT_A_CLOUDEVENT


@given(st.sampled_from(sorted(json.loads(value_of(REPORT)))), json_values)
def test_any_attribute_may_be_anything(name: str, content: Any) -> None:
    value = altered(**{name: content})
    assert outcome(value) == outcome(value)


@given(st.sampled_from(sorted(json.loads(value_of(REPORT))["data"])), json_values)
def test_any_field_may_be_anything(name: str, content: Any) -> None:
    data = {**json.loads(value_of(REPORT))["data"], name: content}
    found = outcome(altered(data=data))
    assert isinstance(found, RecordedEvent) or found[0] in {Reason.INVALID_DATA, Reason.WRONG_SUBJECT}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", Reason.NOT_JSON),
        (b"\x00\xff garbage", Reason.NOT_JSON),
        (value_of(REPORT)[:-5], Reason.NOT_JSON),
        (b"[" * 100_000, Reason.NOT_JSON),
        (b"17", Reason.NOT_A_CLOUDEVENT),
        (altered(specversion="0.3"), Reason.NOT_A_CLOUDEVENT),
        (altered(id=...), Reason.NOT_A_CLOUDEVENT),
        (altered(id=""), Reason.NOT_A_CLOUDEVENT),
        (altered(source=7), Reason.NOT_A_CLOUDEVENT),
        (altered(subject="a||b"), Reason.NOT_A_CLOUDEVENT),
        (altered(subject="a/b"), Reason.NOT_A_CLOUDEVENT),
        (altered(time=...), Reason.NOT_A_CLOUDEVENT),
        (altered(time="yesterday"), Reason.NOT_A_CLOUDEVENT),
        (altered(time="2024-02-27T00:00:00"), Reason.NOT_A_CLOUDEVENT),
        (altered(time="1969-12-31T23:59:59Z"), Reason.NOT_A_CLOUDEVENT),
        (altered(time=1709000000), Reason.NOT_A_CLOUDEVENT),
        (altered(data=[]), Reason.NOT_A_CLOUDEVENT),
        (altered(type="io.learnflow.LessonForgotten.v1"), Reason.UNKNOWN_TYPE),
        (altered(type="com.dapr.event.sent"), Reason.UNKNOWN_TYPE),
        (altered(type="io.learnflow.ProgressUpdated"), Reason.UNKNOWN_TYPE),
        (altered(type="io.learnflow.ProgressUpdated.v0"), Reason.UNKNOWN_TYPE),
        (altered(type="io.learnflow.ProgressUpdated.v2"), Reason.UNKNOWN_VERSION),
        (altered(type="io.learnflow.LessonRequested.v1"), Reason.INVALID_DATA),
        (altered(subject="ben"), Reason.WRONG_SUBJECT),
        (b" " * MAX_RECORD_BYTES + value_of(REPORT), Reason.TOO_LARGE),
        (altered(time="1700000000"), Reason.NOT_A_CLOUDEVENT),
    ],
)
def test_what_is_wrong_is_said(value: bytes, reason: Reason) -> None:
    assert rejection(value).reason is reason


def test_a_lesson_id_of_another_event_is_refused() -> None:
    content = json.loads(value_of(REQUEST))
    content["data"]["lesson_id"] = "taken"
    assert rejection(json.dumps(content).encode()).reason is Reason.WRONG_LESSON_ID


def test_a_rejection_names_the_event_where_it_can_be_read() -> None:
    assert rejection(altered(time=...)).fingerprint == fingerprint(SOURCE, "e-1")
    assert rejection(altered(type="x")).fingerprint == fingerprint(SOURCE, "e-1")
    assert rejection(altered(id=5)).fingerprint is None
    assert rejection(b"{").fingerprint is None


def test_a_rejection_never_repeats_the_value() -> None:
    assert "sesame" not in str(rejection(altered(time="sesame", subject="open sesame")))


def test_unknown_attributes_and_fields_are_left_alone() -> None:
    data = {**json.loads(value_of(REPORT))["data"], "mood": "good"}
    assert decode(altered(traceparent=5, expiration="1970-01-01T00:00:00Z", data=data)) == decode(value_of(REPORT))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_events_of_the_past_are_still_read(path: Path) -> None:
    golden = json.loads(path.read_text(encoding="utf-8"))
    event = decode(json.dumps(golden["event"]).encode())
    assert {
        "event_id": event.event_id,
        "source": event.source,
        "fingerprint": event.fingerprint,
        "time_us": event.time_us,
        "data": event.data.model_dump(mode="json"),
    } == golden["decoded"]


odd_values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["1.0", "ada", "l1", [], {}, [1], 10**30, 500_000.0])
)


@given(fact=reports | requests, data=st.data())
def test_an_event_is_the_same_read_in_one_pass_or_in_two(fact: Report | Request, data: st.DataObject) -> None:
    value = value_of(fact)
    for _ in range(data.draw(st.integers(0, 2))):
        content = json.loads(value)
        part = content["data"] if data.draw(st.booleans()) and isinstance(content.get("data"), dict) else content
        name = data.draw(st.sampled_from([*part, "unknown"]))
        change = data.draw(st.sampled_from(["replace", "remove", "repeat"]))
        if change == "replace":
            part[name] = data.draw(odd_values)
        elif change == "remove":
            part.pop(name, None)
        # As the log has them: only without spaces is an event read in one pass.
        value = json.dumps(content, separators=(",", ":")).encode()
        if change == "repeat":
            value = value.replace(b"{", b'{"' + name.encode() + b'":7,', data.draw(st.integers(1, 2)))
    assert_read_alike(value)


@pytest.mark.parametrize(
    "time", ["2026-01-31T12304500Z", "2026-01-31T12304599Z", "2026-01-31T24:00:00Z", "2026-01-31T23:59:60Z"]
)
def test_an_odd_time_is_the_same_read_in_one_pass_or_in_two(time: str) -> None:
    content = json.loads(value_of(REPORT)) | {"time": time}
    assert_read_alike(json.dumps(content, separators=(",", ":")).encode())


@given(st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:]{6,8}(\.[0-9]{0,9})?([Zz]|[+-][0-9:]{4,5})\Z"))
def test_any_time_is_the_same_read_in_one_pass_or_in_two(time: str) -> None:
    test_an_odd_time_is_the_same_read_in_one_pass_or_in_two(time)


def assert_read_alike(value: bytes) -> None:
    in_two_passes = CONTRACTS[:1] + CONTRACTS[1:]  # as good, and another object
    assert outcome(value) == outcome(value, contracts=in_two_passes)
