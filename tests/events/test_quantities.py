"""Fractions and durations as integers."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.quantities import from_ppm, to_milliseconds, to_ppm, to_seconds


@given(st.floats(0, 1))
def test_six_decimals_are_kept(fraction: float) -> None:
    assert abs(Fraction(to_ppm(fraction), 10**6) - Fraction(fraction)) <= Fraction(1, 2 * 10**6) + Fraction(1, 10**12)


@given(st.integers(0, 1_000_000))
def test_parts_per_million_come_back(ppm: int) -> None:
    assert to_ppm(from_ppm(ppm)) == ppm
    assert from_ppm(ppm) == float(f"{ppm}e-6")


@pytest.mark.parametrize("wrong", [-0.000001, 1.0000001, float("nan"), float("inf"), -float("inf")])
def test_what_is_no_fraction_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="not within"):
        to_ppm(wrong)


@given(st.integers(0, 31_536_000_000))
def test_milliseconds_come_back(milliseconds: int) -> None:
    assert to_milliseconds(to_seconds(milliseconds)) == milliseconds


def test_whole_seconds_stay_whole() -> None:
    assert repr(to_seconds(61_000)) == "61"
    assert repr(to_seconds(61_500)) == "61.5"


@pytest.mark.parametrize("wrong", [-0.001, 31_536_000.1, float("nan"), float("inf")])
def test_what_is_no_duration_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="not within"):
        to_milliseconds(wrong)
