"""Whether the record that was folded last is still in the log, asked of a real one."""

import asyncio

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from projector.errors import CheckpointBeyondLog, LogRewritten
from projector.generations import check_seal
from read_models.documents import PartitionDocument, Position
from sidecar.kafka.config import KafkaConfig
from sidecar.kafka.log_reader import KafkaLogReader
from tests.kafka import ForeignProducer


def folded_up_to(offset: int) -> PartitionDocument:
    """The accounts of somebody who folded another log, up to an offset."""
    return PartitionDocument(
        partition=0, log_start=0, checkpoint=offset, as_of=Position(offset, 1), seal="another", applied=offset + 1
    )


async def test_a_log_that_ends_before_what_was_folded_last_is_refused(
    reader: KafkaLogReader, foreign: ForeignProducer
) -> None:
    await foreign.append(0, "k", b"v")
    with pytest.raises(
        CheckpointBeyondLog, match=r"up to offset 7, but the log ends before 1: .* put back the whole log"
    ):
        await check_seal(reader, folded_up_to(7))


async def test_another_record_in_the_place_of_what_was_folded_last_is_refused(
    reader: KafkaLogReader, foreign: ForeignProducer
) -> None:
    await foreign.append(0, "k", b"v")
    with pytest.raises(LogRewritten, match=r"holds another record at offset 0 .* put back the whole log"):
        await check_seal(reader, folded_up_to(0))


async def test_what_was_removed_after_it_was_folded_is_not_missed(
    config: KafkaConfig, reader: KafkaLogReader, foreign: ForeignProducer
) -> None:
    for _ in range(3):
        await foreign.append(0, "k", b"v")
    admin, where = AdminClient({"bootstrap.servers": config.brokers}), TopicPartition(config.topic, 0, 2)
    await asyncio.to_thread(admin.delete_records([where])[where].result, 30)
    await check_seal(reader, folded_up_to(1))
