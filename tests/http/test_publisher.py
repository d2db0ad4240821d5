"""The publisher by itself: many callers, few appends, and what each is told."""

import asyncio

import pytest

from command_api.publisher import Publisher, QueueFull
from sidecar.errors import AppendRefused, AppendUnconfirmed, MessageTooLarge
from tests.http.appenders import Batch, HangingLog, Log, OneKeyDown, record, settle, started


async def test_a_lone_record_does_not_wait_for_company() -> None:
    log = Log()
    publisher = await started(log)
    await publisher.publish(record(1))
    assert log.attempts == [[record(1)]]
    await publisher.stop()


async def test_what_arrives_during_an_append_shares_the_next() -> None:
    log = Log()
    publisher = await started(log)
    log.gate.clear()
    callers = [asyncio.create_task(publisher.publish(record(number))) for number in range(100)]
    await log.entered.wait()
    await settle()
    log.gate.set()
    await asyncio.gather(*callers)

    assert len(log.attempts) <= 2
    assert log.records == [record(number) for number in range(100)]
    assert log.most_at_once == 1
    await publisher.stop()


async def test_records_that_linger_go_together() -> None:
    log = Log()
    publisher = await started(log, linger_seconds=0.3)

    async def late(number: int) -> None:
        await settle()
        await publisher.publish(record(number))

    await asyncio.gather(publisher.publish(record(0)), *(late(number) for number in range(1, 10)))

    assert len(log.attempts) == 1
    await publisher.stop()


async def test_an_append_has_so_many_records_and_bytes_at_most() -> None:
    log = Log()
    publisher = await started(log, batch_records=10, batch_bytes=1000)
    small = [publisher.publish(record(number)) for number in range(35)]
    large = [publisher.publish(record(number, size=400)) for number in range(4)]
    giant = [publisher.publish(record(9, size=5000))]
    await asyncio.gather(*small, *large, *giant)

    assert all(len(batch) <= 10 for batch in log.attempts)
    assert all(len(batch) == 1 or sum(len(one.value) for one in batch) <= 1000 for batch in log.attempts)
    assert len(log.records) == 40
    await publisher.stop()


async def test_the_order_of_each_key_is_that_of_the_calls() -> None:
    log = Log()
    publisher = await started(log, batch_records=7)
    await asyncio.gather(*(publisher.publish(record(number, f"key-{number % 3}")) for number in range(100)))

    for key in ("key-0", "key-1", "key-2"):
        numbers = [int(one.value) for one in log.records if one.key == key]
        assert numbers == sorted(numbers)
    await publisher.stop()


@pytest.mark.parametrize("failure", [AppendUnconfirmed("broken"), MessageTooLarge("too much")])
async def test_after_a_failed_append_each_record_is_sent_alone_as_it_was(failure: Exception) -> None:
    def fail_in_bulk(batch: Batch) -> None:
        if len(batch) > 1:
            raise failure

    log = Log(fail_in_bulk)
    publisher = await started(log)
    log.gate.clear()
    callers = [asyncio.create_task(publisher.publish(record(number))) for number in range(10)]
    await settle()
    log.gate.set()
    await asyncio.gather(*callers)

    bulk = max(log.attempts, key=len)
    alone = log.attempts[log.attempts.index(bulk) + 1 :]
    assert len(bulk) > 1
    assert alone == [[one] for one in bulk]
    assert sorted(log.records, key=lambda one: int(one.value)) == [record(number) for number in range(10)]
    await publisher.stop()


async def test_of_a_failed_append_everybody_is_told_what_became_of_their_own_record() -> None:
    def fail(batch: Batch) -> None:
        if len(batch) > 1:
            raise MessageTooLarge("too much")
        if batch[0] == record(3):
            raise MessageTooLarge("this one")
        if batch[0] == record(4):
            raise AppendRefused("no")

    log = Log(fail)
    publisher = await started(log)
    log.gate.clear()
    callers = [asyncio.create_task(publisher.publish(record(number))) for number in range(6)]
    await settle()
    log.gate.set()
    told = await asyncio.gather(*callers, return_exceptions=True)

    assert [type(one) for one in told] == [type(None)] * 3 + [MessageTooLarge, AppendRefused, type(None)]
    await publisher.stop()


async def test_a_refused_append_is_refused_to_all_at_once() -> None:
    """Nothing was appended, so there is nothing to find out."""

    def refuse(_: Batch) -> None:
        raise AppendRefused("the log is closed")

    log = Log(refuse)
    publisher = await started(log)
    log.gate.clear()
    callers = [asyncio.create_task(publisher.publish(record(number))) for number in range(5)]
    await settle()
    log.gate.set()
    told = await asyncio.gather(*callers, return_exceptions=True)

    assert {type(one) for one in told} == {AppendRefused}
    assert sum(len(batch) for batch in log.attempts) == 5
    await publisher.stop()


async def test_what_was_unconfirmed_once_is_never_called_refused() -> None:
    """A later refusal does not take back that the first attempt may have landed."""
    failures: list[Exception] = [AppendUnconfirmed("broken")]

    def fail(_: Batch) -> None:
        raise failures.pop() if failures else AppendRefused("closed")

    publisher = await started(Log(fail), deadline_seconds=0.2)
    with pytest.raises(AppendUnconfirmed):
        await publisher.publish(record(1))
    await publisher.stop()


async def test_what_was_unconfirmed_after_a_failed_bulk_is_never_called_refused() -> None:
    alone: list[Exception] = [AppendUnconfirmed("broken")]

    def fail(batch: Batch) -> None:
        if len(batch) > 1:
            raise MessageTooLarge("too much")
        if batch[0] == record(1):
            raise alone.pop() if alone else AppendRefused("closed")

    log = Log(fail)
    publisher = await started(log, deadline_seconds=0.5)
    log.gate.clear()
    callers = [asyncio.create_task(publisher.publish(record(number))) for number in range(3)]
    await settle()
    log.gate.set()
    told = await asyncio.gather(*callers, return_exceptions=True)

    assert [type(one) for one in told] == [type(None), AppendUnconfirmed, type(None)]
    await publisher.stop()


async def test_a_record_is_tried_again_until_it_is_confirmed() -> None:
    failures: list[Exception] = [AppendUnconfirmed("broken")] * 2

    def fail(_: Batch) -> None:
        if failures:
            raise failures.pop()

    log = Log(fail)
    publisher = await started(log, append_seconds=60.0)
    await publisher.publish(record(1))

    assert log.attempts == [[record(1)]] * 3
    assert all(later < sooner for sooner, later in zip(log.timeouts, log.timeouts[1:], strict=False))
    await publisher.stop()


async def test_a_partition_that_hangs_holds_up_the_others_for_a_bounded_time() -> None:
    log = HangingLog("hung")
    publisher = await started(log, append_seconds=0.05, deadline_seconds=60.0)
    hung = asyncio.create_task(publisher.publish(record(1, "hung")))
    await log.entered.wait()
    for number in range(2, 5):
        async with asyncio.timeout(30):
            await publisher.publish(record(number))
    assert not hung.done()
    log.gate.set()
    await hung

    assert {one.value for one in log.records} == {b"1", b"2", b"3", b"4"}
    await publisher.stop()


async def test_by_the_deadline_everybody_is_answered() -> None:
    log = Log()
    log.gate.clear()
    publisher = await started(log, deadline_seconds=0.1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    told = await asyncio.gather(*(publisher.publish(record(number)) for number in range(5)), return_exceptions=True)

    assert 0.1 <= loop.time() - began < 5
    # The first was handed over; whatever waited behind it never was.
    assert isinstance(told[0], AppendUnconfirmed)
    assert {type(one) for one in told} <= {AppendUnconfirmed, AppendRefused}
    handed_over = {one.value for batch in log.attempts for one in batch}
    for number, one in enumerate(told):
        assert isinstance(one, AppendUnconfirmed) is (record(number).value in handed_over)
    assert all(seconds <= 0.1 for seconds in log.timeouts)
    await publisher.stop()


async def test_an_appender_that_never_answers_does_not_hold_up_the_next() -> None:
    log = Log()
    log.gate.clear()
    publisher = await started(log, deadline_seconds=0.05)
    with pytest.raises(AppendUnconfirmed):
        await publisher.publish(record(1))
    log.entered.clear()
    waiting = asyncio.create_task(log.entered.wait())
    async with asyncio.timeout(10):
        while not waiting.done():
            with pytest.raises((AppendUnconfirmed, AppendRefused)):
                await publisher.publish(record(2))
    log.gate.set()
    await publisher.publish(record(3))
    assert record(3) in log.records
    await publisher.stop()


async def test_who_gave_up_before_their_turn_is_not_appended() -> None:
    log = Log()
    log.gate.clear()
    publisher = await started(log, batch_records=1)
    first = asyncio.create_task(publisher.publish(record(1)))
    await log.entered.wait()
    second = asyncio.create_task(publisher.publish(record(2)))
    await settle()
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    log.gate.set()
    await first
    await publisher.stop()

    assert log.records == [record(1)]


async def test_one_more_than_may_wait_is_refused() -> None:
    log = Log()
    log.gate.clear()
    publisher = await started(log, waiting=3)
    under_way = asyncio.create_task(publisher.publish(record(0)))
    await log.entered.wait()
    waiting = [asyncio.create_task(publisher.publish(record(number))) for number in range(1, 4)]
    await settle()
    with pytest.raises(QueueFull):
        await publisher.publish(record(4))
    log.gate.set()
    await asyncio.gather(under_way, *waiting)

    assert log.records == [record(number) for number in range(4)]
    await publisher.publish(record(5))
    await publisher.stop()


async def test_stopping_appends_what_waits_and_takes_no_more() -> None:
    log = Log()
    log.gate.clear()
    publisher = await started(log, batch_records=2)
    callers = [asyncio.create_task(publisher.publish(record(number))) for number in range(7)]
    await log.entered.wait()
    await settle()
    stopping = asyncio.create_task(publisher.stop())
    await settle()
    with pytest.raises(AppendRefused):
        await publisher.publish(record(99))
    assert not stopping.done()
    log.gate.set()
    await stopping
    await asyncio.gather(*callers)

    assert log.records == [record(number) for number in range(7)]
    await publisher.stop()


async def test_a_fault_of_the_appender_is_told_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    faults: list[Exception] = [RuntimeError("bug"), KeyError("bug")]

    def fail(_: Batch) -> None:
        if faults:
            raise faults.pop()

    publisher = await started(Log(fail))
    with pytest.raises(KeyError):
        await publisher.publish(record(1))
    with pytest.raises(RuntimeError):
        await publisher.publish(record(2))
    await publisher.publish(record(3))
    assert "fault" in caplog.text
    await publisher.stop()


async def with_a_record_that_hangs(**limits: float) -> tuple[OneKeyDown, Publisher, asyncio.Task[None]]:
    """A publisher that has a record which gets no answer, appended at first together with another."""
    log = OneKeyDown()
    publisher = await started(log, linger_seconds=0.01, **limits)
    hanging = asyncio.create_task(publisher.publish(record(0, "down")))
    await publisher.publish(record(1))
    await log.entered.wait()
    return log, publisher, hanging


async def test_a_key_that_gets_no_answer_holds_up_no_other() -> None:
    log, publisher, hanging = await with_a_record_that_hangs(deadline_seconds=2)
    for number in range(2, 6):
        await publisher.publish(record(number))

    assert not hanging.done()
    assert log.records == [record(number) for number in range(1, 6)]
    with pytest.raises(AppendUnconfirmed):
        await hanging
    await publisher.stop()


async def test_records_that_are_tried_alone_count_as_waiting() -> None:
    log, publisher, hanging = await with_a_record_that_hangs(deadline_seconds=2, waiting=2)
    log.gate.clear()
    log.entered.clear()
    under_way = asyncio.create_task(publisher.publish(record(2)))
    async with asyncio.timeout(10):
        await log.entered.wait()
    queued = asyncio.create_task(publisher.publish(record(3)))
    await settle()
    with pytest.raises(QueueFull):
        await publisher.publish(record(4))
    log.gate.set()
    await asyncio.gather(under_way, queued)
    with pytest.raises(AppendUnconfirmed):
        await hanging
    await publisher.stop()


async def test_stopping_waits_for_records_that_are_tried_alone() -> None:
    _, publisher, hanging = await with_a_record_that_hangs(deadline_seconds=0.2)
    await publisher.stop()
    assert hanging.done()
    with pytest.raises(AppendUnconfirmed):
        await hanging
