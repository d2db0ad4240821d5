"""Which partition a key belongs to: as Dapr's Kafka client has it, so that a learner is placed alike in both."""

from functools import lru_cache

_OFFSET_BASIS = 2_166_136_261
_PRIME = 16_777_619
_WORD = 0xFFFF_FFFF
_SIGN = 0x8000_0000


def fnv1a(data: bytes) -> int:
    """The 32 bit FNV-1a hash, 0 to 2**32 - 1."""
    value = _OFFSET_BASIS
    for byte in data:
        value = (value ^ byte) * _PRIME & _WORD
    return value


@lru_cache(maxsize=65_536)
def partition_of(key: str, partitions: int) -> int:
    """The partition of a key, 0 to `partitions` - 1: the hash as a signed number, and its remainder without sign."""
    value = fnv1a(key.encode())
    signed = value - (_WORD + 1) if value & _SIGN else value
    return abs(signed) % partitions
