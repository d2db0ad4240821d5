"""What a template stands for: text, a list, a number or a moment."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from learnflow.importing.templates import Template, TemplateError

Json = str | int | float | list[str]
"""A value of a request's body."""

LIST_SEPARATOR: Final = ";"
_LONGEST_SHOWN: Final = 80
# Bounded, so that no cell makes an integer of a million digits.
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_SEGMENT: Final = r"((?:[^{}/*]|\{[^{}]*\})+)"
_RATIO: Final = re.compile(rf"{_SEGMENT}(?:([/*]){_SEGMENT})?")
_DAYS_LATER: Final = re.compile(r"(.*\S)\s+\+\s+(\S.*\S|\S)\s+days?", re.DOTALL)


class Unreadable(ValueError):
    """What a row shows is no such value; the message says why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a field's value is read from a row.

    Attributes:
        columns: those that it needs.
        read: gives the value; raises `EmptyCell` where a column is empty and `Unreadable` where it makes no sense.
    """

    columns: tuple[str, ...]
    read: Callable[[Mapping[str, str]], Json]


def text(template: str) -> Reading:
    """Read text as it is.

    Raises:
        TemplateError: it is no template.
    """
    parsed = Template.parse(template)
    return Reading(parsed.columns, parsed.render)


def text_list(template: str) -> Reading:
    """Read texts separated by semicolons; empty ones are left out.

    Raises:
        TemplateError: it is no template.
    """
    parsed = Template.parse(template)

    def read(cells: Mapping[str, str]) -> Json:
        return [one.strip() for one in parsed.render(cells).split(LIST_SEPARATOR) if one.strip()]

    return Reading(parsed.columns, read)


def number(template: str) -> Reading:
    """Read a number, or a number divided or multiplied by another, exactly: `{score}/100`, `{minutes} * 60`.

    Whole numbers are read as `int`, others as the nearest `float`.

    Raises:
        TemplateError: it is no template, or is not of that form.
    """
    match = _RATIO.fullmatch(template)
    if match is None:
        Template.parse(template)  # says more of braces that don't match
        raise TemplateError(f"{template!r} is no number, number / number or number * number")
    first, operator, second = match.groups()
    left = Template.parse(first)
    right = Template.parse(second or "1")
    if operator == "/" and not right.columns:
        _divide(Fraction(1), _fraction(right.render({})))

    def read(cells: Mapping[str, str]) -> Json:
        value, by = _fraction(left.render(cells)), _fraction(right.render(cells))
        return _plain(_divide(value, by) if operator == "/" else value * by)

    return Reading(tuple(dict.fromkeys(left.columns + right.columns)), read)


def moment(template: str) -> Reading:
    """Read an ISO 8601 date (its midnight) or date-time, and days to add: `{year}-10-01 + {day} days`.

    What names no offset from UTC is UTC. The number of days is whole, and may be negative.

    Raises:
        TemplateError: it is no template.
    """
    match = _DAYS_LATER.fullmatch(template.strip())
    start = Template.parse(match[1] if match else template)
    days = Template.parse(match[2] if match else "0")

    def read(cells: Mapping[str, str]) -> Json:
        return _later(_datetime(start.render(cells)), _fraction(days.render(cells)))

    return Reading(tuple(dict.fromkeys(start.columns + days.columns)), read)


def shorten(shown: str) -> str:
    """Text for a message: what is longer than a line loses its end."""
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}..."


def _fraction(shown: str) -> Fraction:
    stripped = shown.strip()
    if not _NUMBER.fullmatch(stripped):
        raise Unreadable(f"{shorten(repr(stripped))} is not a number")
    return Fraction(stripped)


def _divide(value: Fraction, by: Fraction) -> Fraction:
    if not by:
        raise Unreadable("division by zero")
    return value / by


def _plain(value: Fraction) -> int | float:
    if value.denominator == 1:
        return value.numerator
    try:
        return float(value)
    except OverflowError:
        raise Unreadable("the number is too large") from None


def _datetime(shown: str) -> datetime:
    try:
        parsed = datetime.fromisoformat(shown.strip())
    except ValueError:
        raise Unreadable(f"{shorten(repr(shown.strip()))} is no ISO 8601 date or date-time, like 2013-10-01") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _later(start: datetime, days: Fraction) -> str:
    if days.denominator != 1:
        raise Unreadable(f"{float(days):g} days: the number of days must be whole")
    try:
        later = (start + timedelta(days=days.numerator)).astimezone(UTC)
    except OverflowError:
        raise Unreadable("the date is out of range") from None
    return later.isoformat().replace("+00:00", "Z")
