"""Moments as events write them."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, BeforeValidator, Field

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _written_as_rfc_3339(value: object) -> object:
    # The parser behind it would take a number, also one in quotes, for seconds since 1970.
    if not isinstance(value, str) or _RFC_3339.fullmatch(value) is None:
        raise ValueError("must be a date-time with its offset as RFC 3339 writes it, e.g. 2026-01-31T09:30:00Z")
    return value


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written_as_rfc_3339)]
"""A date-time with its offset, as RFC 3339 section 5.6 writes it; anything else is no moment."""
SinceEpoch = Annotated[AwareDatetime, Field(strict=False, ge=EPOCH), BeforeValidator(_written_as_rfc_3339)]
"""A `Moment` of 1970 or later."""
UsualMoment = Annotated[
    str,
    Field(
        pattern=r"^(19[7-9]|[2-9][0-9]{2})[0-9]-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]{1,6})?Z$"
    ),
]
"""The text of a `SinceEpoch` as nearly all are written, for `usual_microseconds`."""


def usual_microseconds(moment: str) -> int:
    """The microseconds since 1970 of a `UsualMoment`.

    Raises:
        ValueError: there is no such day, or no such time of day.
    """
    return to_microseconds(datetime.fromisoformat(moment))


def to_microseconds(moment: datetime) -> int:
    """An aware moment in whole microseconds since 1970 (UTC)."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
