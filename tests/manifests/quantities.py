"""Kubernetes' quantities and Go's durations as numbers."""

import re
from fractions import Fraction
from typing import Final

_SUFFIXES: Final = {
    "": Fraction(1),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 10**3),
    **{suffix: Fraction(10 ** (3 * power)) for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Fraction(2 ** (10 * power)) for power, suffix in enumerate("KMGTPE", 1)},
}
_QUANTITY: Final = re.compile(r"([\d.]+)([a-zA-Z]*)")
_UNITS: Final = {"ms": Fraction(1, 1000), "s": Fraction(1), "m": Fraction(60), "h": Fraction(3600)}
_PART: Final = re.compile(r"([\d.]+)(ms|s|m|h)")


def quantity(text: str | float) -> Fraction:
    """How much `250m`, `64Mi` or `2` is: cores or bytes.

    Raises:
        ValueError: it is no quantity.
    """
    found = _QUANTITY.fullmatch(str(text))
    if found is None or found[2] not in _SUFFIXES:
        raise ValueError(f"{text!r} is no quantity")
    return Fraction(found[1]) * _SUFFIXES[found[2]]


def seconds(duration: str) -> Fraction:
    """How long `25s` or `1m30s` is, in seconds.

    Raises:
        ValueError: it is no duration.
    """
    parts = _PART.findall(duration)
    if not parts or "".join(map("".join, parts)) != duration:
        raise ValueError(f"{duration!r} is no duration")
    return sum((Fraction(number) * _UNITS[unit] for number, unit in parts), Fraction(0))
