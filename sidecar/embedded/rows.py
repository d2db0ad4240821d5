"""Many rows in one step of SQLite.

Python's sqlite3 module lets go of the interpreter lock for every step, that is for every row read and every statement
run, and a busy event loop gives it back only after 5 ms: 500 rows, one by one, then take two seconds instead of one
millisecond (measured). So rows are packed into one row by SQL for reading, and written by statements of many rows.
"""

import json
import sqlite3
import zlib
from collections.abc import Iterator, Sequence

_MAX_ROWS = 512
_MAX_VARIABLES = 32_000

PACKED = (
    "json_group_array(json_array({columns}, checksum, length(value))),"
    " CAST(group_concat(CAST(value AS TEXT), '') AS BLOB)"
)
"""Two SQL expressions for what `unpack` takes apart. The casts keep every byte, as the file's encoding is UTF-8."""


def checksum(key: str | None, value: bytes) -> int:
    """CRC-32 of a key and its value."""
    return zlib.crc32(value, zlib.crc32(b"" if key is None else key.encode()))


def unpack(head: str | bytes, body: bytes | None) -> Iterator[tuple[list[object], bytes]]:
    """Take apart what `PACKED` selected.

    Returns:
        For each row its columns, of which the last is the stored checksum, and its value.
    """
    start = 0
    for *columns, length in json.loads(head):
        end = start + length
        yield columns, b"" if body is None else body[start:end]
        start = end


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[Sequence[object]], then: str = "") -> None:
    """Run `INSERT INTO {into} VALUES ... {then}` for all rows, in statements of a few sizes that stay prepared.

    Raises:
        sqlite3.Error: as SQLite says; some of the rows may be in.
    """
    done = 0
    while done < len(rows):
        width = len(rows[done])
        size = min(_MAX_ROWS, _MAX_VARIABLES // width, 1 << ((len(rows) - done).bit_length() - 1))
        row = f"({', '.join('?' * width)})"
        values = [column for row_ in rows[done : done + size] for column in row_]
        connection.execute(f"INSERT INTO {into} VALUES {', '.join([row] * size)} {then}", values)  # noqa: S608 - no data
        done += size
