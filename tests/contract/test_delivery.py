"""`Delivery`."""

import asyncio
from collections.abc import Callable, Sequence

from sidecar.delivery import Verdict
from sidecar.records import LogRecord, NewRecord
from tests.contract.collector import DEADLINE_SECONDS, Collector
from tests.contract.harness import Harness, Ports


def some_records(name: Callable[[str], str], count: int, *, since: int = 0) -> list[NewRecord]:
    return [NewRecord(name(f"k{n % 7}"), name(f"value-{n}").encode()) for n in range(since, since + count)]


def values_of(records: Sequence[NewRecord]) -> set[bytes]:
    return {record.value for record in records}


class TestDelivery:
    async def test_all_comes_in_batches_of_one_partition_in_offset_order(
        self, ports: Ports, name: Callable[[str], str]
    ) -> None:
        records = some_records(name, 200)
        await ports.appender.append(records, timeout_seconds=10)
        collector = Collector()
        await ports.delivery.start(collector)
        await collector.until_values(values_of(records))
        await ports.delivery.stop()
        assert not collector.overlapping
        keys: dict[bytes, str | None] = {}
        for batch in collector.batches:
            assert len({record.partition for record in batch}) == 1
            offsets = [record.offset for record in batch]
            assert offsets == sorted(set(offsets))
            keys.update((record.value, record.key) for record in batch)
        assert all(keys[record.value] == record.key for record in records)

    async def test_first_deliveries_of_a_partition_are_in_offset_order(
        self, ports: Ports, name: Callable[[str], str]
    ) -> None:
        records = some_records(name, 200)
        collector = Collector()
        await ports.delivery.start(collector)
        for start in range(0, 200, 10):
            await ports.appender.append(records[start : start + 10], timeout_seconds=10)
        await collector.until_values(values_of(records))
        await ports.delivery.stop()
        seen: dict[int, int] = {}
        for record in (record for batch in collector.batches for record in batch):
            last = seen.get(record.partition, -1)
            if record.offset > last:
                missed = [other for other in collector.batches if any(last < r.offset < record.offset for r in other)]
                assert not [b for b in missed if b[0].partition == record.partition]
                seen[record.partition] = record.offset

    async def test_what_comes_is_what_the_log_holds(self, harness: Harness, name: Callable[[str], str]) -> None:
        value = name("\xff").encode("latin-1") + bytes(range(256))
        await harness.append_foreign(1, None, value)
        collector = Collector()
        await harness.ports.delivery.start(collector)
        await collector.until_values({value})
        await harness.ports.delivery.stop()
        (record,) = {r for batch in collector.batches for r in batch if r.value == value}
        part = await harness.ports.log_reader.read(1, record.offset, record.offset + 1, max_records=1, max_bytes=10_000)
        assert part.records == (record,)

    async def test_what_is_appended_later_comes_too(self, ports: Ports, name: Callable[[str], str]) -> None:
        collector = Collector()
        await ports.delivery.start(collector)
        for turn in range(5):
            records = some_records(name, 3, since=turn * 3)
            await ports.appender.append(records, timeout_seconds=10)
            await collector.until_values(values_of(records))
        await ports.delivery.stop()

    async def test_it_goes_over_offsets_of_no_record(self, harness: Harness, name: Callable[[str], str]) -> None:
        collector = Collector()
        await harness.ports.delivery.start(collector)
        values = [name("before").encode(), name("after").encode()]
        await harness.append_before_hole(0, None, values[0])
        await harness.append_foreign(0, None, values[1])
        await collector.until_values(values)
        await harness.ports.delivery.stop()

    async def test_retry_brings_the_same_batch_before_anything_later(
        self, harness: Harness, name: Callable[[str], str]
    ) -> None:
        values = [name(str(n)).encode() for n in range(14)]
        refused: list[tuple[LogRecord, ...]] = []

        async def decide(batch: Sequence[LogRecord]) -> Verdict:
            if batch[-1].value in values and len(refused) < 4:
                refused.append(tuple(batch))
                # What is appended meanwhile must not slip into the batch, nor before it.
                await harness.append_foreign(0, None, values[9 + len(refused)])
                return Verdict.RETRY
            return Verdict.SETTLED

        for value in values[:10]:
            await harness.append_foreign(0, None, value)
        collector = Collector(decide)
        await harness.ports.delivery.start(collector)
        await collector.until_values(values)
        await harness.ports.delivery.stop()
        self._assert_each_came_again(collector, refused)

    async def test_an_exception_counts_as_retry(self, harness: Harness, name: Callable[[str], str]) -> None:
        values = [name(str(n)).encode() for n in range(30)]
        refused: list[tuple[LogRecord, ...]] = []

        async def decide(batch: Sequence[LogRecord]) -> Verdict:
            if batch[-1].value in values and len(refused) < 3:
                refused.append(tuple(batch))
                raise LookupError("on purpose")
            return Verdict.SETTLED

        for value in values:
            await harness.append_foreign(0, None, value)
        collector = Collector(decide)
        await harness.ports.delivery.start(collector)
        await collector.until_values(values)
        await collector.until(lambda: len(collector.batches) > collector.batches.index(refused[-1]) + 1)
        await harness.ports.delivery.stop()
        self._assert_each_came_again(collector, refused)

    async def test_a_crash_in_the_middle_of_a_batch_brings_it_again(
        self, harness: Harness, name: Callable[[str], str]
    ) -> None:
        records = some_records(name, 100)
        await harness.ports.appender.append(records, timeout_seconds=10)
        settled: set[bytes] = set()
        hanging = asyncio.Event()

        async def hang(batch: Sequence[LogRecord]) -> Verdict:
            if len(settled & values_of(records)) >= 30:
                hanging.set()
                await asyncio.Event().wait()
            settled.update(record.value for record in batch)
            return Verdict.SETTLED

        await harness.ports.delivery.start(Collector(hang))
        await asyncio.wait_for(hanging.wait(), DEADLINE_SECONDS)
        await harness.crash()
        await harness.reopen()
        after = Collector()
        await harness.ports.delivery.start(after)
        await after.until_values(values_of(records) - settled)
        await harness.ports.delivery.stop()

    async def test_it_goes_on_after_a_restart(self, harness: Harness, name: Callable[[str], str]) -> None:
        first = some_records(name, 20)
        await harness.ports.appender.append(first, timeout_seconds=10)
        collector = Collector()
        await harness.ports.delivery.start(collector)
        await collector.until_values(values_of(first))
        await harness.close()
        await harness.reopen()
        second = some_records(name, 20, since=20)
        await harness.ports.appender.append(second, timeout_seconds=10)
        collector = Collector()
        await harness.ports.delivery.start(collector)
        await collector.until_values(values_of(second))
        await harness.ports.delivery.stop()

    async def test_stop_lets_the_running_batch_end_and_delivers_no_more(
        self, harness: Harness, name: Callable[[str], str]
    ) -> None:
        release = asyncio.Event()
        ended: list[tuple[LogRecord, ...]] = []

        async def wait(batch: Sequence[LogRecord]) -> Verdict:
            await release.wait()
            ended.append(tuple(batch))
            return Verdict.SETTLED

        await harness.ports.appender.append(some_records(name, 5), timeout_seconds=10)
        collector = Collector(wait)
        await harness.ports.delivery.start(collector)
        await collector.until(lambda: bool(collector.batches))
        stopping = asyncio.create_task(harness.ports.delivery.stop())
        await asyncio.sleep(0)
        assert not stopping.done()
        release.set()
        await asyncio.wait_for(stopping, DEADLINE_SECONDS)
        await harness.ports.delivery.stop()
        assert ended == collector.batches
        later = some_records(name, 5, since=5)
        await harness.ports.appender.append(later, timeout_seconds=10)
        await harness.close()
        await harness.reopen()
        after = Collector()
        await harness.ports.delivery.start(after)
        await after.until_values(values_of(later))
        assert ended == collector.batches
        await harness.ports.delivery.stop()

    async def test_stop_before_start_is_no_error(self, ports: Ports) -> None:
        await ports.delivery.stop()

    @staticmethod
    def _assert_each_came_again(collector: Collector, refused: Sequence[tuple[LogRecord, ...]]) -> None:
        assert refused
        at = 0
        for batch in refused:
            at = collector.batches.index(batch, at) + 1
            again = collector.batches.index(batch, at)
            between = [r for other in collector.batches[at:again] for r in other if r.partition == batch[0].partition]
            assert all(record.offset <= batch[-1].offset for record in between)
