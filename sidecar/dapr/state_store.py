"""Documents in Dapr's state store, by bulk reads and guarded transactions."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import grpc
from dapr.proto.common.v1.common_pb2 import Etag, StateItem, StateOptions
from dapr.proto.runtime.v1.state_pb2 import (
    ExecuteStateTransactionRequest,
    GetBulkStateRequest,
    GetBulkStateResponse,
    TransactionalStateOperation,
)

from sidecar.dapr.client import DaprCallFailed, DaprClient
from sidecar.dapr.config import DaprConfig
from sidecar.documents import check_operations
from sidecar.errors import SidecarUnavailable, StateConflict
from sidecar.records import Delete, Put, StoredDocument

_WHAT: Final = "state store"
# The sidecar reports a conflict within a transaction as INTERNAL; only its words tell. The last two are Postgres giving
# up a transaction that waited in a circle with another (SQLSTATE 40P01, 40001): nothing of it was written either.
_CONFLICT: Final = re.compile(r"possible etag mismatch|no item was updated|\(SQLSTATE (40P01|40001)\)")
_FIRST_WRITE: Final = StateOptions(concurrency=StateOptions.StateConcurrency.CONCURRENCY_FIRST_WRITE)


class DaprStateStore:
    """Implements `StateReader` and `StateWriter`, over `state.postgresql` v2."""

    def __init__(self, client: DaprClient, config: DaprConfig) -> None:
        self._client = client
        self._config = config

    async def read(self, keys: Collection[str]) -> Mapping[str, StoredDocument]:
        """See `StateReader`. The component reads all keys with one statement, which is what makes them one snapshot."""
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
                raise SidecarUnavailable(_WHAT, f"{item.key}: {item.error}")
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
                self._client.stub.ExecuteStateTransaction, request, what=_WHAT, seconds=self._config.write_seconds
            )
        except DaprCallFailed as failure:
            if failure.code is grpc.StatusCode.ABORTED or _CONFLICT.search(failure.detail):
                raise StateConflict(failure.detail) from failure
            raise


def _operation(operation: Put | Delete) -> TransactionalStateOperation:
    if isinstance(operation, Delete):
        item = StateItem(key=operation.key, etag=Etag(value=operation.etag), options=_FIRST_WRITE)
        return TransactionalStateOperation(operationType="delete", request=item)
    # Without an etag it is first-write alone that keeps an insert from overwriting what somebody else has just put.
    etag = None if operation.etag is None else Etag(value=operation.etag)
    item = StateItem(key=operation.key, value=operation.value, etag=etag, options=_FIRST_WRITE)
    return TransactionalStateOperation(operationType="upsert", request=item)
