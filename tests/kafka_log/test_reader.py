"""The log reader where the log is not as one would wish."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.stack.infrastructure import Infrastructure
from deploy.stack.ports import free_port
from sidecar.errors import SecretNotFound, SidecarError, SidecarUnavailable
from sidecar.kafka.config import KafkaConfig
from sidecar.kafka.connection import Connection, TopicMissing
from sidecar.kafka.log_reader import KafkaLogReader
from sidecar.kafka.topic import TopicPlan, create, describe
from sidecar.records import PartitionBounds
from tests.deadlines import until
from tests.kafka import ForeignProducer
from tests.kafka_log.conftest import Readers

WHOLE = {"max_records": 1000, "max_bytes": 10_000_000}
# Not a promise: what a busy machine needs besides the seconds that were configured.
LENIENCE = 15.0


async def remove_below(config: KafkaConfig, partition: int, offset: int) -> None:
    admin = AdminClient({"bootstrap.servers": config.brokers})
    where = TopicPartition(config.topic, partition, offset)
    await asyncio.to_thread(admin.delete_records([where])[where].result, 30)


async def test_a_client_that_gave_no_answer_in_time_is_replaced_and_one_that_did_is_kept(
    infrastructure: Infrastructure,
) -> None:
    """After a broker that hung, one was seen to wait for its controller for good."""
    away = Connection(KafkaConfig(f"127.0.0.1:{free_port()}", seconds=0.5))
    first = await away.admin()
    with pytest.raises(SidecarUnavailable):
        await describe(away)
    assert await away.admin() is not first

    there = Connection(KafkaConfig(infrastructure.brokers, topic="no-such-topic"))
    first = await there.admin()
    with pytest.raises(TopicMissing):
        await describe(there)
    assert await there.admin() is first


async def test_where_nothing_listens_every_question_ends_in_time(open_reader: Readers) -> None:
    reader = open_reader(KafkaConfig(f"127.0.0.1:{free_port()}", seconds=1))
    began = time.monotonic()
    for question in (reader.identity(), reader.bounds(), reader.faults(), reader.read(0, 0, 1, **WHOLE)):
        with pytest.raises(SidecarUnavailable):
            await question
    assert time.monotonic() - began < 4 * 1 + LENIENCE


@pytest.mark.parametrize("away", ["killed", pytest.param("paused", marks=pytest.mark.long)])
async def test_a_broker_that_goes_away_is_told_in_time_and_reached_again_when_it_is_back(
    infrastructure: Infrastructure, config: KafkaConfig, reader: KafkaLogReader, foreign: ForeignProducer, away: str
) -> None:
    await foreign.append(0, "k", b"before")
    identity = await reader.identity()
    before = await reader.read(0, 0, 1, **WHOLE)
    kafka = infrastructure.kafka
    await asyncio.to_thread(kafka.kill if away == "killed" else kafka.pause)
    try:
        began = time.monotonic()
        for question in (reader.identity, reader.bounds):
            with pytest.raises(SidecarUnavailable):
                await question()
        with pytest.raises(SidecarUnavailable):
            await reader.read(0, 0, 1, **WHOLE)
        assert time.monotonic() - began < 3 * config.seconds + LENIENCE
    finally:
        await asyncio.to_thread(kafka.start if away == "killed" else kafka.resume)

    async def answers() -> bool:
        try:
            return await reader.identity() == identity and await reader.read(0, 0, 1, **WHOLE) == before
        except SidecarUnavailable:
            return False

    await until(answers, seconds=60)
    await foreign.append(0, "k", b"after")
    assert (await reader.bounds())[0] == PartitionBounds(0, 2)


async def test_what_was_removed_from_the_start_is_passed_over(
    config: KafkaConfig, reader: KafkaLogReader, foreign: ForeignProducer
) -> None:
    for number in range(5):
        await foreign.append(0, "k", b"%d" % number)
    await remove_below(config, 0, 3)
    assert (await reader.bounds())[0] == PartitionBounds(3, 5)
    part = await reader.read(0, 0, 5, **WHOLE)
    assert [(record.offset, record.value) for record in part.records] == [(3, b"3"), (4, b"4")]
    assert part.next_offset == 5
    removed = await reader.read(0, 0, 2, **WHOLE)
    assert (removed.records, removed.next_offset) == ((), 2)


async def test_beyond_the_end_nothing_is_confirmed_absent(reader: KafkaLogReader, foreign: ForeignProducer) -> None:
    await foreign.append(0, "k", b"v")
    beyond = await reader.read(0, 7, 8, **WHOLE)
    assert (beyond.records, beyond.next_offset) == ((), 7)


async def test_a_record_of_an_aborted_transaction_is_read_like_any_other(
    reader: KafkaLogReader, foreign: ForeignProducer
) -> None:
    await foreign.append_before_hole(1, "k", b"aborted", aborted=True)

    async def marker_is_there() -> bool:
        return (await reader.bounds())[1].end == 2

    await until(marker_is_there)
    part = await reader.read(1, 0, 2, **WHOLE)
    assert [record.value for record in part.records] == [b"aborted"]
    assert part.next_offset == 2


async def test_a_record_without_a_value_is_read_as_the_sidecar_delivers_it(
    reader: KafkaLogReader, foreign: ForeignProducer
) -> None:
    for value in (None, b"", b"null"):
        await foreign.append(0, None, value)
    part = await reader.read(0, 0, 3, **WHOLE)
    assert [record.value for record in part.records] == [b"null", b"", b"null"]


async def test_a_partition_that_is_not_there_is_a_mistake_of_the_caller(reader: KafkaLogReader) -> None:
    with pytest.raises(ValueError, match="has no partition 7"):
        await reader.read(7, 0, 1, **WHOLE)


async def test_a_topic_that_is_not_there_is_told_with_what_makes_it(config: KafkaConfig, open_reader: Readers) -> None:
    reader = open_reader(replace(config, topic="nobody-made-it"))
    for question in (reader.identity(), reader.bounds(), reader.faults(), reader.read(0, 0, 1, **WHOLE)):
        with pytest.raises(TopicMissing) as caught:
            await question
        assert str(caught.value) == "log unavailable: there is no topic nobody-made-it; `learnflow log create` makes it"


async def test_a_topic_made_anew_is_another_log(config: KafkaConfig, reader: KafkaLogReader) -> None:
    first = await reader.identity()
    admin = AdminClient({"bootstrap.servers": config.brokers})
    await asyncio.to_thread(admin.delete_topics([config.topic], operation_timeout=30)[config.topic].result, 30)
    connection = Connection(replace(config, seconds=20))

    async def made() -> bool:
        return await create(connection, TopicPlan(first.partitions))

    await until(made)
    second = await reader.identity()
    assert second.topic_id != first.topic_id
    assert second.partitions == first.partitions


async def test_properties_that_could_not_be_had_are_asked_for_again(config: KafkaConfig, open_reader: Readers) -> None:
    asked = 0

    async def properties() -> Mapping[str, str]:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise SecretNotFound("kafka")
        return {"security.protocol": "plaintext"}

    reader = open_reader(replace(config, properties=properties))
    with pytest.raises(SidecarError, match="no secret named 'kafka'"):
        await reader.identity()
    assert (await reader.identity()).partitions > 0
    assert (await reader.read(0, 0, 1, **WHOLE)).records == ()
    assert asked == 2


async def test_properties_that_make_no_sense_are_told(config: KafkaConfig, open_reader: Readers) -> None:
    async def properties() -> Mapping[str, str]:
        return {"no.such.property": "1"}

    reader = open_reader(replace(config, properties=properties))
    with pytest.raises(SidecarUnavailable, match=r"no\.such\.property"):
        await reader.identity()
    with pytest.raises(SidecarUnavailable, match=r"no\.such\.property"):
        await reader.read(0, 0, 1, **WHOLE)


async def test_closing_waits_for_a_read_under_way(config: KafkaConfig, foreign: ForeignProducer) -> None:
    reader = KafkaLogReader(config)
    for _ in range(50):
        await foreign.append(0, "k", b"x" * 1000)
    reading = asyncio.create_task(reader.read(0, 0, 50, **WHOLE))
    await asyncio.sleep(0.05)
    await reader.close()
    assert len((await reading).records) > 0


async def test_readers_take_turns_on_one_reader(reader: KafkaLogReader, foreign: ForeignProducer) -> None:
    for number in range(20):
        await foreign.append(number % 2, "k", b"%d" % number)
    parts = await asyncio.gather(*(reader.read(number % 2, 0, 10, **WHOLE) for number in range(6)))
    assert [[int(record.value) for record in part.records] for part in parts] == [
        list(range(number % 2, 20, 2)) for number in range(6)
    ]
