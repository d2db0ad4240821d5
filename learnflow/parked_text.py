"""Parked values as `learnflow parked` prints them. Whatever came from elsewhere can't steer the terminal."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import msgspec

from events.times import EPOCH
from projector.parked.dropping import Dropped
from projector.parked.outcomes import Outcome, Retried
from projector.parked.values import ParkedValue
from read_models.control import DecisionDocument

_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_HEX_COLUMNS: Final = 16
_WORDS: Final = {
    Outcome.APPLIED: "folded",
    Outcome.DUPLICATE: "folded; its event had been counted before, so it is a duplicate",
    Outcome.STILL_PARKED: "still parked",
    Outcome.NOT_PARKED: "nothing is parked there",
    Outcome.TAKEN: "somebody else has just folded it",
    Outcome.LEFT_DROPPED: "left alone, it was dropped",
}


def visible(text: str) -> str:
    """A text in one line, with all that is not printable (control and formatting characters) as Python's escapes."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def moment(at_ms: int) -> str:
    """Milliseconds since 1970 as RFC 3339 writes it, in UTC and whole seconds; a foreign log's may be beyond that."""
    try:
        return f"{EPOCH + timedelta(milliseconds=at_ms):%Y-%m-%dT%H:%M:%SZ}"
    except OverflowError:
        return f"{at_ms} ms"


def duration(milliseconds: int) -> str:
    """A length of time in its largest unit, such as `3 hours`."""
    seconds = max(0, milliseconds // 1000)
    for length, name in _UNITS:
        if seconds >= length:
            count = seconds // length
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "0 seconds"


class Listing:
    """A list for people, a line a value."""

    def __init__(self, generation: int, *, now_ms: int) -> None:
        self._generation = generation
        self._now_ms = now_ms

    def entry(self, parked: ParkedValue) -> str:
        """The line of a value; a second one where it was dropped."""
        one = parked.document
        since = f"{moment(one.appended_at_ms)} ({duration(self._now_ms - one.appended_at_ms)})"
        key = "no key" if one.key is None else f"key {visible(one.key)}"
        line = f"{parked.position}  {since}  {one.size} bytes  {key}  {visible(one.reason)}: {visible(one.detail)}"
        return line if parked.decision is None else f"{line}\n    {_decision(parked.decision)}"

    def end(self, counts: Mapping[str, int], dropped: int) -> str:
        """How many there were, by reason."""
        total = sum(counts.values())
        by_reason = ", ".join(f"{count} {visible(reason)}" for reason, count in sorted(counts.items()))
        said = f"{total} parked in generation {self._generation}: {by_reason}"
        if not total:
            said = f"Nothing is parked in generation {self._generation}."
        return f"{said}\n{dropped} dropped (`--all` shows them)" if dropped else said


class JsonListing:
    """One JSON document, printed in parts."""

    def __init__(self, generation: int) -> None:
        self._generation = generation
        self._begun = False

    def entry(self, parked: ParkedValue) -> str:
        """The part of a value."""
        return f"{self._before()}{json.dumps(as_json(parked))}"

    def end(self, counts: Mapping[str, int], dropped: int) -> str:
        """What closes the document: how many there were."""
        before = "" if self._begun else self._before()
        rest = json.dumps({"reasons": dict(sorted(counts.items())), "dropped": dropped})
        return f"{before}  ],\n  {rest[1:]}"

    def _before(self) -> str:
        if self._begun:
            return "  , "
        self._begun = True
        return f'{{\n  "generation": {self._generation},\n  "parked": [\n    '


def as_json(parked: ParkedValue) -> dict[str, Any]:
    """A value as a program wants it, without its bytes."""
    one = parked.document
    return {
        "position": str(parked.position),
        "partition": one.partition,
        "offset": one.offset,
        "since_ms": one.appended_at_ms,
        "reason": one.reason,
        "detail": one.detail,
        "size": one.size,
        "sha256": one.sha256,
        "key": one.key,
        "fingerprint": one.fingerprint,
        "dropped": None if parked.decision is None else _decision_as_json(parked.decision),
    }


def value_as_json(value: bytes) -> dict[str, Any]:
    """The bytes of a value: in base64, and as text where they are UTF-8."""
    text = _text(value)
    return {"value_base64": base64.b64encode(value).decode(), **({} if text is None else {"value_text": text})}


def in_full(parked: ParkedValue, value: bytes, *, now_ms: int) -> str:
    """All that is known of a value, and the value."""
    one = parked.document
    facts = {
        "position": str(parked.position),
        "generation": str(parked.generation),
        "since": f"{moment(one.appended_at_ms)} ({duration(now_ms - one.appended_at_ms)})",
        "reason": visible(one.reason),
        "detail": visible(one.detail),
        "key": "none" if one.key is None else visible(one.key),
        "size": f"{one.size} bytes",
        "sha256": one.sha256,
        "event": one.fingerprint or "no identity could be read",
    }
    if parked.decision is not None:
        facts["dropped"] = _decision(parked.decision)
    lines = [f"{name + ':':<12}{fact}" for name, fact in facts.items()]
    return "\n".join([*lines, "", *_value_lines(value)])


def retried(result: Retried) -> str:
    """What a retry made of a position, in a line."""
    said = f"{result.position}  {_WORDS[result.outcome]}"
    if result.reason is not None:
        said += f": {visible(result.reason)}: {visible(result.detail or '')}"
    if result.decision is None or result.outcome is Outcome.LEFT_DROPPED:
        return said
    then = "the decision is removed" if result.folded else "the decision stays"
    return f"{said}\n    {_decision(result.decision)}; {then}"


def retried_as_json(result: Retried) -> dict[str, Any]:
    """What a retry made of a position, as a program wants it."""
    return {
        "position": str(result.position),
        "generation": result.generation,
        "outcome": result.outcome.value,
        "reason": result.reason,
        "detail": result.detail,
        "dropped": None if result.decision is None else _decision_as_json(result.decision),
    }


def retry_summary(outcomes: Mapping[str, int]) -> str:
    """How many came out how."""
    if not outcomes:
        return "Nothing is parked that could be retried."
    return ", ".join(f"{outcomes[one.value]} {one.value}" for one in Outcome if one.value in outcomes)


def dropped(one: Dropped) -> str:
    """What became of a wish to drop a value, in a line."""
    position = f"{one.decision.partition}:{one.decision.offset}"
    return f"{position}  {'already ' if one.before else ''}{_decision(one.decision)}"


def dropped_as_json(one: Dropped) -> dict[str, Any]:
    """What became of a wish to drop a value, as a program wants it."""
    position = f"{one.decision.partition}:{one.decision.offset}"
    return {"position": position, "before": one.before, **_decision_as_json(one.decision)}


def _decision(decision: DecisionDocument) -> str:
    by, when = visible(decision.decided_by), moment(decision.decided_at_ms)
    return f"dropped by {by} on {when}: {visible(decision.reason)}"


def _decision_as_json(decision: DecisionDocument) -> dict[str, Any]:
    return {"reason": decision.reason, "by": decision.decided_by, "at_ms": decision.decided_at_ms}


def _value_lines(value: bytes) -> Iterator[str]:
    text = _text(value)
    if text is None:
        yield from _hexdump(value)
        return
    with suppress(msgspec.MsgspecError, RecursionError):
        # It sets lines anew and nothing else: numbers, escapes and names that come twice stay as they are.
        text = msgspec.json.format(value, indent=2).decode()
    yield from (visible(line) for line in text.split("\n"))


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _hexdump(value: bytes) -> Iterator[str]:
    for offset in range(0, len(value), _HEX_COLUMNS):
        row = value[offset : offset + _HEX_COLUMNS]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)  # noqa: PLR2004 - ASCII's printable
        yield f"{offset:08x}  {row.hex(' '):<47}  {shown}"
