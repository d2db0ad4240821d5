"""How learners, lessons and events are named.

(source, id) names an event, as CloudEvents 1.0.2 section 3.1.1 requires. A repeated command repeats the id.
"""

import hashlib
import json
import os
import re
import time
import uuid
from binascii import b2a_base64
from collections.abc import Mapping
from typing import Any, Final

# No slash and no "||": ids become parts of state-store keys. ASCII only: they become Kafka keys and header values.
ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._~@+:-]{0,127}$"
ID_RULE: Final = "must be 1 to 128 letters, digits or any of . _ ~ @ + : - and begin with a letter or digit"
"""What `ID_PATTERN` asks for, in words."""
IDEMPOTENCY_KEY_PATTERN: Final = r"^[\x21-\x7e]{1,255}$"

_EVENTS: Final = uuid.UUID("b4f7c1de-6f0a-5c0e-9a57-3c1f2a6d9e01")
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_RETRY_KEY: Final = re.compile(r"retry\.([0-9a-f-]{36})\.[0-9a-f]{32}")
_LESSONS: Final = uuid.UUID("b4f7c1de-6f0a-5c0e-9a57-3c1f2a6d9e02")


def canonical_json(value: object) -> str:
    """The one JSON text of a value: keys sorted, no spaces, ASCII only.

    Raises:
        ValueError: for NaN and infinities, which JSON does not have.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def new_event_id() -> str:
    """A UUIDv7 (RFC 9562 section 5.7): unique, and sorting by the millisecond in which it was made."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76 | (random >> 68) << 64
    value |= 0b10 << 62 | (random & 0x3FFF_FFFF_FFFF_FFFF)
    return str(uuid.UUID(int=value))


def event_id_for_key(*, event_type: str, learner_id: str, key: str, command: Mapping[str, Any]) -> str:
    """The UUIDv5 under which a command with this idempotency key is recorded, however often it is sent.

    The same key with another command, learner or type gives another id, so a reused key never hides an event.
    A key made by `retry_key` for this very command gives the id that it was made for.
    """
    match = _RETRY_KEY.fullmatch(key)
    if match and key == retry_key(event_id=match[1], event_type=event_type, learner_id=learner_id, command=command):
        return match[1]
    return str(uuid.uuid5(_EVENTS, canonical_json([event_type, learner_id, key, _digest(command)])))


def retry_key(*, event_id: str, event_type: str, learner_id: str, command: Mapping[str, Any]) -> str:
    """An idempotency key under which a command that was sent without one can be repeated as the event `event_id`.

    It is bound to the command: with another one it is a key like any other.
    """
    bound = hashlib.sha256(canonical_json([event_id, event_type, learner_id, _digest(command)]).encode()).hexdigest()
    return f"retry.{event_id}.{bound[:32]}"


def _digest(command: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(command).encode()).hexdigest()


def lesson_id_for(*, source: str, event_id: str, learner_id: str) -> str:
    """The id of the lesson that an event requests: a function of the event, so no two events can claim one lesson."""
    return str(uuid.uuid5(_LESSONS, canonical_json([source, event_id, learner_id])))


def fingerprint(source: str, event_id: str) -> str:
    """The first 64 bits of SHA-256 over (source, id), as 11 characters of base64url: what a fold keeps of an identity.

    Among a million events of one learner two collide with a chance of 1 in 37 million.
    """
    return short_hash(f"{len(source)}:{source}{event_id}".encode())


def short_hash(content: bytes) -> str:
    """The first 64 bits of SHA-256 of some bytes, as 11 characters of base64url."""
    # As base64.urlsafe_b64encode does, in a third of the time; it is done twice for every event.
    encoded = b2a_base64(hashlib.sha256(content).digest()[:8], newline=False)
    return encoded[:11].translate(_URL_SAFE).decode("ascii")
