"""`EventAppender`."""

import asyncio
import time
from collections.abc import Callable

import pytest

from sidecar.errors import MessageTooLarge
from sidecar.records import LogRecord, NewRecord
from tests.contract.collector import read_since
from tests.contract.harness import Harness, Ports

VALUES = {
    "JSON": b'{"a": 1}',
    "not JSON": b"{{{",
    "every byte": bytes(range(256)),
    "NUL": b"\0\0a\0",
    "beyond a double": b'{"n": 9007199254740993}',
    "spaces and order kept": b'{ "b":1,  "a":1.0 }\n',
    "unicode": "Größe 学习 \U0001f9e0".encode(),
    "100 kB": b"x" * 100_000,
}


class TestAppend:
    async def test_what_was_appended_is_in_the_log(self, ports: Ports, name: Callable[[str], str]) -> None:
        before = dict(await ports.log_reader.bounds())
        began = time.time() * 1000
        await ports.appender.append([NewRecord(name("a"), b"1"), NewRecord(name("b"), b"2")], timeout_seconds=10)
        records = await read_since(ports.log_reader, before)
        assert {(record.key, record.value) for record in records} == {(name("a"), b"1"), (name("b"), b"2")}
        for record in records:
            assert began - 60_000 < record.appended_at_ms < time.time() * 1000 + 60_000

    async def test_nothing_to_append_is_no_error(self, ports: Ports) -> None:
        before = dict(await ports.log_reader.bounds())
        await ports.appender.append([], timeout_seconds=10)
        assert await ports.log_reader.bounds() == before

    @pytest.mark.parametrize("kind", VALUES)
    async def test_bytes_are_kept(self, ports: Ports, name: Callable[[str], str], kind: str) -> None:
        before = dict(await ports.log_reader.bounds())
        await ports.appender.append([NewRecord(name("k"), VALUES[kind])], timeout_seconds=10)
        assert [record.value for record in await read_since(ports.log_reader, before)] == [VALUES[kind]]

    async def test_a_key_has_one_partition_and_keeps_its_order(self, ports: Ports, name: Callable[[str], str]) -> None:
        before = dict(await ports.log_reader.bounds())
        keys = [name(f"learner-{number}") for number in range(20)]
        for turn in range(5):
            await ports.appender.append([NewRecord(key, b"%d" % turn) for key in keys], timeout_seconds=10)
        by_key: dict[str | None, list[LogRecord]] = {}
        for record in await read_since(ports.log_reader, before):
            by_key.setdefault(record.key, []).append(record)
        assert set(by_key) == set(keys)
        for records in by_key.values():
            assert len({record.partition for record in records}) == 1
            assert [record.value for record in records] == [b"0", b"1", b"2", b"3", b"4"]
        assert len({records[0].partition for records in by_key.values()}) > 1

    async def test_many_at_once(self, ports: Ports, name: Callable[[str], str]) -> None:
        before = dict(await ports.log_reader.bounds())
        calls = [[NewRecord(name(f"k{call}"), b"%d-%d" % (call, n)) for n in range(10)] for call in range(50)]
        await asyncio.gather(*(ports.appender.append(records, timeout_seconds=30) for records in calls))
        records = await read_since(ports.log_reader, before)
        assert sorted(record.value for record in records) == sorted(r.value for call in calls for r in call)

    async def test_it_survives_a_crash(self, harness: Harness, name: Callable[[str], str]) -> None:
        before = dict(await harness.ports.log_reader.bounds())
        await harness.ports.appender.append([NewRecord(name("k"), b"kept")], timeout_seconds=10)
        await harness.crash()
        await harness.reopen()
        assert [record.value for record in await read_since(harness.ports.log_reader, before)] == [b"kept"]

    async def test_an_empty_record_is_refused(self, ports: Ports, name: Callable[[str], str]) -> None:
        before = await ports.log_reader.bounds()
        with pytest.raises(ValueError, match="empty"):
            await ports.appender.append([NewRecord(name("a"), b"1"), NewRecord(name("b"), b"")], timeout_seconds=10)
        assert await ports.log_reader.bounds() == before

    async def test_a_key_that_is_not_ascii_is_refused(self, ports: Ports, name: Callable[[str], str]) -> None:
        before = await ports.log_reader.bounds()
        with pytest.raises(ValueError, match="not ASCII"):
            await ports.appender.append([NewRecord(name("a"), b"1"), NewRecord(name("ä"), b"1")], timeout_seconds=10)
        assert await ports.log_reader.bounds() == before

    async def test_one_too_large(self, harness: Harness, name: Callable[[str], str]) -> None:
        before = await harness.ports.log_reader.bounds()
        records = [NewRecord(name("a"), b"small"), NewRecord(name("b"), b"x" * (harness.max_message_bytes + 1))]
        with pytest.raises(MessageTooLarge):
            await harness.ports.appender.append(records, timeout_seconds=10)
        assert await harness.ports.log_reader.bounds() == before

    async def test_all_together_too_large(self, harness: Harness, name: Callable[[str], str]) -> None:
        before = await harness.ports.log_reader.bounds()
        records = [NewRecord(name("a"), b"x" * (harness.max_message_bytes // 4)) for _ in range(5)]
        with pytest.raises(MessageTooLarge):
            await harness.ports.appender.append(records, timeout_seconds=10)
        assert await harness.ports.log_reader.bounds() == before
