"""Which of several media types a client wants most: RFC 9110, section 12.5.1."""

from collections.abc import Iterator, Sequence
from typing import Final

LONGEST: Final = 2_000
"""Of a longer `Accept` header the rest is not looked at."""
_NEVER: Final = 0.0


def preferred(accept: str | None, offered: Sequence[str]) -> str:
    """The offered media type that a client likes best; of those it likes equally, the first offered.

    A client that says nothing, or that wants none of them, gets the first: RFC 9110 leaves that to the server, and an
    answer in another form is more use than none.

    Args:
        accept: the header's value, if there was one.
        offered: media types without parameters, the default first.
    """
    if accept is None:
        return offered[0]
    ranges = list(_ranges(accept[:LONGEST]))
    best = max(offered, key=lambda one: _quality(one, ranges))
    return best if _quality(best, ranges) > _NEVER else offered[0]


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weights = [piece.partition("=")[2] for piece in parameters if piece.partition("=")[0].strip() == "q"]
        yield name, _weight(weights[0]) if weights else 1.0


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return _NEVER
    return weight if _NEVER <= weight <= 1 else _NEVER


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The weight of the most specific range that covers a media type; 0 where none does."""
    family = media_type.partition("/")[0]
    for name in (media_type, f"{family}/*", "*/*"):
        weights = [weight for one, weight in ranges if one == name]
        if weights:
            return max(weights)
    return _NEVER
