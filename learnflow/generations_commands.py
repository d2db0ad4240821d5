"""`learnflow generations`: which there are, which serves, going back, throwing away."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from learnflow.operating import AsJson, DataDir, operate, operator_settings, print_json
from learnflow.progress import progress_of_log
from learnflow.replay_command import AcceptParked, Batch, Follow, Memory, Workers, check_memory, observed, report
from learnflow.replaying.inventory import inventory
from learnflow.replaying.options import ReplayOptions
from learnflow.replaying.replay import activate
from learnflow.sidecar import ToolPorts
from learnflow.terminal import output
from projector.prune import PruneReport, prune
from projector.replay.runs import abandon
from read_models.documents import OUTCOMES

commands = typer.Typer(
    help="Generations of projections: list them, go back to one, throw one away.", no_args_is_help=True
)

Number = Annotated[int, typer.Argument(min=1, metavar="N", help="As `learnflow generations list` has it.")]


@commands.command("list")
def list_generations(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the generations that there are, and how far each is.

    Example: `learnflow generations list`
    """
    found = operate(data_dir, inventory)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    table = Table(box=None, header_style="bold")
    for name in ("generation", "state", "fold version"):
        table.add_column(name)
    for name in ("behind", *OUTCOMES):
        table.add_column(name, justify="right")
    for one in found:
        figures = (one.behind, one.applied, one.duplicate, one.parked, one.missing)
        table.add_row(
            str(one.generation), one.state, one.fold, *("-" if figure is None else f"{figure:,}" for figure in figures)
        )
    output.print(table)
    for one in found:
        if one.note:
            output.print(one.note, markup=False)


@commands.command("activate")
def activate_generation(  # noqa: PLR0913 - the options of a command
    generation: Number,
    *,
    workers: Workers = 2,
    batch: Batch = 2000,
    memory: Memory = 1024,
    accept_parked: AcceptParked = False,
    follow: Follow = True,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a generation serve that is kept: it is brought to the end of the log first, then switched to.

    That is how to go back after a replay. A generation of another fold version needs the program that folds it.

    Example: `learnflow generations activate 1`
    """
    settings = operator_settings(data_dir)
    options = ReplayOptions(
        workers=workers, batch=batch, memory_mib=memory, verify=False, accept_parked=accept_parked, follow=follow
    )
    check_memory(options)
    outcome = observed(
        lambda observer: activate(settings, options, observer, generation),
        f"`learnflow generations activate {generation}` goes on",
    )
    if outcome is not None:
        report(outcome, as_json=as_json)
    elif as_json:
        print_json({"generation": generation, "switched": False})
    else:
        output.print(f"Generation {generation} serves already.", markup=False)


@commands.command("prune")
def prune_generation(generation: Number, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Throw a generation away that is neither serving nor being built. Can be repeated when it was interrupted.

    Its documents are found by reading the log, so it takes a while.

    Example: `learnflow generations prune 1`
    """
    with progress_of_log() as progress:

        async def throw_away(ports: ToolPorts) -> PruneReport:
            await abandon(ports.state_reader, ports.state_writer, generation)
            return await prune(ports.log_reader, ports.state_reader, ports.state_writer, generation, progress=progress)

        found = operate(data_dir, throw_away, interrupted="stopped; run it again to go on")
    if as_json:
        print_json(asdict(found))
    else:
        output.print(f"Generation {generation} is gone: {found.deleted:,} documents.", markup=False)
