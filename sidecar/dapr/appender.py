"""Appending to the log by one bulk publish."""

from collections.abc import Sequence
from typing import Final

import grpc
from dapr.proto.runtime.v1.pubsub_pb2 import BulkPublishRequest, BulkPublishRequestEntry, BulkPublishResponse

from sidecar.checks import check_records
from sidecar.dapr.client import DaprCallFailed, DaprClient
from sidecar.dapr.config import DaprConfig
from sidecar.errors import AppendRefused, AppendUnconfirmed, MessageTooLarge
from sidecar.records import NewRecord

CONTENT_TYPE: Final = "application/cloudevents+json; charset=UTF-8"
"""Of a CloudEvent in structured mode. The record carries it as header `content-type`, as the Kafka protocol binding for
CloudEvents 1.0.2 asks (section 3.3)."""
_REFUSALS: Final = frozenset(
    {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.FAILED_PRECONDITION}
)
"""The sidecar answers these before it turns to the broker."""


class DaprAppender:
    """Implements `EventAppender`.

    The bytes are published raw: they are a CloudEvent already, and the sidecar would otherwise parse them, sort their
    names and set attributes of its own.
    """

    def __init__(self, client: DaprClient, config: DaprConfig) -> None:
        self._client = client
        self._config = config

    async def append(self, records: Sequence[NewRecord], *, timeout_seconds: float) -> None:
        """See `EventAppender`. The sidecar does not tell which records of a failed append are in the log."""
        check_records(records)
        for record in records:
            if len(record.value) > self._config.max_record_bytes:
                raise MessageTooLarge(
                    f"a record of {len(record.value)} bytes, and the log takes {self._config.max_record_bytes}"
                )
        if not records:
            return
        request = BulkPublishRequest(
            pubsub_name=self._config.pubsub,
            topic=self._config.topic,
            entries=[
                BulkPublishRequestEntry(
                    entry_id=str(number),
                    event=record.value,
                    content_type=CONTENT_TYPE,
                    metadata={"partitionKey": record.key, "content-type": CONTENT_TYPE},
                )
                for number, record in enumerate(records)
            ],
            # A partition key must never stand here: the sidecar copies this over what the entries say.
            metadata={"rawPayload": "true"},
        )
        try:
            answer: BulkPublishResponse = await self._client.call(
                self._client.stub.BulkPublishEvent, request, what="log", seconds=timeout_seconds
            )
        except DaprCallFailed as failure:
            if failure.code in _REFUSALS:
                raise AppendRefused(failure.detail) from failure
            raise AppendUnconfirmed(failure.detail) from failure
        if answer.failedEntries:
            raise AppendUnconfirmed(
                f"{len(answer.failedEntries)} of {len(records)} records: {answer.failedEntries[0].error}"
            )
