"""The `learnflow` command."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from curriculum.errors import PackFaults
from learnflow import contracts, generations_commands, log_commands, packs_command, parked_commands
from learnflow.demo import demo
from learnflow.importing.command import import_history
from learnflow.lag_command import lag
from learnflow.operating import settings_from
from learnflow.replay_command import replay_command
from learnflow.services import Service
from learnflow.serving import CannotListen, configure_logging, serve
from learnflow.settings import Settings, SidecarKind
from learnflow.terminal import fail, output
from learnflow.verify_command import verify
from sidecar.errors import SidecarError

main = typer.Typer(
    name="learnflow",
    help="Event-sourced lessons and progress: serve, import history, look after the log and its projections.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
main.add_typer(contracts.commands, name="contracts")
main.add_typer(log_commands.commands, name="log")
main.add_typer(generations_commands.commands, name="generations")
main.add_typer(parked_commands.commands, name="parked")
main.add_typer(packs_command.commands, name="packs")
main.command("replay")(replay_command)
main.command("verify")(verify)
main.command("lag")(lag)
main.command("import")(import_history)
main.command("demo")(demo)


@main.callback(invoke_without_command=True)
def root(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and end.", is_eager=True)] = False,
) -> None:
    """Run before every command."""
    if show_version:
        output.print(f"learnflow {version('learnflow')}")
        raise typer.Exit


@main.command()
def up(
    port: Annotated[int | None, typer.Option(help="To listen on; 0 takes a free one.", show_default="8000")] = None,
    host: Annotated[str | None, typer.Option(help="To listen on.", show_default="127.0.0.1")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where log and projections are kept.", show_default="data")
    ] = None,
) -> None:
    """Serve everything in one process, over one durable file: course-agent, user-progress and projector.

    Settings not given here come from LEARNFLOW_PORT, LEARNFLOW_HOST, LEARNFLOW_DATA_DIR and the like.

    Example: `learnflow up --port 8000 --data-dir data`
    """
    given = {"port": port, "host": host, "data_dir": data_dir, "sidecar": SidecarKind.EMBEDDED}
    settings = settings_from({name: value for name, value in given.items() if value is not None})
    configure_logging(settings)
    try:
        serve(list(Service), settings, lambda url: _welcome(url, settings))
    except (CannotListen, SidecarError, PackFaults) as error:
        fail(str(error))


def _welcome(url: str, settings: Settings) -> None:
    output.print(
        f"LearnFlow serves on {url} (API description: {url}/docs). Data in {settings.data_dir}. Ctrl-C ends it."
    )
