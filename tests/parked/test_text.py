"""What `learnflow parked` prints can't steer a terminal, and changes nothing of what it shows."""

import base64
import hashlib
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnflow.parked_text import (
    JsonListing,
    Listing,
    as_json,
    duration,
    in_full,
    moment,
    retry_summary,
    value_as_json,
    visible,
)
from projector.parked.outcomes import Outcome
from projector.parked.values import ParkedValue
from read_models.control import DecisionDocument
from read_models.documents import ParkedDocument

HARMFUL = "\x1b[2J\x1b]0;owned\x07\r\b\x9b31m\u202e\u2066\u2028\x00\x7f"
NOW_MS = 1_900_000_000_000
HOUR_MS = 3_600_000


def parked(value: bytes, *, text: str = "some text", decision: DecisionDocument | None = None) -> ParkedValue:
    digest = hashlib.sha256(value).hexdigest()
    document = ParkedDocument(3, 1207, NOW_MS - HOUR_MS, text, text, text, len(value), digest, None, None)
    return ParkedValue(2, 0, document, decision)


def check_harmless(lines: str) -> None:
    assert all(one.isprintable() or one == "\n" for one in lines)


@given(st.text() | st.text(HARMFUL))
def test_what_is_shown_is_printable_and_can_be_told_apart(text: str) -> None:
    check_harmless(visible(text))
    assert "\n" not in visible(text)
    if text.isprintable():
        assert visible(text) == text


@given(st.binary() | st.text(HARMFUL + '{}[]":,1a\n').map(str.encode), st.text(HARMFUL))
def test_no_value_and_no_key_steers_the_terminal(value: bytes, text: str) -> None:
    decision = DecisionDocument(3, 1207, "", text, text, NOW_MS)
    one = parked(value, text=text, decision=decision)
    check_harmless(in_full(one, value, now_ms=NOW_MS))
    check_harmless(Listing(1, now_ms=NOW_MS).entry(one))
    assert len(Listing(1, now_ms=NOW_MS).entry(one).split("\n")) == 2


def shown_value(value: bytes) -> str:
    return in_full(parked(value), value, now_ms=NOW_MS).partition("\n\n")[2]


def test_json_is_set_in_lines_and_otherwise_left_as_it_is() -> None:
    value = b'{"a":1e400,"a":2.50,"big":12345678901234567890123,"escape":"\\u001b","name":"\xc3\xbc"}'
    assert shown_value(value).split("\n") == [
        "{",
        '  "a": 1e400,',
        '  "a": 2.50,',
        '  "big": 12345678901234567890123,',
        '  "escape": "\\u001b",',
        '  "name": "ü"',
        "}",
    ]


@pytest.mark.parametrize("value", [b"[" * 50_000, b'{"a":', b"{} {}", b"plain text", b""])
def test_text_that_is_no_json_is_shown_as_it_is(value: bytes) -> None:
    assert shown_value(value) == value.decode()


@given(st.binary(min_size=1).filter(lambda value: not value.isascii()))
def test_bytes_can_be_read_back_from_the_hexadecimal(tail: bytes) -> None:
    value = b"\xff" + tail
    rows = shown_value(value).split("\n")
    assert [int(row[:8], 16) for row in rows] == list(range(0, len(value), 16))
    assert b"".join(bytes.fromhex(row[10:57]) for row in rows) == value


@given(st.binary())
def test_a_program_gets_the_exact_bytes(value: bytes) -> None:
    found = value_as_json(value)
    assert base64.b64decode(found["value_base64"]) == value
    assert ("value_text" in found) == (value.decode("utf-8", "replace").encode() == value)


@given(st.lists(st.binary(max_size=5), max_size=4), st.integers(0, 3))
def test_a_list_printed_in_parts_is_one_json_document(values: Sequence[bytes], dropped: int) -> None:
    listing = JsonListing(2)
    parts = [listing.entry(parked(value)) for value in values]
    document = json.loads("\n".join([*parts, listing.end({"not-json": len(values)}, dropped)]))
    assert document == {
        "generation": 2,
        "parked": [as_json(parked(value)) for value in values],
        "reasons": {"not-json": len(values)},
        "dropped": dropped,
    }


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (-5, "0 seconds"),
        (1999, "1 second"),
        (59_000, "59 seconds"),
        (60_000, "1 minute"),
        (HOUR_MS, "1 hour"),
        (47 * HOUR_MS, "1 day"),
        (240 * HOUR_MS, "10 days"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text


def test_a_moment_is_told_also_where_no_calendar_has_it() -> None:
    assert moment(1_700_000_000_999) == "2023-11-14T22:13:20Z"
    assert moment(-1) == "1969-12-31T23:59:59Z"
    assert moment(2**62) == f"{2**62} ms"


def test_a_summary_names_every_outcome_that_there_was() -> None:
    assert retry_summary({}) == "Nothing is parked that could be retried."
    assert retry_summary({one.value: 2 for one in Outcome}) == ", ".join(f"2 {one.value}" for one in Outcome)
