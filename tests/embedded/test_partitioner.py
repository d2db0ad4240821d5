"""Keys go where Dapr's Kafka client puts them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.embedded.partitioner import fnv1a, partition_of

# From the definition by Fowler, Noll and Vo: offset basis 2166136261, prime 16777619.
VECTORS = {
    b"": 0x811C9DC5,
    b"a": 0xE40C292C,
    b"b": 0xE70C2DE5,
    b"c": 0xE60C2C52,
    b"fo": 0x6222E842,
    b"foo": 0xA9F37ED7,
    b"foobar": 0xBF9CF968,
    b"\0": 0x050C5D1F,
}


@pytest.mark.parametrize("data", VECTORS)
def test_published_hashes(data: bytes) -> None:
    assert fnv1a(data) == VECTORS[data]


def test_a_hash_beyond_31_bits_counts_as_negative() -> None:
    # As int32, 0xE40C292C is -468965076; in Go, whose remainder is cut towards zero, % 8 of it is -4.
    assert partition_of("a", 8) == 4
    # Without the sign it would be 0xE40C292C % 7 = 1.
    assert partition_of("a", 7) == 468_965_076 % 7


@given(st.text(), st.integers(1, 1_000))
def test_as_sarama_computes_it(key: str, partitions: int) -> None:
    value = 2_166_136_261
    for byte in key.encode():
        value = ((value ^ byte) * 16_777_619) % 2**32
    int32 = int.from_bytes(value.to_bytes(4, "big"), "big", signed=True)
    expected = int(math.fmod(int32, partitions))
    if expected < 0:
        expected = -expected
    assert partition_of(key, partitions) == expected
    assert 0 <= expected < partitions
