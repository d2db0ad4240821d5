"""The requests of a file: each row with its body and the key under which it counts once."""

import hashlib
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

from events.identity import canonical_json
from learnflow.importing.errors import RowFault
from learnflow.importing.mapping import Endpoint, RowMapping
from learnflow.importing.source import CsvFile
from learnflow.importing.values import Json

SHOWN_FAULTS: Final = 20
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Request:
    """What a row asks for.

    Attributes:
        line: of the file, where the row begins.
        body: of the POST.
        key: its `Idempotency-Key`.
    """

    line: int
    body: Mapping[str, Json]
    key: str

    @property
    def learner_id(self) -> str:
        """Whose row it is."""
        return str(self.body["learner_id"])


@dataclass(slots=True)
class Survey:
    """What a look at all rows found.

    Attributes:
        rows: how many there are.
        faults: how many of them give no request.
        first_faults: some of those, the first ones.
        simultaneous: how many of the others are of the same learner, lesson and time as one that says something else.
    """

    rows: int = 0
    faults: int = 0
    first_faults: list[RowFault] = field(default_factory=list)
    simultaneous: int = 0

    @property
    def valid(self) -> int:
        """How many rows give a request."""
        return self.rows - self.faults


def survey(file: CsvFile, mapping: RowMapping, now: datetime, *, from_line: int = 0) -> Survey:
    """Map every row of a file that begins at `from_line` or later, and say which can't be.

    Raises:
        MappingFault: the file lacks a column.
        FileUnusable: the file is no CSV.
        FileChanged: the file changed.
    """
    mapping.check_columns(file.columns)
    found = Survey()
    with Occurrences.counting() as bodies, Occurrences.counting() as moments:
        for row in file.rows():
            if row.line < from_line:
                continue
            found.rows += 1
            try:
                body = mapping.body(row.line, file.cells(row), now)
            except RowFault as fault:
                found.faults += 1
                if len(found.first_faults) < SHOWN_FAULTS:
                    found.first_faults.append(fault)
                continue
            # Of rows that are alike in all, it does not matter which comes last.
            if "occurred_at" in body and bodies.next(body_digest(mapping.endpoint, body)) == 1:
                times = moments.next(_moment_digest(body))
                found.simultaneous += times if times == _PAIR else times > _PAIR
    return found


def requests(
    file: CsvFile, mapping: RowMapping, now: datetime, *, from_line: int = 0
) -> Generator[Request, None, None]:
    """The requests of all rows that begin at `from_line` or later and give one, in order.

    Memory does not grow with the file. Close it if it is not read to its end.

    Raises:
        MappingFault: the file lacks a column.
        FileUnusable: the file is no CSV.
        FileChanged: the file changed.
    """
    mapping.check_columns(file.columns)
    with Occurrences.counting() as occurrences:
        for row in file.rows():
            try:
                body = mapping.body(row.line, file.cells(row), now)
            except RowFault:
                continue  # counted and shown by the survey
            digest = body_digest(mapping.endpoint, body)
            occurrence = occurrences.next(digest)  # counts the rows before `from_line` as well: keys stay the same
            if row.line >= from_line:
                yield Request(row.line, body, idempotency_key(digest, occurrence))


def body_digest(endpoint: Endpoint, body: Mapping[str, Json]) -> bytes:
    """SHA-256 of what is asked for, whatever the order of its fields."""
    return hashlib.sha256(canonical_json([endpoint.value, body]).encode()).digest()


def _moment_digest(body: Mapping[str, Json]) -> bytes:
    """What rows share whose order only their event ids decide."""
    return canonical_json([body["learner_id"], body["lesson_id"], body["occurred_at"]]).encode()


def idempotency_key(digest: bytes, occurrence: int) -> str:
    """The key of the k-th (from 1) row of a file that asks for this.

    Neither the file's name nor the row's place is in it: a renamed, extended or reordered file repeats the keys of the
    rows that it had, and rows that are alike within one file have keys of their own.
    """
    return f"import-{hashlib.sha256(digest + str(occurrence).encode()).hexdigest()}"


class Occurrences:
    """Counts how often each digest came; keeps them in a temporary file once they are many."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def counting(cls) -> "closing[Self]":
        """A new one, to be closed by `with`."""
        # "" is SQLite's private temporary database: in memory while it is small, on disk beyond, gone when closed.
        connection = sqlite3.connect("", isolation_level=None)
        connection.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID")
        connection.execute("BEGIN")
        return closing(cls(connection))

    def close(self) -> None:
        """Forget all."""
        self._connection.close()

    def next(self, digest: bytes) -> int:
        """How often this came by now, this time included."""
        self._connection.execute(
            "INSERT INTO seen VALUES (?, 1) ON CONFLICT (digest) DO UPDATE SET times = times + 1", (digest,)
        )
        (times,) = self._connection.execute("SELECT times FROM seen WHERE digest = ?", (digest,)).fetchone()
        return int(times)
