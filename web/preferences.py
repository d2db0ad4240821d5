"""The `Prefer` header (RFC 7240)."""

import re
from typing import Final

MAX_WAIT_SECONDS: Final = 30
_WAIT: Final = re.compile(r"""\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?""", re.IGNORECASE)


def wait_seconds(prefer: str | None) -> int:
    """The seconds of `wait=N` (RFC 7240 section 4.3), at most `MAX_WAIT_SECONDS`; 0 if it is not asked for.

    Preferences that are not understood are ignored, as the RFC has it; of two the first counts.
    """
    for preference in (prefer or "").split(","):
        match = _WAIT.fullmatch(preference)
        if match:
            return min(int(match[1]), MAX_WAIT_SECONDS)
    return 0
