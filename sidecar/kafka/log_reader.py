"""Reading the log without being a consumer of it."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import ListOffsetsResultInfo, OffsetSpec

from sidecar.kafka.config import KafkaConfig
from sidecar.kafka.connection import Connection, failure_of
from sidecar.kafka.partition_reading import Limits, PartitionReading
from sidecar.kafka.topic import describe, faults_of
from sidecar.records import LogIdentity, LogSlice, PartitionBounds

_SETTLING: Final = frozenset(
    {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
)
_PAUSE_SECONDS: Final = 0.1


class KafkaLogReader:
    """Implements `LogReader`. It connects at the first question; close it in the end."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self._connection = Connection(config)
        self._reading: PartitionReading | None = None
        self._member: Consumer | None = None
        self._opening = asyncio.Lock()
        # The consumer blocks and is one reader's at a time; a single thread gives both.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-reader")

    async def identity(self) -> LogIdentity:
        """See `LogReader`."""
        found = await describe(self._connection)
        return LogIdentity(str(found.topic_id), len(found.partitions))

    async def faults(self) -> tuple[str, ...]:
        """See `LogReader`."""
        return await faults_of(self._connection)

    async def bounds(self) -> Mapping[int, PartitionBounds]:
        """See `LogReader`."""
        found = await describe(self._connection)
        numbers = [partition.id for partition in found.partitions]
        starts, ends = await asyncio.gather(
            self._offsets(numbers, OffsetSpec.earliest()), self._offsets(numbers, OffsetSpec.latest())
        )
        return {number: PartitionBounds(start=starts[number], end=ends[number]) for number in sorted(numbers)}

    async def read(self, partition: int, first: int, until: int, *, max_records: int, max_bytes: int) -> LogSlice:
        """See `LogReader`. Where the time runs out in the middle, what was read until then is the slice."""
        async with self._opening:
            if self._reading is None:
                self._reading = PartitionReading(await self._connection.new_consumer(), self._config.topic)
            reading = self._reading

        def read() -> LogSlice:
            # Its time begins here and not while it waits for others.
            return reading.read(partition, first, until, Limits(max_records, max_bytes, self._config.seconds))

        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    async def delivered(self) -> Mapping[int, int]:
        """See `LogReader`.

        A consumer of the group is asked, one that never joins it: librdkafka's admin client can be asked as well, and
        kills the process where a broker has just ceased to coordinate the group (librdkafka #5040).
        """
        found = await describe(self._connection)
        async with self._opening:
            if self._member is None:
                self._member = await self._connection.new_consumer(self._config.consumer_group)
            member = self._member
        asked = [TopicPartition(self._config.topic, partition.id) for partition in found.partitions]
        answered = await asyncio.get_running_loop().run_in_executor(
            self._thread, _committed, member, asked, self._config.seconds
        )
        for one in answered:
            if one.error is not None:
                raise failure_of(one.error, self._config.topic)
        return {one.partition: one.offset for one in sorted(answered, key=_partition) if one.offset >= 0}

    async def close(self) -> None:
        """Close the connections; waits for a read under way."""
        reading = self._reading
        if reading is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, reading.close)
            self._reading = None
        member = self._member
        if member is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, member.close)
            self._member = None
        self._thread.shutdown(wait=True)

    async def _offsets(self, partitions: list[int], which: OffsetSpec) -> dict[int, int]:
        admin = await self._connection.admin()
        asked = {TopicPartition(self._config.topic, number): which for number in partitions}
        futures = admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=self._config.seconds
        )
        found: list[ListOffsetsResultInfo] = await asyncio.gather(
            *(self._connection.answer(futures[position]) for position in asked)
        )
        return {number: info.offset for number, info in zip(partitions, found, strict=True)}


def _committed(member: Consumer, asked: list[TopicPartition], seconds: float) -> list[TopicPartition]:
    """What the group has committed; asks again while brokers settle which of them coordinates it."""
    end = time.monotonic() + seconds
    while True:
        try:
            return member.committed(asked, timeout=max(end - time.monotonic(), _PAUSE_SECONDS))
        except KafkaException as error:
            if error.args[0].code() not in _SETTLING or time.monotonic() > end:
                raise failure_of(error.args[0], asked[0].topic) from error
        time.sleep(_PAUSE_SECONDS)


def _partition(one: TopicPartition) -> int:
    return one.partition
