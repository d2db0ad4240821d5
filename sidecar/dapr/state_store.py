"""Documents in Dapr's state store, by bulk reads and guarded transactions."""

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import grpc
from dapr.proto.common.v1.common_pb2 import Etag, StateItem, StateOptions
from dapr.proto.runtime.v1.state_pb2 import (
    ExecuteStateTransactionRequest,
    GetBulkStateRequest,
    GetBulkStateResponse,
    GetStateRequest,
    GetStateResponse,
    TransactionalStateOperation,
)

from sidecar.checks import check_operations
from sidecar.dapr.client import DaprCallFailed, DaprClient
from sidecar.dapr.config import DaprConfig
from sidecar.errors import SidecarUnavailable, StateConflict
from sidecar.records import Delete, Put, StoredDocument

_WHAT: Final = "state store"
# The sidecar reports a conflict within a transaction as INTERNAL; only its words tell. The last two are Postgres giving
# up a transaction that waited in a circle with another (SQLSTATE 40P01, 40001): nothing of it was written either.
_CONFLICT: Final = re.compile(r"possible etag mismatch|no item was updated|\(SQLSTATE (40P01|40001)\)")
_READ_ATTEMPTS: Final = 5
_FIRST_WRITE: Final = StateOptions(concurrency=StateOptions.StateConcurrency.CONCURRENCY_FIRST_WRITE)


class DaprStateStore:
    """Implements `StateReader` and `StateWriter`, over `state.postgresql` v2."""

    def __init__(self, client: DaprClient, config: DaprConfig) -> None:
        self._client = client
        self._config = config

    async def read(self, keys: Collection[str], *, confirm_absence: bool = True) -> Mapping[str, StoredDocument]:
        """See `StateReader`. The component reads all keys with one statement, which is what makes them one snapshot.

        It says the same of a key that has no document and of one that it was about to answer when it lost its
        connection to Postgres (components-contrib 1.18 does not ask how its loop over the rows has ended). A single
        read tells the two apart, so absence is confirmed by one for each key, unless the caller does without.
        """
        for _ in range(_READ_ATTEMPTS):
            documents = await self._read_once(keys)
            absent = [key for key in dict.fromkeys(keys) if key not in documents] if confirm_absence else []
            if not any(await asyncio.gather(*(self._exists(key) for key in absent))):
                return documents
        raise SidecarUnavailable(_WHAT, "documents came and went while they were read")

    async def _exists(self, key: str) -> bool:
        answer: GetStateResponse = await self._client.call(
            self._client.stub.GetState,
            GetStateRequest(store_name=self._config.state_store, key=key),
            what=_WHAT,
            seconds=self._config.read_seconds,
        )
        return bool(answer.etag)

    async def _read_once(self, keys: Collection[str]) -> dict[str, StoredDocument]:
        if not keys:
            return {}
        answer: GetBulkStateResponse = await self._client.call(
            self._client.stub.GetBulkState,
            GetBulkStateRequest(store_name=self._config.state_store, keys=dict.fromkeys(keys)),
            what=_WHAT,
            seconds=self._config.read_seconds,
        )
        documents: dict[str, StoredDocument] = {}
        for item in answer.items:
            if item.error:
                raise SidecarUnavailable(_WHAT, "a document could not be read")
            if item.etag:  # what there is not comes back as a key alone
                documents[item.key] = StoredDocument(item.data, item.etag)
        return documents

    async def transact(self, operations: Sequence[Put | Delete]) -> None:
        """See `StateWriter`."""
        check_operations(operations)
        if not operations:
            return
        request = ExecuteStateTransactionRequest(
            storeName=self._config.state_store, operations=[_operation(operation) for operation in operations]
        )
        try:
            await self._client.call(
                self._client.stub.ExecuteStateTransaction,
                request,
                what=_WHAT,
                seconds=self._config.write_seconds,
                expected=_CONFLICT,
            )
        except DaprCallFailed as failure:
            if failure.code is grpc.StatusCode.ABORTED or _CONFLICT.search(failure.said):
                raise StateConflict(failure.said) from failure
            raise


def _operation(operation: Put | Delete) -> TransactionalStateOperation:
    if isinstance(operation, Delete):
        item = StateItem(key=operation.key, etag=Etag(value=operation.etag), options=_FIRST_WRITE)
        return TransactionalStateOperation(operationType="delete", request=item)
    # Without an etag it is first-write alone that keeps an insert from overwriting what somebody else has just put.
    etag = None if operation.etag is None else Etag(value=operation.etag)
    item = StateItem(key=operation.key, value=operation.value, etag=etag, options=_FIRST_WRITE)
    return TransactionalStateOperation(operationType="upsert", request=item)
