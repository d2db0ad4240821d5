"""Values that no field may have, by field."""

import json
from collections.abc import Iterator, Mapping

import pytest

from tests.http.harness import Json

LESSON = ("/generate-lesson", {"learner_id": "ada", "topic": "Fractions"})

PROGRESS = ("/update-progress", {"learner_id": "ada", "lesson_id": "loops", "completion": 0.5})

BOTH = [pytest.param(*LESSON, id="generate-lesson"), pytest.param(*PROGRESS, id="update-progress")]

MIB = 1024 * 1024

BAD_IDS = {
    "empty": '""',
    "blank": '" "',
    "null": "null",
    "number": "7",
    "true": "true",
    "list": '["ada"]',
    "object": '{"id": "ada"}',
    "double-bar": '"a||b"',
    "slash": '"a/b"',
    "backslash": r'"a\\b"',
    "space": '"a b"',
    "outer-space": '" ada"',
    "nul": r'"a\u0000b"',
    "line-break": r'"ada\n"',
    "umlaut": '"zoë"',
    "emoji": '"🎓"',
    "surrogate": r'"\ud800"',
    "dots": '".."',
    "leading-dash": '"-ada"',
    "too-long": json.dumps("a" * 129),
}

BAD_LINES = {
    "empty": '""',
    "blank": '"   "',
    "blank-unicode": r'"\u00a0\u2003"',
    "invisible": r'"\u200b\ufeff"',
    "null": "null",
    "number": "7",
    "true": "true",
    "list": '["x"]',
    "object": '{"x": 1}',
    "nul": r'"a\u0000b"',
    "line-break": r'"a\nb"',
    "tab": r'"a\tb"',
    "delete": r'"a\u007fb"',
    "next-line": r'"a\u0085b"',
    "escape": r'"\u001b[31m"',
    "surrogate": r'"\ud800"',
    "surrogate-inside": r'"a\udfffb"',
}

BAD_FRACTIONS = {
    "true": "true",
    "text": '"0.5"',
    "list": "[0.5]",
    "object": "{}",
    "nan": "NaN",
    "infinity": "Infinity",
    "minus-infinity": "-Infinity",
    "overflow": "1e999",
    "huge": "1" + "0" * 400,
    "negative": "-0.000001",
    "above-one": "1.000001",
}

BAD_COUNTS = {"null": "null", "true": "true", "text": '"30"', "half": "30.5", "nan": "NaN", "infinity": "Infinity"}

BAD_TIMES = {
    "empty": '""',
    "number": "1700000000",
    "number-as-text": '"1700000000"',
    "true": "true",
    "no-offset": '"2024-02-29T12:00:00"',
    "date": '"2024-02-29"',
    "no-such-day": '"2023-02-29T12:00:00Z"',
    "no-such-hour": '"2024-02-29T24:30:00Z"',
    "no-such-offset": '"2024-02-29T12:00:00+99:00"',
    "words": '"yesterday"',
    "year-0": '"0000-01-01T00:00:00Z"',
    "year-1": '"0001-01-01T00:00:00Z"',
    "year-1-east": '"0001-01-01T00:00:00+14:00"',
    "before-1970": '"1969-12-31T23:59:59.999999Z"',
    "before-1970-east": '"1970-01-01T00:30:00+01:00"',
    "year-9999": '"9999-12-31T23:59:59Z"',
    "year-9999-west": '"9999-12-31T23:59:59-14:00"',
    "year-10000": '"10000-01-01T00:00:00Z"',
    "nul": r'"2024-02-29T12:00:00Z\u0000"',
    "surrogate": r'"\ud800"',
}


def matrix() -> Iterator[object]:
    """Every field of every command with everything it must not take."""
    lists = {"null": "null", "text": '"x"', "object": '{"x": "y"}', "number": "1", "true": "true"}
    lesson: Mapping[str, Mapping[str, str]] = {
        "learner_id": BAD_IDS,
        "topic": {**BAD_LINES, "too-long": json.dumps("x" * 201)},
        "level": {
            "unknown": '"expert"',
            "upper-case": '"Beginner"',
            "empty": '""',
            "null": "null",
            "number": "1",
            "list": '["beginner"]',
            "object": '{"level": "beginner"}',
            "surrogate": r'"\ud800"',
        },
        "objectives": {**lists, "too-many": json.dumps(["x"] * 21)},
        "duration_minutes": {**BAD_COUNTS, "short": "4", "long": "241", "negative": "-30", "huge": "9" * 4000},
    }
    progress: Mapping[str, Mapping[str, str]] = {
        "learner_id": BAD_IDS,
        "lesson_id": BAD_IDS,
        "completion": {**BAD_FRACTIONS, "null": "null"},
        "score": BAD_FRACTIONS,
        "time_spent_seconds": {
            **{name: bad for name, bad in BAD_FRACTIONS.items() if name != "above-one"},
            "null": "null",
            "more-than-a-year": "31536001",
        },
        "achievements": {**lists, "too-many": json.dumps(["x"] * 51)},
        "occurred_at": BAD_TIMES,
    }
    for (path, valid), fields in ((LESSON, lesson), (PROGRESS, progress)):
        for field, values in fields.items():
            for name, value in values.items():
                yield pytest.param(path, valid, field, value, id=f"{path[1:]}-{field}-{name}")


def body_with(valid: Json, field: str, value: str) -> bytes:
    """A body as it travels: JSON where one field has this very text."""
    members = {name: json.dumps(content) for name, content in valid.items()} | {field: value}
    return ("{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in members.items()) + "}").encode()
