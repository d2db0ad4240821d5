"""What the commands for operators have in common: how they reach log and documents, and how they end."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError

from learnflow.settings import Settings, faults_in_words, read_settings
from learnflow.sidecar import ToolPorts, open_tool
from learnflow.terminal import errors, fail
from projector.errors import ProjectorError
from projector.troubles import in_words
from projector.verification.acceptance import Acceptance, InvalidPattern
from read_models.codec import UnreadableDocument
from sidecar.errors import SidecarError

T = TypeVar("T")

DataDir = Annotated[
    Path | None,
    typer.Option(help="The folder of the embedded default, also while it serves.", show_default="LEARNFLOW_DATA_DIR"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

INTERRUPTED = 130
"""The status of a command that was ended by Ctrl-C, as shells have it."""


def settings_from(given: dict[str, object], *, status: int = 1) -> Settings:
    """Settings from the environment, overridden by what was given; ends the program where they are not valid."""
    try:
        return read_settings(given)
    except ValidationError as invalid:
        fail(faults_in_words(invalid), status=status)


def operator_settings(data_dir: Path | None, *, status: int = 1) -> Settings:
    """The settings of a command: from the environment, and the folder that was given; ends it where they are wrong."""
    return settings_from({} if data_dir is None else {"data_dir": data_dir}, status=status)


def acceptance_of(patterns: Sequence[str], *, status: int = 1) -> Acceptance:
    """The differences that somebody accepts; ends the program with one line and a status where a pattern is none."""
    try:
        return Acceptance(patterns)
    except InvalidPattern as invalid:
        refuse(invalid, status=status)


def operate(
    data_dir: Path | None,
    step: Callable[[ToolPorts], Awaitable[T]],
    *,
    unreadable: int = 1,
    interrupted: str | None = None,
) -> T:
    """Run a step with the ports that the settings name; ends the program with one line where it can't be done.

    Args:
        data_dir: the folder that was given.
        step: what to do.
        unreadable: the status where it can't be done.
        interrupted: what is said at Ctrl-C.
    """
    settings = operator_settings(data_dir, status=unreadable)

    async def run() -> T:
        async with open_tool(settings) as sidecar:
            return await step(sidecar)

    return run_to_end(run, unreadable=unreadable, interrupted=lambda: interrupted)


def run_to_end(
    work: Callable[[], Coroutine[Any, Any, T]], *, unreadable: int = 1, interrupted: Callable[[], str | None]
) -> T:
    """Do some work; ends the program with one line where it can't be done, or Ctrl-C ends it.

    Args:
        work: what to do.
        unreadable: the status where it can't be done.
        interrupted: what is said at Ctrl-C, asked for then; `None` for nothing.
    """
    try:
        return asyncio.run(work())
    except KeyboardInterrupt:
        said = interrupted()
        if said is not None:
            errors.print(said, markup=False)
        raise typer.Exit(INTERRUPTED) from None
    except (ProjectorError, SidecarError, UnreadableDocument) as failure:
        refuse(failure, status=unreadable)


def refuse(failure: Exception, *, status: int = 1) -> NoReturn:
    """End the program with what went wrong, and a status."""
    fail(in_words(failure), status=status)


def print_json(document: Any) -> None:
    """Print one JSON document and nothing else."""
    # Not by Rich, which is for people: nothing may be wrapped, coloured or taken for markup.
    sys.stdout.write(f"{json.dumps(document, indent=2, ensure_ascii=False)}\n")
    sys.stdout.flush()
