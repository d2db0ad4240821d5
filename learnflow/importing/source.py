"""The file that is imported: CSV in UTF-8 with a header line (RFC 4180), read a row at a time."""

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from learnflow.importing.errors import FileChanged, FileUnusable, RowFault

_OTHER_DELIMITERS: Final = ";\t|"
_NOT_UTF8: Final = "this is not UTF-8 text; save the file as CSV UTF-8"


@dataclass(frozen=True, slots=True)
class Row:
    """A row, as it stands in the file.

    Attributes:
        line: where it begins, from 1; the header is line 1 of most files.
        cells: its values, one for each column unless the row is malformed.
    """

    line: int
    cells: Sequence[str]


class CsvFile:
    """A CSV file that can be read several times and stays the same meanwhile.

    Attributes:
        path: where it is.
        columns: the names in its header, without outer space.
    """

    def __init__(self, path: Path, delimiter: str = ",") -> None:
        """Look at the file and read its header.

        Raises:
            FileUnusable: there is none, it can't be read, or it has no usable header.
        """
        self.path = path
        self._delimiter = delimiter
        self._state = self._look()
        self.columns: Sequence[str] = ()
        with self._reader() as rows:
            header = next(rows, None)
        if header is None:
            raise FileUnusable(path, "the file is empty; its first line must name the columns")
        self.columns = [name.strip() for name in header.cells]
        self._check_header(header)

    def rows(self) -> Iterator[Row]:
        """All rows after the header, in order; blank lines are none.

        Raises:
            FileUnusable: quotes don't match, so that nobody knows where a row ends.
            FileChanged: the file is not what it was when this object was made.
        """
        with self._reader() as rows:
            next(rows, None)
            yield from rows
        if self._look() != self._state:
            raise FileChanged(self.path)

    def cells(self, row: Row) -> dict[str, str]:
        """The cells of a row by column.

        Raises:
            RowFault: the row has other than one cell a column, or holds bytes that are not UTF-8.
        """
        if len(row.cells) != len(self.columns):
            reason = f"the row has {len(row.cells)} cells, the header has {len(self.columns)}"
            raise RowFault(row.line, None, (), reason)
        for column, cell in zip(self.columns, row.cells, strict=True):
            if _is_broken(cell):
                raise RowFault(row.line, None, (), f"column {column}: {_NOT_UTF8}")
        return dict(zip(self.columns, row.cells, strict=True))

    def _look(self) -> tuple[int, int, int]:
        try:
            found = self.path.stat()
        except OSError as error:
            raise FileUnusable(self.path, error.strerror or str(error)) from None
        if self.path.is_dir():
            raise FileUnusable(self.path, "this is a directory, not a file")
        if not self.path.is_file():
            raise FileUnusable(self.path, "this is no ordinary file; it is read twice, so save it to one first")
        return found.st_ino, found.st_size, found.st_mtime_ns

    @contextmanager
    def _reader(self) -> Iterator[Iterator[Row]]:
        try:
            # Bytes that are not UTF-8 are carried on as lone surrogates, so that the row that holds them can be named.
            with self.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
                yield self._read(file)
        except OSError as error:
            raise FileUnusable(self.path, error.strerror or os.strerror(error.errno or 0)) from None

    def _read(self, file: TextIO) -> Iterator[Row]:
        reader = csv.reader(file, delimiter=self._delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise FileUnusable(self.path, f"the row that begins here is not CSV: {error}", line) from None
            if cells is None:
                return
            if cells:
                yield Row(line, cells)

    def _check_header(self, header: Row) -> None:
        if any(map(_is_broken, self.columns)) or "\0" in "".join(self.columns):
            raise FileUnusable(self.path, _NOT_UTF8, header.line)
        twice = sorted({name for name in self.columns if self.columns.count(name) > 1})
        if twice:
            raise FileUnusable(self.path, f"columns named more than once: {', '.join(map(repr, twice))}", header.line)
        others = [mark for mark in _OTHER_DELIMITERS if mark in self.columns[0] and mark != self._delimiter]
        if len(self.columns) == 1 and others:
            raise FileUnusable(
                self.path, f"one column only; is it separated by {others[0]!r}? (--delimiter)", header.line
            )


def _is_broken(cell: str) -> bool:
    return not cell.isascii() and any("\ud800" <= character <= "\udfff" for character in cell)
