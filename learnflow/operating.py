"""What the commands for operators have in common: how they reach log and documents, and how they end."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError

from learnflow.settings import Settings
from learnflow.sidecar import ToolPorts, open_tool
from learnflow.terminal import fail, output
from projector.errors import ProjectorError
from projector.troubles import in_words
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


def settings_from(given: dict[str, object]) -> Settings:
    """Settings from the environment, overridden by what was given; ends the program where they are not valid."""
    try:
        return Settings.model_validate({**Settings().model_dump(), **given})
    except ValidationError as invalid:
        faults = [f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in invalid.errors()]
        fail(f"settings: {'; '.join(faults)}")


def operator_settings(data_dir: Path | None) -> Settings:
    """The settings of a command: from the environment, and the folder that was given."""
    return settings_from({} if data_dir is None else {"data_dir": data_dir})


def operate(data_dir: Path | None, step: Callable[[ToolPorts], Awaitable[T]]) -> T:
    """Run a step with the ports that the settings name; ends the program with one line where it can't be done."""
    settings = operator_settings(data_dir)

    async def run() -> T:
        async with open_tool(settings) as sidecar:
            return await step(sidecar)

    try:
        return asyncio.run(run())
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except (ProjectorError, SidecarError, UnreadableDocument) as failure:
        refuse(failure)


def refuse(failure: Exception) -> NoReturn:
    """End the program with what went wrong, and status 1."""
    fail(in_words(failure))


def print_json(document: Any) -> None:
    """Print one JSON document and nothing else."""
    output.print(json.dumps(document, indent=2, ensure_ascii=False), markup=False)
