"""The `Prefer` header (RFC 7240)."""

import re
from collections.abc import Iterable
from typing import Final

MAX_WAIT_SECONDS: Final = 30
_WAIT: Final = re.compile(r"""\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?""", re.IGNORECASE)


def wait_seconds(prefer: Iterable[str]) -> int:
    """The seconds of `wait=N` (RFC 7240 section 4.3), at most `MAX_WAIT_SECONDS`; 0 if it is not asked for.

    Several header lines are one list. Preferences that are not understood are ignored, as the RFC has it; of two the
    first counts.
    """
    for preference in ",".join(prefer).split(","):
        match = _WAIT.fullmatch(preference)
        if match:
            return min(int(match[1]), MAX_WAIT_SECONDS)
    return 0
