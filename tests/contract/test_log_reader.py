"""`LogReader`."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pytest

from sidecar.delivery import Verdict
from sidecar.log_reader import LogReader
from sidecar.records import LogRecord, NewRecord
from tests.contract.collector import Collector, read_all
from tests.contract.harness import Harness, Ports
from tests.deadlines import until


class TestLogReader:
    async def test_identity_is_the_same_after_a_restart(self, harness: Harness) -> None:
        identity = await harness.ports.log_reader.identity()
        assert identity.topic_id
        assert identity.partitions > 1
        await harness.close()
        await harness.reopen()
        assert await harness.ports.log_reader.identity() == identity

    async def test_bounds_name_every_partition(self, ports: Ports) -> None:
        identity = await ports.log_reader.identity()
        bounds = await ports.log_reader.bounds()
        assert set(bounds) == set(range(identity.partitions))
        assert all(0 <= bound.start <= bound.end for bound in bounds.values())

    async def test_bounds_follow_what_is_appended(self, ports: Ports, name: Callable[[str], str]) -> None:
        before = await ports.log_reader.bounds()
        await ports.appender.append([NewRecord(name("k"), b"1"), NewRecord(name("k"), b"2")], timeout_seconds=10)
        after = await ports.log_reader.bounds()
        grown = [partition for partition in after if after[partition].end > before[partition].end]
        assert len(grown) == 1
        assert after[grown[0]].end >= before[grown[0]].end + 2
        assert all(after[partition].start == before[partition].start for partition in after)

    async def test_a_foreign_record_is_read_as_it_is(self, harness: Harness) -> None:
        reader = harness.ports.log_reader
        first = (await reader.bounds())[1].end
        await harness.append_foreign(1, None, b"\xff\x00")
        await harness.append_foreign(1, "their/key", b"")
        records = await read_all(reader, 1, first, (await reader.bounds())[1].end)
        assert [(record.key, record.value) for record in records] == [(None, b"\xff\x00"), ("their/key", b"")]
        assert records[0].offset >= first
        assert records[1].offset > records[0].offset
        assert {record.partition for record in records} == {1}

    async def test_a_slice_ends_at_max_records(self, harness: Harness) -> None:
        reader = harness.ports.log_reader
        first = (await reader.bounds())[0].end
        for number in range(5):
            await harness.append_foreign(0, None, b"%d" % number)
        end = (await reader.bounds())[0].end
        part = await reader.read(0, first, end, max_records=2, max_bytes=1_000_000)
        assert [record.value for record in part.records] == [b"0", b"1"]
        assert part.records[-1].offset < part.next_offset
        rest = await read_all(reader, 0, part.next_offset, end, max_records=2)
        assert [record.value for record in rest] == [b"2", b"3", b"4"]

    async def test_a_slice_ends_near_max_bytes_and_has_one_record_at_least(self, harness: Harness) -> None:
        reader = harness.ports.log_reader
        first = (await reader.bounds())[0].end
        for _ in range(10):
            await harness.append_foreign(0, None, b"x" * 10_000)
        end = (await reader.bounds())[0].end
        part = await reader.read(0, first, end, max_records=1_000, max_bytes=20_000)
        assert 1 <= len(part.records) < 10
        assert part.next_offset < end
        part = await reader.read(0, first, end, max_records=1_000, max_bytes=1)
        assert len(part.records) >= 1

    async def test_nothing_beyond_until(self, harness: Harness) -> None:
        reader = harness.ports.log_reader
        first = (await reader.bounds())[0].end
        for number in range(3):
            await harness.append_foreign(0, None, b"%d" % number)
        records = await read_all(reader, 0, first, (await reader.bounds())[0].end)
        until = records[2].offset
        part = await reader.read(0, first, until, max_records=100, max_bytes=1_000_000)
        assert [record.value for record in part.records] == [b"0", b"1"]
        assert records[1].offset < part.next_offset <= until

    async def test_at_the_end_there_is_nothing_and_nothing_moves(self, ports: Ports) -> None:
        end = (await ports.log_reader.bounds())[2].end
        part = await ports.log_reader.read(2, end, end + 10, max_records=100, max_bytes=1_000_000)
        assert part.records == ()
        assert part.next_offset == end

    async def test_an_offset_of_no_record_is_confirmed_absent(self, harness: Harness) -> None:
        reader = harness.ports.log_reader
        first = (await reader.bounds())[0].end
        await harness.append_before_hole(0, None, b"before")
        await harness.append_foreign(0, None, b"after")
        end = (await reader.bounds())[0].end
        records = await read_all(reader, 0, first, end)
        assert [record.value for record in records] == [b"before", b"after"]
        hole = records[0].offset + 1
        assert records[1].offset > hole
        part = await reader.read(0, hole, hole + 1, max_records=100, max_bytes=1_000_000)
        assert part.records == ()
        assert part.next_offset == hole + 1

    async def test_reading_moves_nothing(self, harness: Harness) -> None:
        reader = harness.ports.log_reader
        first = (await reader.bounds())[0].end
        await harness.append_foreign(0, "k", b"v")
        end = (await reader.bounds())[0].end
        assert await read_all(reader, 0, first, end) == await read_all(reader, 0, first, end)


class TestDelivered:
    async def test_nothing_before_the_first_delivery(self, harness: Harness) -> None:
        await harness.append_foreign(0, None, b"v")
        assert await harness.ports.log_reader.delivered() == {}

    async def test_it_moves_when_batches_are_settled(self, harness: Harness, name: Callable[[str], str]) -> None:
        reader = harness.ports.log_reader
        collector = Collector()
        await harness.ports.delivery.start(collector)
        for turn in range(2):
            value = name(str(turn)).encode()
            await harness.append_foreign(1, None, value)
            end = (await reader.bounds())[1].end
            await collector.until_values({value})
            # The group commits now and then, and it has nothing to say of a partition that nothing came from.
            await until(partial(_is_delivered, reader, {1: end}))
        await harness.ports.delivery.stop()

    @pytest.mark.parametrize("settled", [0, 1])
    async def test_it_does_not_move_past_a_batch_to_be_retried(
        self, harness: Harness, name: Callable[[str], str], settled: int
    ) -> None:
        good, bad = name("good").encode(), name("bad").encode()

        async def refuse(batch: Sequence[LogRecord]) -> Verdict:
            return Verdict.RETRY if any(record.value == bad for record in batch) else Verdict.SETTLED

        collector = Collector(refuse)
        await harness.ports.delivery.start(collector)
        for _ in range(settled):
            await harness.append_foreign(0, None, good)
            await collector.until_values({good})
        await harness.append_foreign(0, None, bad)
        await collector.until(lambda: collector.values().count(bad) >= 3)
        (refused,) = {batch[0].offset for batch in collector.batches if batch[-1].value == bad}
        # What was settled is committed now and then; what was not, never, nor at the end.
        expected = {0: refused} if settled else {}
        await until(partial(_is_delivered, harness.ports.log_reader, expected))
        await harness.close()
        await harness.reopen()
        assert await harness.ports.log_reader.delivered() == expected

    async def test_it_is_where_delivery_begins_again(self, harness: Harness, name: Callable[[str], str]) -> None:
        first, second = name("first").encode(), name("second").encode()
        await harness.append_foreign(2, None, first)
        collector = Collector()
        await harness.ports.delivery.start(collector)
        await collector.until_values({first})
        begins = (await harness.ports.log_reader.bounds())[2].end
        await until(partial(_is_delivered, harness.ports.log_reader, {2: begins}))
        await harness.ports.delivery.stop()
        await harness.close()
        await harness.reopen()
        await harness.append_foreign(2, None, second)
        collector = Collector()
        await harness.ports.delivery.start(collector)
        await collector.until_values({second})
        await harness.ports.delivery.stop()
        assert collector.batches[0][0].offset == begins


async def _is_delivered(reader: LogReader, expected: Mapping[int, int]) -> bool:
    return await reader.delivered() == expected
