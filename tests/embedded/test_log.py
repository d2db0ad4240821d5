"""Where the embedded log promises more than the ports."""

import time

import pytest

from sidecar.embedded import EmbeddedSidecar
from sidecar.embedded.partitioner import partition_of
from sidecar.errors import MessageTooLarge
from sidecar.records import NewRecord
from tests.embedded.looking import everything, values


async def test_offsets_follow_one_another(sidecar: EmbeddedSidecar) -> None:
    for turn in range(10):
        await sidecar.appender.append([NewRecord(f"k{n}", b"%d" % turn) for n in range(turn)], timeout_seconds=5)
    for partition, bounds in (await sidecar.log.bounds()).items():
        assert bounds.start == 0
        offsets = [record.offset for record in await everything(sidecar) if record.partition == partition]
        assert offsets == list(range(bounds.end))
    for record in await everything(sidecar):
        assert record.key is not None
        assert record.partition == partition_of(record.key, 2)


@pytest.mark.parametrize("count", [1, 2, 3, 511, 512, 513, 1_537])
async def test_any_number_at_once(sidecar: EmbeddedSidecar, count: int) -> None:
    expected = [b"%d" % n for n in range(count)]
    await sidecar.appender.append([NewRecord("k", value) for value in expected], timeout_seconds=5)
    assert await values(sidecar) == expected


async def test_two_megabytes_at_once_and_not_four(sidecar: EmbeddedSidecar) -> None:
    large = bytes(range(256)) * 8192
    await sidecar.appender.append([NewRecord("k", large)], timeout_seconds=30)
    assert await values(sidecar) == [large]
    with pytest.raises(MessageTooLarge):
        await sidecar.appender.append([NewRecord("k", large + large)], timeout_seconds=30)


async def test_time_does_not_go_back(sidecar: EmbeddedSidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time_ns
    for hours in (0, -1, 1, 0):
        monkeypatch.setattr(time, "time_ns", lambda hours=hours: real() + hours * 3_600_000_000_000)
        await sidecar.log.append_to(0, None, b"")
    moments = [record.appended_at_ms for record in await everything(sidecar)]
    assert moments == sorted(moments)
    assert moments[0] == moments[1]
    assert moments[2] >= moments[1] + 3_590_000


async def test_a_foreign_key_of_any_text(sidecar: EmbeddedSidecar) -> None:
    keys = [None, "", "ä\n\"'\\", "\U0001f9e0"]
    for key in keys:
        await sidecar.log.append_to(1, key, b"\xff\xfe\x00")
    assert [record.key for record in await everything(sidecar)] == keys


async def test_arguments_out_of_range(sidecar: EmbeddedSidecar) -> None:
    with pytest.raises(ValueError, match="no partition 2"):
        await sidecar.log.append_to(2, None, b"")
    with pytest.raises(ValueError, match="no partition -1"):
        await sidecar.log.read(-1, 0, 1, max_records=1, max_bytes=1)
    with pytest.raises(ValueError, match="max_records"):
        await sidecar.log.read(0, 0, 1, max_records=0, max_bytes=1)


async def test_reading_before_and_beyond(sidecar: EmbeddedSidecar) -> None:
    await sidecar.log.append_to(0, None, b"first")
    await sidecar.log.append_to(1, None, b"other")
    part = await sidecar.log.read(0, -5, 2**62, max_records=10, max_bytes=100)
    assert [record.value for record in part.records] == [b"first"]
    assert part.next_offset == 1
    part = await sidecar.log.read(0, 2**62, 2**62 + 1, max_records=10, max_bytes=100)
    assert part.records == ()
    assert part.next_offset == 2**62
    part = await sidecar.log.read(0, 1, 0, max_records=10, max_bytes=100)
    assert part.records == ()
    assert part.next_offset == 1


@pytest.mark.parametrize(("max_bytes", "count"), [(0, 1), (10, 1), (11, 2), (20, 2), (21, 3), (1_000, 5)])
async def test_how_many_bytes_are_about_max_bytes(sidecar: EmbeddedSidecar, max_bytes: int, count: int) -> None:
    await sidecar.appender.append([NewRecord("k", b"ten bytes.") for _ in range(5)], timeout_seconds=5)
    partition = partition_of("k", 2)
    part = await sidecar.log.read(partition, 0, 100, max_records=100, max_bytes=max_bytes)
    assert len(part.records) == count
    assert part.next_offset == count
