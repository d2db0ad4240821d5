"""`learnflow contracts`: what others rely on, written into files that a test compares with the code."""

import asyncio
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from events.contracts import CONTRACTS
from events.errors import BreakingSchemaChange
from events.schemas import breaking_changes, export, file_name
from learnflow.asyncapi import describe
from learnflow.services import Service, build
from learnflow.settings import Settings
from learnflow.sidecar import open_embedded
from learnflow.terminal import fail, output

commands = typer.Typer(help="Event schemas and API descriptions: what others rely on.", no_args_is_help=True)

SCHEMAS: Final = Path("docs/contracts/events")
_APIS: Final = {
    "learnflow": tuple(Service),
    Service.COURSE_AGENT.value: (Service.COURSE_AGENT,),
    Service.USER_PROGRESS.value: (Service.USER_PROGRESS,),
}

Root = Annotated[Path, typer.Option(help="The checkout that holds the files.", file_okay=False, exists=True)]


def contract_files() -> dict[Path, dict[str, Any]]:
    """Every file of what others rely on, relative to the checkout, with the content that the code stands for now."""
    files: dict[Path, dict[str, Any]] = {SCHEMAS / file_name(contract): export(contract) for contract in CONTRACTS}
    files[Path("docs/contracts/asyncapi.json")] = describe()
    for name, description in asyncio.run(_api_descriptions()).items():
        files[Path(f"docs/contracts/{name}.openapi.json")] = description
    return files


def check_schemas(root: Path) -> None:
    """Check every event schema against the committed one.

    Raises:
        BreakingSchemaChange: events valid under the committed schema would be refused, or read as less.
    """
    for contract in CONTRACTS:
        path = root / SCHEMAS / file_name(contract)
        if path.exists():
            changes = breaking_changes(json.loads(path.read_text(encoding="utf-8")), export(contract))
            if changes:
                raise BreakingSchemaChange(f"{contract.NAME} v{contract.VERSION}", changes)


@commands.command("export")
def export_files(root: Root = Path()) -> None:
    """Write schemas and API descriptions; refuses a change that old events would not survive.

    Example: `learnflow contracts export`
    """
    _refuse_breaking_changes(root)
    for path, content in contract_files().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(render(content), encoding="utf-8")
        output.print(f"wrote {path}")


@commands.command("check")
def check_files(root: Root = Path()) -> None:
    """Compare the files with the code, and the event schemas with what old events need; status 1 where they differ.

    Example: `learnflow contracts check`
    """
    _refuse_breaking_changes(root)
    outdated = list(differing(root, contract_files()))
    if outdated:
        fail(f"not what the code says: {', '.join(map(str, outdated))}; run `learnflow contracts export`")
    output.print("schemas and API descriptions are what the code says")


def differing(root: Path, files: Mapping[Path, dict[str, Any]]) -> Iterator[Path]:
    """Those of `files` that are missing under `root` or hold something else."""
    for path, content in files.items():
        if not (root / path).exists() or (root / path).read_text(encoding="utf-8") != render(content):
            yield path


def render(content: Mapping[str, Any]) -> str:
    """The text of a file: readable, and the same for the same content."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _refuse_breaking_changes(root: Path) -> None:
    try:
        check_schemas(root)
    except BreakingSchemaChange as breaking:
        fail(str(breaking))


async def _api_descriptions() -> dict[str, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        async with open_embedded(settings) as sidecar:
            return {name: build(services, sidecar, settings).openapi() for name, services in _APIS.items()}
