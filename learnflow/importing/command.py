"""The command `learnflow import`."""

import asyncio
import json
import time
from itertools import islice
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from learnflow.importing.errors import ImportFailure, NobodyThere, RowNotSent
from learnflow.importing.mapping import Endpoint
from learnflow.importing.progress import reporting
from learnflow.importing.rows import Survey
from learnflow.importing.sender import Tally
from learnflow.importing.transfer import Plan, plan, transfer
from learnflow.terminal import errors, fail, output

INTERRUPTED: Final = 130
_EXAMPLES_SHOWN: Final = 3

File = Annotated[Path, typer.Argument(metavar="FILE.csv", help="CSV in UTF-8 whose first line names the columns.")]
Maps = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="FIELD=TEMPLATE", help="How a field of the request is made; once for each field."),
]
Url = Annotated[str, typer.Option(help="Of the server.")]
To = Annotated[Endpoint, typer.Option("--endpoint", help="What each row is.")]
Concurrency = Annotated[int, typer.Option(min=1, max=512, help="Requests under way at once.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check every row, show the first requests, send nothing.")]
SkipInvalid = Annotated[bool, typer.Option("--skip-invalid", help="Leave out the rows that give no valid request.")]
Patience = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="How long a row is tried while the server can't confirm it.")
]
FromLine = Annotated[int, typer.Option(min=0, metavar="LINE", help="Send only rows that begin at this line or later.")]
Delimiter = Annotated[str, typer.Option(metavar="CHARACTER", help=r"Between the cells of a row; \t is a tab.")]


def import_history(  # noqa: PLR0913 - these are the options of a command line
    file: File,
    maps: Maps = None,
    url: Url = "http://127.0.0.1:8000",
    endpoint: To = Endpoint.UPDATE_PROGRESS,
    *,
    concurrency: Concurrency = 32,
    dry_run: DryRun = False,
    skip_invalid: SkipInvalid = False,
    patience: Patience = 60,
    from_line: FromLine = 0,
    delimiter: Delimiter = ",",
) -> None:
    """Send history from a CSV file through the POST endpoints. Running it again changes nothing.

    Every row is checked before the first is sent. Each is sent with an Idempotency-Key made of what it asks for, so a
    row counts once however often the file is imported, also if the file was renamed, extended or sorted. Rows that are
    alike within one file all count; a row that is in two files counts once.

    A row that was corrected (one value is another) is another report: the earlier one stays recorded, and the time
    spent of both is added up.

    A template is text with column names in braces, cut and padded as str.format does: `{presentation:.4}`. Outer space
    of cells does not count. An optional field is left out of rows where a column of it is empty.

    * text (learner_id, lesson_id, topic, level): `lesson_id={module}-{assessment_id}`

    * numbers (completion, score, time_spent_seconds, duration_minutes) may be divided or multiplied:
      `score={score}/100`, `time_spent_seconds={minutes} * 60`

    * occurred_at is an ISO date (its midnight) or date-time, UTC if it names no offset, and may be followed by whole
      days to add, also negative ones: `occurred_at=2013-10-01 + {day} days`

      Of a learner's reports on a lesson, the latest says completion and score. Where several have the same time, as
      with dates alone, which of them counts as the latest is by chance (the order of their event ids): map a finer time
      if the file has one. Without occurred_at they count in the order of the file.

    * lists (achievements, objectives) are separated by semicolons: `achievements={badges}`

    For example:

    `learnflow import marks.csv --map learner_id={id} --map lesson_id={course} --map completion=1 --dry-run`

    All of a submissions file of the Open University Learning Analytics Dataset (quote the templates in a shell):

    `learnflow import samples/oulad-aaa-sample.csv --map 'learner_id={student_id}'
    --map 'lesson_id={module}-{presentation}-{assessment_id}' --map completion=1 --map 'score={score}/100'
    --map 'occurred_at={presentation:.4}-10-01 + {day} days'`
    """
    delimiter = "\t" if delimiter == r"\t" else delimiter
    if len(delimiter) != 1 or delimiter in '\r\n"':
        fail("--delimiter: must be one character, and none of quote and line break")
    tally = Tally()
    try:
        planned = plan(file, maps or (), endpoint, delimiter=delimiter, from_line=from_line)
        _report_faults(planned.found, skip=skip_invalid)
        _warn(planned.found)
        if dry_run:
            _show(planned)
            return
        begun = time.monotonic()
        if planned.found.valid:
            with reporting(errors, planned.found.valid) as report:
                asyncio.run(transfer(planned, url, report, tally, concurrency=concurrency, patience_seconds=patience))
        _summarise(planned.found, tally, time.monotonic() - begun)
    except ImportFailure as failure:
        _stop(failure, tally)
    except KeyboardInterrupt:
        errors.print(f"learnflow: interrupted. {_standing(tally)}", style="red", markup=False)
        raise typer.Exit(INTERRUPTED) from None


def _report_faults(found: Survey, *, skip: bool) -> None:
    if not found.faults:
        return
    for fault in found.first_faults:
        errors.print(str(fault), style="yellow" if skip else "red", markup=False)
    if found.faults > len(found.first_faults):
        errors.print(f"... and {found.faults - len(found.first_faults):,} more")
    if not skip:
        fail(
            f"{found.faults:,} of {found.rows:,} rows give no valid request. Nothing was sent."
            " Mend them, or leave them out with --skip-invalid."
        )


def _warn(found: Survey) -> None:
    if found.simultaneous:
        errors.print(
            f"{found.simultaneous:,} rows are of the same learner, lesson and occurred_at as a row with other values:"
            " which of them counts as the latest is by chance. Map a finer time if the file has one.",
            style="yellow",
            markup=False,
        )


def _show(planned: Plan) -> None:
    found = planned.found
    output.print(f"{found.valid:,} of {found.rows:,} rows give a request to POST /{planned.mapping.endpoint.value}:")
    with planned.requests() as requests:
        for request in islice(requests, _EXAMPLES_SHOWN):
            output.print(f"line {request.line}: {json.dumps(request.body, ensure_ascii=False)}", markup=False)
    output.print("Nothing was sent (--dry-run).")


def _summarise(found: Survey, tally: Tally, seconds: float) -> None:
    speed = f"; {seconds:.1f} s, {tally.confirmed / seconds:,.0f} rows/s" if tally.confirmed else ""
    output.print(f"{found.rows:,} rows: {tally.confirmed:,} accepted, {found.faults:,} left out{speed}.")


def _stop(failure: ImportFailure, tally: Tally) -> NoReturn:
    sending = not isinstance(failure, NobodyThere) and (isinstance(failure, RowNotSent) or tally.confirmed)
    fail(f"{failure}. {_standing(tally)}" if sending else f"{failure}. Nothing was sent.")


def _standing(tally: Tally) -> str:
    """How far it got, and how to go on."""
    if not tally.resume_line:
        return "Nothing was sent."
    if not tally.confirmed:
        return "No row is confirmed. The same command tries again: it counts no row twice."
    return (
        f"{tally.confirmed:,} rows are confirmed and stay recorded. The same command goes on where this stopped:"
        f" it counts no row twice. To skip what is confirmed, add --from-line {tally.resume_line}."
    )
