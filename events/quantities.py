"""Fractions and durations as integers, so that sums come out the same in any order.

A fraction of 0 to 1 is kept in parts per million (six decimals), a duration in milliseconds.
"""

from typing import Final

PPM: Final = 1_000_000
MAX_TIME_SPENT_SECONDS: Final = 31_536_000


def to_ppm(fraction: float) -> int:
    """A fraction of 0 to 1 in parts per million, rounded half to even.

    Raises:
        ValueError: outside 0 to 1, and for NaN.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"{fraction} is not within 0 and 1")
    return round(fraction * PPM)


def from_ppm(ppm: int) -> float:
    """Parts per million as the nearest fraction: `to_ppm(from_ppm(n)) == n` for 0 to 1,000,000."""
    return ppm / PPM


def to_milliseconds(seconds: float) -> int:
    """A duration of zero or more seconds in whole milliseconds.

    Raises:
        ValueError: for negative durations, NaN, and more than `MAX_TIME_SPENT_SECONDS`.
    """
    if not 0 <= seconds <= MAX_TIME_SPENT_SECONDS:
        raise ValueError(f"{seconds} is not within 0 and {MAX_TIME_SPENT_SECONDS} seconds")
    return round(seconds * 1000)


def to_seconds(milliseconds: int) -> int | float:
    """Milliseconds in seconds: an integer where it is whole, otherwise with up to three decimals."""
    whole, rest = divmod(milliseconds, 1000)
    return milliseconds / 1000 if rest else whole
