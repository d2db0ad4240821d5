"""`learnflow verify`: is what is stored what the log makes it?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TextIO

import msgspec
import typer

from learnflow.operating import AsJson, DataDir, acceptance_of, operate, print_json
from learnflow.progress import progress_of_log
from learnflow.sidecar import ToolPorts
from learnflow.terminal import fail, output
from learnflow.verify_report import audit_lines, comparison_lines
from projector.generations import read_control
from projector.verification.acceptance import Acceptance
from projector.verification.audit import Audit, audit
from projector.verification.compare import CompareOptions, compare_generations, compare_with_log
from projector.verification.findings import Comparison

DIFFERENT: Final = 1
UNREADABLE: Final = 2


@dataclass(frozen=True, slots=True)
class _Question:
    generation: int | None
    against: int | None
    audit_only: bool
    acceptance: Acceptance
    differences: int


def verify(  # noqa: PLR0913 - each is an option, with a name and a default
    *,
    generation: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Which generation.", show_default="the one that serves")
    ] = None,
    against: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="M", help="Compare with this generation.", show_default="a fresh fold of the log in memory"
        ),
    ] = None,
    audit_only: Annotated[
        bool, typer.Option("--audit-only", help="Compare nothing: only look whether the accounts add up.")
    ] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept-differences",
            metavar="KIND:PATH",
            help="Differences that are expected, with * for anything, such as 'learner:totals.time_spent_ms',"
            " 'learner:days.*' or '*'; may come several times. The report prints the options that would accept what it"
            " found.",
        ),
    ] = None,
    differences: Annotated[int, typer.Option(min=0, metavar="K", help="How many documents to show in full.")] = 10,
    hashes: Annotated[
        Path | None,
        typer.Option(help="Write the SHA-256 and the key of every document compared to this file, a line each."),
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Compare the documents with what the log makes of them, and audit the accounts; also while everything runs.

    Ends with status 0 if all is equal and sound, 1 if something differs or the accounts do not add up, and 2 if log or
    documents can't be read. It writes nothing.

    `learnflow verify` folds the log once more, in memory, and compares the generation that serves with it.

    `learnflow verify --generation 2 --against 1` compares two generations of the store, which may be of different
    versions of the folds, and needs little memory.

    `learnflow verify --generation 2 --against 1 --accept-differences 'learner:totals.*'` is for a fold that changed.

    `learnflow verify --audit-only --json` is for a machine that looks every night.
    """
    acceptance = acceptance_of(accept or (), status=UNREADABLE)
    question = _Question(generation, against, audit_only, acceptance, differences)
    with _hash_file(hashes) as file, progress_of_log() as progress:
        comparison, accounts = operate(
            data_dir, lambda ports: _answer(ports, question, file, progress), unreadable=UNREADABLE
        )
    good = accounts.sound and (comparison is None or comparison.equal)
    if as_json:
        print_json(_as_json(comparison, accounts, good=good))
    else:
        lines = [] if comparison is None else comparison_lines(comparison)
        for line in [*lines, *audit_lines(accounts)]:
            output.print(line, markup=False)
    if not good:
        raise typer.Exit(DIFFERENT)


async def _answer(
    ports: ToolPorts, question: _Question, file: TextIO | None, progress: Callable[[int, int], None] | None
) -> tuple[Comparison | None, Audit]:
    log, reader = ports.log_reader, ports.state_reader
    generation = question.generation
    if generation is None:
        generation = (await read_control(reader)).active

    def on_hash(suffix: str, sha256: str) -> None:
        if file is not None:
            file.write(f"{sha256} {suffix}\n")

    options = CompareOptions(
        differences=question.differences,
        acceptance=question.acceptance,
        progress=progress,
        on_hash=on_hash,
        hash_new=question.against is not None,
    )
    comparison = None
    if question.against is not None:
        comparison = await compare_generations(log, reader, question.against, generation, options=options)
    elif not question.audit_only:
        comparison = await compare_with_log(log, reader, generation, options=options)
    # A fresh fold has had its sums compared already.
    sums = question.audit_only or question.against is not None
    return comparison, await audit(log, reader, generation, sums=sums, progress=progress)


def _as_json(comparison: Comparison | None, accounts: Audit, *, good: bool) -> dict[str, Any]:
    compared = None
    if comparison is not None:
        compared = {
            "equal": comparison.equal,
            "documents": comparison.documents,
            "unsettled": comparison.unsettled,
            "accepting": comparison.accepting,
            **msgspec.to_builtins(comparison),
        }
    audited = {"sound": accounts.sound, "behind": accounts.behind, **msgspec.to_builtins(accounts, str_keys=True)}
    return {"good": good, "comparison": compared, "audit": audited}


@contextmanager
def _hash_file(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as failure:
        fail(f"{path}: {failure.strerror}", status=UNREADABLE)
    with file:
        yield file
