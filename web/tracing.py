"""W3C Trace Context, as far as an event carries it on."""

import re
import secrets
from typing import Final

_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def continue_trace(traceparent: str | None) -> str:
    """The caller's `traceparent` if it is one (W3C Trace Context section 3.2.2), otherwise a new, unsampled one."""
    if traceparent is not None and _TRACEPARENT.fullmatch(traceparent):
        return traceparent
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
