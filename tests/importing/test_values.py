"""Numbers come out exact, moments as calendars have them; what makes no sense is refused in words."""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnflow.importing.templates import TemplateError
from learnflow.importing.values import Unreadable, moment, number, text_list

decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6)
days = st.integers(-800, 800)


@given(decimals, decimals.filter(bool))
def test_a_ratio_is_the_nearest_number(left: Decimal, right: Decimal) -> None:
    value = number("{left} / {right}").read({"left": f"{left}", "right": f"{right}"})
    assert value == float(Fraction(left) / Fraction(right)) or value == Fraction(left) / Fraction(right)


@given(decimals)
def test_a_product_is_the_nearest_number(left: Decimal) -> None:
    assert number("{left}*60").read({"left": f" {left} "}) in {float(Fraction(left) * 60), Fraction(left) * 60}


@given(st.integers(0, 100))
def test_a_percentage_is_what_a_person_would_write(score: int) -> None:
    assert number("{score}/100").read({"score": str(score)}) == float(f"{score // 100}.{score % 100:02}")


@given(st.text(min_size=1).filter(lambda cell: cell.strip()))
def test_any_cell_is_a_number_or_refused(cell: str) -> None:
    try:
        value = number("{n}").read({"n": cell})
    except Unreadable:
        return
    assert isinstance(value, int | float)
    assert not math.isnan(value)


@pytest.mark.parametrize("cell", ["nan", "inf", "1e9999", "1_000", "٣", "0x10", "1,5", "1/2", "", "--1", "9" * 5000])
def test_what_only_looks_like_a_number_is_refused(cell: str) -> None:
    with pytest.raises(Unreadable):
        number("x{n}"[1:]).read({"n": cell or "-"})


@pytest.mark.parametrize("template", ["{a}/{b}/{c}", "/100", "{a}/", "{a", "{a.b}/100"])
def test_other_arithmetic_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        number(template)


def test_division_by_zero_is_refused() -> None:
    with pytest.raises(Unreadable, match="zero"):
        number("{a}/0")
    with pytest.raises(Unreadable, match="zero"):
        number("{a}/{b}").read({"a": "1", "b": "0.0"})


@given(st.dates(date(1970, 1, 1), date(2100, 1, 1)), days)
def test_days_are_added(start: date, later: int) -> None:
    value = moment("{start} + {later} days").read({"start": start.isoformat(), "later": str(later)})
    expected = datetime.combine(start + timedelta(days=later), datetime.min.time(), UTC)
    assert isinstance(value, str)
    assert value.endswith("Z")
    assert datetime.fromisoformat(value) == expected


@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_an_offset_is_honoured(at: datetime) -> None:
    value = moment("{at}").read({"at": at.isoformat()})
    assert isinstance(value, str)
    assert datetime.fromisoformat(value) == datetime.fromisoformat(at.isoformat())


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"at": "2013-10-01", "n": "-9"}, "2013-09-22T00:00:00Z"),
        ({"at": "2013-10-01T23:30:00", "n": "18.0"}, "2013-10-19T23:30:00Z"),
        ({"at": "2013-10-01T23:30:00-05:00", "n": "0"}, "2013-10-02T04:30:00Z"),
        ({"at": "2013-12-31", "n": "60"}, "2014-03-01T00:00:00Z"),
    ],
)
def test_moments(cells: dict[str, str], expected: str) -> None:
    assert moment("{at} + {n} days").read(cells) == expected


@pytest.mark.parametrize(
    "cells", [{"at": "1.10.2013", "n": "1"}, {"at": "2013-10-01", "n": "1.5"}, {"at": "2013-10-01", "n": "9e9"}]
)
def test_impossible_moments_are_refused(cells: dict[str, str]) -> None:
    with pytest.raises(Unreadable):
        moment("{at} + {n} days").read(cells)


def test_lists_are_split_at_semicolons() -> None:
    assert text_list("{badges};imported").read({"badges": "first lesson; ;streak"}) == [
        "first lesson",
        "streak",
        "imported",
    ]
