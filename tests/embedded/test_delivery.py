"""Where the embedded delivery promises more than the port."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from sidecar.delivery import Verdict
from sidecar.embedded import EmbeddedSidecar, delivery
from sidecar.errors import SidecarUnavailable
from sidecar.records import LogRecord, NewRecord
from tests.contract.collector import DEADLINE_SECONDS, Collector
from tests.embedded.conftest import Open


async def fill(sidecar: EmbeddedSidecar, partition: int, texts: Sequence[str]) -> None:
    for text in texts:
        await sidecar.log.append_to(partition, None, text.encode())


async def becomes_true(condition: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is looked at tells nobody of its changes
            await asyncio.sleep(0.001)


async def test_after_a_stop_nothing_comes_again(open_sidecar: Open) -> None:
    sidecar = open_sidecar(commit_seconds=3600)
    await fill(sidecar, 0, ["1", "2"])
    first = Collector()
    await sidecar.delivery.start(first)
    await first.until_values({b"1", b"2"})
    await sidecar.close()
    sidecar = open_sidecar()
    await fill(sidecar, 0, ["3"])
    second = Collector()
    await sidecar.delivery.start(second)
    await second.until_values({b"3"})
    assert second.values() == [b"3"]


async def test_after_a_crash_comes_again_what_was_settled_since_the_last_commit(open_sidecar: Open) -> None:
    sidecar = open_sidecar(commit_seconds=3600)
    await fill(sidecar, 0, ["1", "2"])
    first = Collector()
    await sidecar.delivery.start(first)
    await first.until_values({b"1", b"2"})
    await sidecar.abandon()
    sidecar = open_sidecar(commit_seconds=0)
    second = Collector()
    await sidecar.delivery.start(second)
    await second.until_values({b"1", b"2"})
    assert second.values() == [b"1", b"2"]
    await becomes_true(lambda: sidecar.delivery._committed.get(0) == 2)
    await sidecar.abandon()
    sidecar = open_sidecar()
    await fill(sidecar, 0, ["3"])
    third = Collector()
    await sidecar.delivery.start(third)
    await third.until_values({b"3"})
    assert third.values() == [b"3"]


async def test_start_again_in_the_same_process(sidecar: EmbeddedSidecar) -> None:
    await fill(sidecar, 0, ["1"])
    first = Collector()
    await sidecar.delivery.start(first)
    with pytest.raises(RuntimeError, match="has been started"):
        await sidecar.delivery.start(first)
    await first.until_values({b"1"})
    await sidecar.delivery.stop()
    await fill(sidecar, 0, ["2"])
    second = Collector()
    await sidecar.delivery.start(second)
    await second.until_values({b"2"})
    assert (first.values(), second.values()) == ([b"1"], [b"2"])


async def test_stop_does_not_wait_for_other_partitions(sidecar: EmbeddedSidecar) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def wait(batch: Sequence[LogRecord]) -> Verdict:
        entered.set()
        await release.wait()
        return Verdict.SETTLED if batch else Verdict.RETRY

    await fill(sidecar, 0, ["1"])
    await fill(sidecar, 1, ["2"])
    collector = Collector(wait)
    await sidecar.delivery.start(collector)
    await asyncio.wait_for(entered.wait(), DEADLINE_SECONDS)
    stopping = asyncio.create_task(sidecar.delivery.stop())
    await asyncio.sleep(0)
    release.set()
    await asyncio.wait_for(stopping, DEADLINE_SECONDS)
    assert len(collector.batches) == 1


async def test_batches_are_bounded(open_sidecar: Open) -> None:
    sidecar = open_sidecar(batch_records=3, batch_bytes=100)
    texts = ["a", "b", "c", "d", "e" * 60, "f" * 60, "g", "h" * 500, "i" * 500]
    await fill(sidecar, 1, texts)
    collector = Collector()
    await sidecar.delivery.start(collector)
    await collector.until_values({text.encode() for text in texts})
    batches = ["".join(record.value.decode()[0] for record in batch) for batch in collector.batches]
    assert batches == ["abc", "def", "gh", "i"]


async def test_a_batch_to_retry_makes_only_its_partition_wait(open_sidecar: Open) -> None:
    sidecar = open_sidecar(batch_records=1)
    await fill(sidecar, 0, ["stuck", "behind"])
    await fill(sidecar, 1, [str(n) for n in range(10)])

    async def decide(batch: Sequence[LogRecord]) -> Verdict:
        return Verdict.RETRY if batch[0].value == b"stuck" else Verdict.SETTLED

    collector = Collector(decide)
    await sidecar.delivery.start(collector)
    await collector.until_values({b"9"})
    await collector.until(lambda: collector.values().count(b"stuck") > 2)
    await sidecar.delivery.stop()
    assert b"behind" not in collector.values()


async def test_a_retry_waits_as_long_as_it_says(open_sidecar: Open) -> None:
    sidecar = open_sidecar(retry_seconds=0.05)
    moments: list[float] = []

    async def decide(batch: Sequence[LogRecord]) -> Verdict:
        assert batch
        moments.append(time.monotonic())
        # Something new wakes the delivery, which must wait on.
        await fill(sidecar, 0, ["more"])
        return Verdict.RETRY

    await fill(sidecar, 0, ["stuck"])
    collector = Collector(decide)
    await sidecar.delivery.start(collector)
    await collector.until(lambda: len(collector.batches) > 4)
    await sidecar.delivery.stop()
    assert all(later - earlier >= 0.05 for earlier, later in pairwise(moments))
    assert {tuple(record.value for record in batch) for batch in collector.batches} == {(b"stuck",)}


async def test_an_append_wakes_it(sidecar: EmbeddedSidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_POLL_SECONDS", 3600.0)
    collector = Collector()
    await sidecar.delivery.start(collector)
    for n in range(20):
        await sidecar.appender.append([NewRecord("k", b"%d" % n)], timeout_seconds=5)
        await collector.until_values({b"%d" % n})


async def test_lost_records_are_passed_over(open_sidecar: Open) -> None:
    sidecar = open_sidecar()
    await fill(sidecar, 0, ["0", "1", "2", "3", "4"])
    await sidecar.log.lose(0, 0, 2)
    await sidecar.log.lose(0, 3, 4)
    await sidecar.log.skip(0, 3)
    bounds = (await sidecar.log.bounds())[0]
    assert (bounds.start, bounds.end) == (2, 8)
    collector = Collector()
    await sidecar.delivery.start(collector)
    await collector.until_values({b"4"})
    assert [(record.offset, record.value) for record in collector.batches[0]] == [(2, b"2"), (4, b"4")]
    await sidecar.log.lose(0, 0, 8)
    bounds = (await sidecar.log.bounds())[0]
    assert (bounds.start, bounds.end) == (8, 8)
    await fill(sidecar, 0, ["8"])
    await collector.until_values({b"8"})


async def test_an_error_of_the_handler_is_told(sidecar: EmbeddedSidecar, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(batch: Sequence[LogRecord]) -> Verdict:
        raise LookupError(f"on purpose {len(batch)}")

    await fill(sidecar, 0, ["1"])
    collector = Collector(fail)
    await sidecar.delivery.start(collector)
    await collector.until(lambda: len(collector.batches) > 1)
    await sidecar.delivery.stop()
    (record, *_) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "partition 0 from offset 0" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


async def test_a_handler_that_is_cancelled_from_within_is_retried(sidecar: EmbeddedSidecar) -> None:
    turns = 0

    async def decide(batch: Sequence[LogRecord]) -> Verdict:
        nonlocal turns
        turns += 1
        if turns == 1:
            gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            gone.cancel()
            await gone
        return Verdict.SETTLED if batch else Verdict.RETRY

    await fill(sidecar, 0, ["1"])
    collector = Collector(decide)
    await sidecar.delivery.start(collector)
    await collector.until(lambda: len(collector.batches) == 2)


async def test_a_cancelled_delivery_ends(sidecar: EmbeddedSidecar) -> None:
    entered = asyncio.Event()

    async def hang(batch: Sequence[LogRecord]) -> Verdict:
        assert batch
        entered.set()
        await asyncio.Event().wait()
        return Verdict.SETTLED

    await fill(sidecar, 0, ["1"])
    await sidecar.delivery.start(hang)
    await asyncio.wait_for(entered.wait(), DEADLINE_SECONDS)
    task = sidecar.delivery._task
    assert task is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await sidecar.delivery.stop()


async def test_a_handler_that_swallows_its_cancellation_settles_nothing(open_sidecar: Open) -> None:
    sidecar = open_sidecar()
    entered = asyncio.Event()

    async def stubborn(batch: Sequence[LogRecord]) -> Verdict:
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return Verdict.SETTLED if batch else Verdict.RETRY
        return Verdict.RETRY

    await fill(sidecar, 0, ["1"])
    await sidecar.delivery.start(stubborn)
    await asyncio.wait_for(entered.wait(), DEADLINE_SECONDS)
    await asyncio.wait_for(sidecar.abandon(), DEADLINE_SECONDS)
    sidecar = open_sidecar()
    collector = Collector()
    await sidecar.delivery.start(collector)
    await collector.until_values({b"1"})


async def test_the_handler_can_not_stop_its_own_delivery(
    sidecar: EmbeddedSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    async def stop(batch: Sequence[LogRecord]) -> Verdict:
        assert batch
        await sidecar.delivery.stop()
        return Verdict.SETTLED

    await fill(sidecar, 0, ["1"])
    collector = Collector(stop)
    await sidecar.delivery.start(collector)
    await collector.until(lambda: len(collector.batches) > 1)
    await sidecar.delivery.stop()
    assert "can't stop its own delivery" in caplog.text


async def test_it_goes_on_when_the_log_answers_again(
    sidecar: EmbeddedSidecar, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bounds = sidecar.log.bounds
    failures = 0

    async def fail_three_times() -> object:
        nonlocal failures
        failures += 1
        if failures <= 3:
            raise SidecarUnavailable("log", "on purpose")
        return await bounds()

    monkeypatch.setattr(sidecar.log, "bounds", fail_three_times)
    await fill(sidecar, 0, ["1"])
    collector = Collector()
    await sidecar.delivery.start(collector)
    await collector.until_values({b"1"})
    assert "on purpose" in caplog.text


async def test_a_record_that_can_not_be_read_makes_only_its_partition_wait(
    open_sidecar: Open, caplog: pytest.LogCaptureFixture
) -> None:
    sidecar = open_sidecar(batch_records=1)
    await fill(sidecar, 0, ["0", "damaged", "behind"])
    await sidecar._writer.submit(lambda connection: connection.execute("UPDATE log SET value = 'x' WHERE position = 1"))
    collector = Collector()
    await sidecar.delivery.start(collector)
    await collector.until_values({b"0"})
    for n in range(10):
        await fill(sidecar, 1, [f"other {n}"])
        await collector.until_values({b"other %d" % n})
    # It is tried again all the while, and told of once.
    await asyncio.sleep(0.05)
    assert sidecar.delivery._positions == {0: 1, 1: 10}
    assert b"behind" not in collector.values()
    (told,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "partition 0 can't be read from offset 1" in told.getMessage()
    assert told.exc_info is not None
    await sidecar.log.lose(0, 1, 2)
    await collector.until_values({b"behind"})


async def test_a_position_that_can_not_be_written_is_written_later(
    open_sidecar: Open, caplog: pytest.LogCaptureFixture
) -> None:
    sidecar = open_sidecar(commit_seconds=0.01)
    await sidecar._writer.submit(lambda connection: connection.execute("ALTER TABLE consumer RENAME TO hidden"))
    await fill(sidecar, 0, ["1"])
    sidecar.delivery._positions = {}
    collector = Collector()
    await sidecar.delivery.start(collector)
    await collector.until_values({b"1"})
    await becomes_true(lambda: "was not written" in caplog.text)
    await sidecar._writer.submit(lambda connection: connection.execute("ALTER TABLE hidden RENAME TO consumer"))
    await becomes_true(lambda: sidecar.delivery._committed == {0: 1})
