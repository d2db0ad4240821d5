"""The documents: read as one snapshot, written all or none."""

import json
import secrets
import sqlite3
from collections.abc import Collection, Mapping, Sequence

from sidecar.checks import check_operations
from sidecar.embedded.database import Database
from sidecar.embedded.errors import DatabaseDamaged
from sidecar.embedded.readers import Readers
from sidecar.embedded.rows import PACKED, checksum, insert, unpack
from sidecar.embedded.writer import WriteFailed, Writer
from sidecar.errors import MessageTooLarge, SidecarUnavailable, StateConflict
from sidecar.records import Delete, Put, StoredDocument

# The first subquery is evaluated once; if the documents are too many bytes, none of them is touched.
_READ = (
    "WITH wanted AS (SELECT value FROM json_each(:keys)),"  # noqa: S608 - no data
    " total AS (SELECT coalesce(sum(length(key) + length(value)), 0) AS bytes FROM document WHERE key IN wanted) "
    "SELECT (SELECT bytes FROM total), "
    + PACKED.format(columns="key, etag")
    + " FROM document WHERE (SELECT bytes FROM total) <= :max_bytes AND key IN wanted"
)
# IS NOT takes two NULLs for equal: no document, and none expected.
_CONFLICTS = (
    "SELECT count(*) FROM json_each(?) AS expected LEFT JOIN document ON document.key = expected.key"
    " WHERE document.etag IS NOT expected.value"
)
_DELETE = "DELETE FROM document WHERE key IN (SELECT value FROM json_each(?))"
_REPLACE = " ON CONFLICT (key) DO UPDATE SET value = excluded.value, checksum = excluded.checksum, etag = excluded.etag"


class EmbeddedState:
    """Both ports of the state store, `StateReader` and `StateWriter`.

    The documents of one `read`, and the operations of one `transact`, may have `max_message_bytes` of keys and values.
    """

    def __init__(self, database: Database, writer: Writer, readers: Readers, *, max_message_bytes: int) -> None:
        self._database = database
        self._writer = writer
        self._readers = readers
        self._max_message_bytes = max_message_bytes

    async def read(
        self,
        keys: Collection[str],
        *,
        confirm_absence: bool = True,  # noqa: ARG002 - absence is certain here
    ) -> Mapping[str, StoredDocument]:
        """See `StateReader`."""
        if not keys:
            return {}
        wanted = json.dumps(list(dict.fromkeys(keys)), ensure_ascii=False)
        if len(wanted) > self._max_message_bytes:
            raise MessageTooLarge(f"{len(wanted)} bytes of keys, and a message carries {self._max_message_bytes}")
        parameters = {"keys": wanted, "max_bytes": self._max_message_bytes}

        def query(connection: sqlite3.Connection) -> dict[str, StoredDocument]:
            total, head, body = connection.execute(_READ, parameters).fetchone()
            if total > self._max_message_bytes:
                raise MessageTooLarge(f"{total} bytes of documents, and a message carries {self._max_message_bytes}")
            return dict(self._document(columns, value) for columns, value in unpack(head, body))

        return await self._readers.run(query, what="state store")

    async def transact(self, operations: Sequence[Put | Delete]) -> None:
        """See `StateWriter`. A key that the port does not allow, or that comes twice, is a `ValueError`."""
        check_operations(operations)
        expected: dict[str, str | None] = {}
        size = 0
        for operation in operations:
            expected[operation.key] = operation.etag
            size += len(operation.key.encode())
            if isinstance(operation, Put):
                size += len(operation.value)
        if size > self._max_message_bytes:
            raise MessageTooLarge(f"{size} bytes in a transaction, and a message carries {self._max_message_bytes}")
        if not expected:
            return
        puts = [
            # The first column is the row's number, which SQLite gives. 128 random bits name a version once and for all,
            # also after the document was deleted and made again, and in a restored copy of the file.
            (
                None,
                operation.key,
                bytes(operation.value),
                checksum(operation.key, operation.value),
                secrets.token_hex(16),
            )
            for operation in operations
            if isinstance(operation, Put)
        ]
        deletes = [operation.key for operation in operations if isinstance(operation, Delete)]

        def work(connection: sqlite3.Connection) -> None:
            # Nobody else writes in between: the transaction has the file's only write lock.
            (conflicts,) = connection.execute(_CONFLICTS, (json.dumps(expected, ensure_ascii=False),)).fetchone()
            if conflicts:
                raise StateConflict(
                    f"{conflicts} of {len(expected)} documents are not what they were when they were read"
                )
            if deletes:
                connection.execute(_DELETE, (json.dumps(deletes, ensure_ascii=False),))
            insert(connection, "document", puts, _REPLACE)

        try:
            await self._writer.submit(work)
        except WriteFailed as error:
            raise SidecarUnavailable("state store", error.detail) from error

    def _document(self, columns: list[object], value: bytes) -> tuple[str, StoredDocument]:
        key, etag, crc = columns
        if not isinstance(key, str) or not isinstance(etag, str):
            raise DatabaseDamaged(self._database.path, "a document has columns of wrong types")
        if checksum(key, value) != crc:
            raise DatabaseDamaged(self._database.path, f"checksum of the document {key!r}")
        return key, StoredDocument(value, etag)
