"""How figures and moments are told to a learner, in English and in UTC."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")
_WEEKDAY_UP_TO: Final = 6  # days; a week later the same name would mean another day
_WEEKS_FROM, _MONTHS_FROM, _YEARS_FROM = 14, 60, 730  # days
_DAYS_A_WEEK, _DAYS_A_YEAR = 7, 365


def percent(share: float) -> str:
    """A share from 0 to 1, half up to whole percent; `0 %` and `100 %` are said of nothing and of everything alone."""
    exact = Fraction(min(max(share, 0.0), 1.0)) * 100
    if exact in {0, 100}:
        return f"{exact} %"
    return f"{min(max(int(exact + Fraction(1, 2)), 1), 99)} %"


def day_of(moment: datetime, now: datetime) -> str:
    """When something was: `today`, `yesterday`, `on Tuesday 10 November`, or `on 3 November 2026` if a week has passed.

    Days are those of UTC. What is later than `now`, as clocks may have it, was today.
    """
    moment, now = moment.astimezone(UTC), now.astimezone(UTC)
    days = (now.date() - moment.date()).days
    if days <= 0:
        return "today"
    if days == 1:
        return "yesterday"
    day = f"{moment.day} {_MONTHS[moment.month - 1]}"
    return f"on {_WEEKDAYS[moment.weekday()]} {day}" if days <= _WEEKDAY_UP_TO else f"on {day} {moment.year}"


def time_since(moment: datetime, now: datetime) -> str:
    """How long ago something was, in its largest fitting unit, rounded down: `today`, `three weeks ago`."""
    days = (now.astimezone(UTC).date() - moment.astimezone(UTC).date()).days
    if days <= 0:
        return "today"
    if days == 1:
        return "yesterday"
    if days < _WEEKS_FROM:
        return _ago(days, "day")
    if days < _MONTHS_FROM:
        return _ago(days // _DAYS_A_WEEK, "week")
    return _ago(days * 12 // _DAYS_A_YEAR, "month") if days < _YEARS_FROM else _ago(days // _DAYS_A_YEAR, "year")


def _ago(count: int, unit: str) -> str:
    number = _NUMBERS[count] if count < len(_NUMBERS) else str(count)
    return f"{number} {unit}{'' if count == 1 else 's'} ago"
