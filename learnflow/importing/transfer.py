"""An import as a whole: look at all rows first, then send them."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from learnflow.importing.mapping import Endpoint, RowMapping
from learnflow.importing.rows import Request, Survey, requests, survey
from learnflow.importing.sender import Listener, Sender, Tally, connector
from learnflow.importing.source import CsvFile


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would send; every row was looked at, nothing was sent.

    Attributes:
        file: where from.
        mapping: what becomes of a row.
        found: what the look at the rows found.
        now: when they were looked at; what occurred later is not valid.
        from_line: rows that begin before it are not sent.
    """

    file: CsvFile
    mapping: RowMapping
    found: Survey
    now: datetime
    from_line: int

    def requests(self) -> "closing[Generator[Request, None, None]]":
        """The requests, in order, to be closed by `with`."""
        return closing(requests(self.file, self.mapping, self.now, from_line=self.from_line))


def plan(path: Path, templates: Sequence[str], endpoint: Endpoint, *, delimiter: str = ",", from_line: int = 0) -> Plan:
    """Look at a file.

    Raises:
        ImportFailure: it can't be imported in this way; single rows that can't be are not raised but in the plan.
    """
    mapping = RowMapping.parse(endpoint, templates)
    file = CsvFile(path, delimiter)
    now = datetime.now(UTC)
    return Plan(file, mapping, survey(file, mapping, now, from_line=from_line), now, from_line)


async def transfer(
    planned: Plan, url: str, listener: Listener, tally: Tally, *, concurrency: int, patience_seconds: float
) -> None:
    """Send the requests of a plan to the server at `url`.

    Rows that don't say when they occurred count as of their arrival, so those of one learner are then sent in order.

    Raises:
        ImportFailure: not all was sent; `tally` says how much was.
    """
    sender = Sender(
        connector(url), planned.mapping.endpoint, listener, concurrency=concurrency, patience_seconds=patience_seconds
    )
    with planned.requests() as rows:
        await sender.send(rows, tally, keep_order=not planned.mapping.dated)
