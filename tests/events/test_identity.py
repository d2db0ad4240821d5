"""Names of events and lessons."""

import time
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.consistency import ConsistencyToken
from events.errors import InvalidToken
from events.identity import canonical_json, event_id_for_key, fingerprint, lesson_id_for, new_event_id, retry_key

commands = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.none(), max_size=4)
keys = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255)


def test_new_ids_are_version_7_and_carry_the_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    ids = [uuid.UUID(new_event_id()) for _ in range(200)]
    after = time.time_ns() // 1_000_000
    assert len(set(ids)) == 200
    for one in ids:
        assert (one.version, one.variant) == (7, uuid.RFC_4122)
        assert before <= one.int >> 80 <= after


@given(keys, commands)
def test_a_repeat_has_the_same_id_whatever_order_its_fields_came_in(key: str, command: dict[str, Any]) -> None:
    turned = dict(reversed(command.items()))
    first = event_id_for_key(event_type="t", learner_id="ada", key=key, command=command)
    assert first == event_id_for_key(event_type="t", learner_id="ada", key=key, command=turned)
    assert uuid.UUID(first).version == 5


@given(keys, commands, commands)
def test_a_reused_key_names_another_event(key: str, command: dict[str, Any], other: dict[str, Any]) -> None:
    ids = {
        event_id_for_key(event_type="t", learner_id="ada", key=key, command=command),
        event_id_for_key(event_type="u", learner_id="ada", key=key, command=command),
        event_id_for_key(event_type="t", learner_id="ben", key=key, command=command),
        event_id_for_key(event_type="t", learner_id="ada", key=key + "x", command=command),
    }
    assert len(ids) == 4
    if canonical_json(other) != canonical_json(command):
        assert event_id_for_key(event_type="t", learner_id="ada", key=key, command=other) not in ids


@given(commands)
def test_a_retry_key_leads_back_to_its_event_and_to_no_other(command: dict[str, Any]) -> None:
    event_id = new_event_id()
    key = retry_key(event_id=event_id, event_type="t", learner_id="ada", command=command)
    assert event_id_for_key(event_type="t", learner_id="ada", key=key, command=command) == event_id
    for event_type, learner_id, body in (
        ("u", "ada", command),
        ("t", "ben", command),
        ("t", "ada", {**command, "!": 1}),
    ):
        assert event_id_for_key(event_type=event_type, learner_id=learner_id, key=key, command=body) != event_id


def test_fingerprints_tell_source_and_id_apart() -> None:
    prints = {fingerprint(source, event_id) for source in ("a", "ab", "abc") for event_id in ("c", "bc", "1", "")}
    assert len(prints) == 12
    assert all(len(one) == 11 for one in prints)


def test_a_lesson_belongs_to_its_event_and_learner() -> None:
    ids = {
        lesson_id_for(source=source, event_id=event_id, learner_id=learner)
        for source in ("a", "b")
        for event_id in ("1", "2")
        for learner in ("ada", "ben")
    }
    assert len(ids) == 8


def test_canonical_json_has_no_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._~@+:-]{0,127}", fullmatch=True), st.text())
def test_a_token_comes_back_as_it_was(learner_id: str, event_id: str) -> None:
    token = ConsistencyToken(learner_id, fingerprint("s", event_id))
    assert ConsistencyToken.decode(token.encode()) == token


@given(st.text() | st.binary().map(bytes.hex))
def test_other_texts_are_no_tokens(text: str) -> None:
    try:
        token = ConsistencyToken.decode(text)
    except InvalidToken:
        return
    assert ConsistencyToken.decode(token.encode()) == token
