"""What can go wrong with an import.

ImportFailure
├── FileUnusable      the file can't be read as CSV with a header
├── FileChanged       the file changed between the look at it and the sending
├── NoSuchServer      the address can't be one of a server
├── MappingFault      a `--map` can't be used for any row
├── RowFault          a row can't be mapped
└── RowNotSent        what ended the sending, at a row
    ├── RowRefused    the server takes no such request
    ├── NobodyThere   no server takes connections at the address
    └── ServerGone    the server could not confirm a row in time
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class ImportFailure(Exception):
    """Base of all that ends an import; its text is for people."""


class FileUnusable(ImportFailure):
    """The file can't be read as CSV with a header; nothing was sent.

    Attributes:
        path: of the file.
        reason: why, for people.
        line: of the file, from 1, where it is about one.
    """

    def __init__(self, path: Path, reason: str, line: int | None = None) -> None:
        super().__init__(f"{path}{'' if line is None else f', line {line}'}: {reason}")
        self.path = path
        self.reason = reason
        self.line = line


class FileChanged(ImportFailure):
    """The file is not what it was when its rows were checked. What was sent before that was noticed is recorded.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} changed while it was imported")
        self.path = path


class NoSuchServer(ImportFailure):
    """The URL can't be that of a server; nothing was sent.

    Attributes:
        url: as it was given.
    """

    def __init__(self, url: str) -> None:
        super().__init__(f"--url {url}: must be like http://127.0.0.1:8000 or https://learn.example.org/api")
        self.url = url


class MappingFault(ImportFailure):
    """A field can't be filled by its template, whatever the row; nothing was sent.

    Attributes:
        field: of the request.
        reason: why, for people.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"--map {field}: {reason}")
        self.field = field
        self.reason = reason


class RowFault(ImportFailure):
    """A row gives no valid request.

    Attributes:
        line: of the file, from 1, where the row begins.
        field: of the request; `None` if it is about the row as a whole.
        columns: those that the field is made of.
        reason: why, for people; may repeat what a cell holds.
    """

    def __init__(self, line: int, field: str | None, columns: Sequence[str], reason: str) -> None:
        source = f" (column{'s' if len(columns) > 1 else ''} {', '.join(columns)})" if columns else ""
        place = "" if field is None else f"{field}{source}: "
        super().__init__(f"line {line}: {place}{reason}")
        self.line = line
        self.field = field
        self.columns = tuple(columns)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class FieldRefusal:
    """What a server says about one field of a request."""

    field: str
    detail: str


class RowNotSent(ImportFailure):
    """The sending ended at a row.

    Attributes:
        line: of the file, where the row begins.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class RowRefused(RowNotSent):
    """The server does not take the request of a row, and would not if it was repeated.

    Attributes:
        status: of the answer.
        reason: what the server says.
        refusals: what it says of single fields.
    """

    def __init__(self, line: int, status: int, reason: str, refusals: Sequence[FieldRefusal] = ()) -> None:
        fields = "; ".join(f"{one.field} {one.detail}" for one in refusals)
        super().__init__(line, f"line {line}: the server answered {status}: {reason}{f': {fields}' if fields else ''}")
        self.status = status
        self.reason = reason
        self.refusals = tuple(refusals)


class NobodyThere(RowNotSent):
    """No server takes connections at the address, and none did before; nothing was sent.

    Attributes:
        url: of the server.
    """

    def __init__(self, line: int, url: str, trouble: str) -> None:
        super().__init__(
            line, f"{trouble}. Start a server with `make run` (or `learnflow up`), or name another one with --url"
        )
        self.url = url


class ServerGone(RowNotSent):
    """A row was not confirmed within the patience; it may have been recorded.

    Attributes:
        seconds: how long it was tried.
        trouble: what the last try met with.
    """

    def __init__(self, line: int, seconds: float, trouble: str) -> None:
        super().__init__(line, f"line {line}: not confirmed within {seconds:g} s; the last try: {trouble}")
        self.seconds = seconds
        self.trouble = trouble
