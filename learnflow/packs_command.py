"""`learnflow packs`: which teaching material is installed, and what is wrong with a pack that somebody writes."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from curriculum.errors import PackFault, PackFaults
from curriculum.material import Curriculum, Pack
from curriculum.reading import HEADER, read_curriculum, read_pack
from learnflow.operating import AsJson, print_json, settings_from
from learnflow.pack_running import programs_of, run_all
from learnflow.packs import installed
from learnflow.terminal import errors, output

commands = typer.Typer(
    help="Teaching material: list what is installed, check a pack that you write.", no_args_is_help=True
)

Folders = Annotated[
    list[Path] | None,
    typer.Option(
        "--packs",
        metavar="FOLDER",
        help="A further folder that holds packs; may be repeated.",
        show_default="LEARNFLOW_PACKS",
    ),
]


@commands.command("list")
def list_packs(packs: Folders = None, as_json: AsJson = False) -> None:
    """List the packs that are installed, with their versions, modules and concepts.

    Example: `learnflow packs list`

    Example: `learnflow packs list --json`
    """
    folders = settings_from({}).packs if packs is None else os.pathsep.join(map(str, packs))
    try:
        curriculum = installed(folders)
    except PackFaults as found:
        _refuse(found.faults)
    if as_json:
        print_json(_as_json(curriculum))
        return
    for pack in curriculum.packs:
        output.print(f"{pack.release}  {pack.title}: {_counts(pack)}", style="bold", markup=False)
        for module in pack.modules:
            names = ", ".join(concept.title for concept in module.concepts)
            output.print(f"  {module.title}: {names}", markup=False)


@commands.command("check")
def check_pack(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A pack, or a folder that holds packs.")],
    run: Annotated[
        bool,
        typer.Option("--run", help="Run its programs too, with your rights: only for packs that you trust."),
    ] = False,
) -> None:
    """Check a pack: every fault with its file and line, and status 1 if there is one.

    With `--run`, examples have to print what they say, solutions have to pass their checks, and starts to fail them.

    Example: `learnflow packs check curriculum/packs/python --run`
    """
    single = (folder / HEADER).exists()
    try:
        packs = (read_pack(folder),) if single else read_curriculum([folder]).packs
    except PackFaults as found:
        _refuse(found.faults)
    ran = {pack.id: programs_of(pack, folder if single else folder / pack.id) for pack in packs} if run else {}
    faults = [fault for programs in ran.values() for fault in run_all(programs)]
    if faults:
        _refuse(faults)
    for pack in packs:
        programs = f", {len(ran[pack.id])} programs run" if run else ""
        output.print(f"{pack.release}: {_counts(pack)}{programs}; no fault", markup=False)


def _refuse(faults: Sequence[PackFault]) -> NoReturn:
    for fault in faults:
        errors.print(str(fault), markup=False)
    errors.print(f"learnflow: {_amount(len(faults), 'fault')}", style="red", markup=False)
    raise typer.Exit(1)


def _counts(pack: Pack) -> str:
    concepts = pack.concepts
    counts = (
        (len(pack.modules), "module"),
        (len(concepts), "concept"),
        (sum(len(concept.examples) for concept in concepts), "example"),
        (sum(len(concept.exercises) for concept in concepts), "exercise"),
        (sum(len(concept.questions) for concept in concepts), "question"),
    )
    return ", ".join(_amount(count, name) for count, name in counts)


def _amount(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _as_json(curriculum: Curriculum) -> list[dict[str, object]]:
    return [
        {
            "id": pack.id,
            "version": pack.version,
            "title": pack.title,
            "summary": pack.summary,
            "modules": [
                {
                    "id": module.id,
                    "title": module.title,
                    "concepts": [
                        {"id": concept.id, "title": concept.title, "level": concept.level.value}
                        for concept in module.concepts
                    ],
                }
                for module in pack.modules
            ],
        }
        for pack in curriculum.packs
    ]
