"""`learnflow parked`: what could not be folded, why and since when; folded after all, or given up with a reason."""

import getpass
import sys
import time
from collections import Counter
from typing import Annotated

import typer

from events.errors import Reason
from learnflow import parked_text as text
from learnflow.operating import AsJson, DataDir, operate, print_json
from learnflow.sidecar import ToolPorts
from learnflow.terminal import errors, fail, output
from projector.parked.dropping import Dropped, Grounds, drop
from projector.parked.errors import InvalidPosition, NothingParked
from projector.parked.outcomes import Outcome, Retried
from projector.parked.reading import accounts, find_parked, parked_values
from projector.parked.retrying import Retry
from projector.parked.values import LogPosition, ParkedValue, record_of

commands = typer.Typer(
    help="What could not be folded: list it, show it, retry it after a fix, or drop it with a reason.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Positions = Annotated[list[str], typer.Argument(metavar="POSITION", help="PARTITION:OFFSET, as `list` shows it.")]
Generation = Annotated[int | None, typer.Option(min=1, help="Whose parked values.", show_default="the one that serves")]
ForReason = Annotated[Reason | None, typer.Option("--reason", help="Only what is parked for this reason.")]


@commands.command("list")
def list_parked(
    generation: Generation = None,
    dropped_too: Annotated[bool, typer.Option("--all", help="Also what was dropped, by whom and why.")] = False,
    reason: ForReason = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List what is parked and nobody has dropped, oldest first: where, since when, why; and how much for which reason.

    Example: `learnflow parked list`

    Example: `learnflow parked list --reason unknown-version --json`
    """
    counts: Counter[str] = Counter()

    async def step(sidecar: ToolPorts) -> None:
        number, _ = await accounts(sidecar.state_reader, generation)
        listing = text.JsonListing(number) if as_json else text.Listing(number, now_ms=_now_ms())
        # Each is printed as it is read: there may be very many.
        async for parked in parked_values(sidecar.state_reader, number):
            if reason is not None and parked.document.reason != reason:
                continue
            if parked.decision is not None:
                counts["dropped"] += 1
                if not dropped_too:
                    continue
            else:
                counts[parked.document.reason] += 1
            _say(listing.entry(parked))
        dropped = counts.pop("dropped", 0)
        _say(listing.end(counts, dropped))

    operate(data_dir, step)


@commands.command("show")
def show_parked(
    position: Annotated[str, typer.Argument(metavar="POSITION", help="PARTITION:OFFSET, as `list` shows it.")],
    raw: Annotated[bool, typer.Option("--raw", help="Write the exact bytes of the value and nothing else.")] = False,
    generation: Generation = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show a parked value in full: all that is known of it, and the value as text, or in hexadecimal where it is none.

    What would steer a terminal is shown as an escape; `--raw` writes it as it is.

    Example: `learnflow parked show 3:1207`

    Example: `learnflow parked show 3:1207 --raw > value.json`
    """
    if raw and as_json:
        fail("--raw and --json exclude each other")
    wanted = _position(position)

    async def step(sidecar: ToolPorts) -> tuple[ParkedValue, bytes]:
        parked = await find_parked(sidecar.state_reader, wanted, generation)
        return parked, (await record_of(sidecar.log_reader, parked.document)).value

    parked, value = operate(data_dir, step)
    if raw:
        sys.stdout.buffer.write(value)
    elif as_json:
        print_json({"generation": parked.generation, **text.as_json(parked), **text.value_as_json(value)})
    else:
        _say(text.in_full(parked, value, now_ms=_now_ms()))


@commands.command("retry")
def retry_parked(
    positions: Annotated[
        list[str] | None, typer.Argument(metavar="POSITION", help="PARTITION:OFFSET, as `list` shows it.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is parked, but for what was dropped.")] = False,
    reason: ForReason = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Fold parked values after a fix, in place and while everything runs; status 1 if one still can't be folded.

    What this version can read is in the figures at once, and counts once, however often it is retried. A value that was
    dropped is folded where it is named; the decision is removed then.

    Example: `learnflow parked retry 3:1207`

    Example: `learnflow parked retry --reason unknown-version`
    """
    named = sorted({_position(one) for one in positions or []})
    if bool(named) == (everything or reason is not None):
        fail("name the positions to retry, or say --all or --reason REASON")

    async def step(sidecar: ToolPorts) -> dict[LogPosition, Retried]:
        retry = Retry(log=sidecar.log_reader, reader=sidecar.state_reader, writer=sidecar.state_writer)
        results = retry.named(named) if named else retry.everything(None if reason is None else reason.value)
        found: dict[LogPosition, Retried] = {}
        async for result in results:
            found[result.position] = result
            if not as_json:
                _say(text.retried(result))
        return found

    found = operate(data_dir, step)
    outcomes = Counter(result.outcome.value for result in found.values())
    if as_json:
        print_json({"retried": [text.retried_as_json(one) for one in found.values()], "outcomes": dict(outcomes)})
    else:
        _say(text.retry_summary(outcomes))
    if outcomes[Outcome.STILL_PARKED] or outcomes[Outcome.NOT_PARKED]:
        raise typer.Exit(1)


@commands.command("drop")
def drop_parked(
    positions: Positions,
    reason: Annotated[str, typer.Option(help="Why nobody needs it; kept for good, for everybody to read.")],
    by: Annotated[str | None, typer.Option(help="Who decides.", show_default="the user of this process")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Give up parked values, with a reason: `list` shows them no more, in this generation or any later one.

    Nothing is deleted: `list --all` has them with the reason, and `retry POSITION` takes the decision back.

    Example: `learnflow parked drop 3:1207 --reason "a probe of the load test, no learner's"`
    """
    if not reason.strip():
        fail("--reason is empty: say why nobody needs it")
    wanted = sorted({_position(one) for one in positions})
    grounds = Grounds(reason.strip(), by or _user(), _now_ms())

    async def step(sidecar: ToolPorts) -> tuple[list[Dropped], list[NothingParked]]:
        dropped: list[Dropped] = []
        missing: list[NothingParked] = []
        for position in wanted:
            try:
                one = await drop(position, grounds, reader=sidecar.state_reader, writer=sidecar.state_writer)
            except NothingParked as nothing:
                missing.append(nothing)
                continue
            dropped.append(one)
            if not as_json:
                _say(text.dropped(one))
        return dropped, missing

    dropped, missing = operate(data_dir, step)
    if as_json:
        print_json({"dropped": [text.dropped_as_json(one) for one in dropped]})
    for nothing in missing:
        errors.print(f"learnflow: {nothing}", style="red", markup=False)
    if missing:
        raise typer.Exit(1)


def _say(lines: str) -> None:
    if lines:
        output.print(lines, markup=False)


def _position(written: str) -> LogPosition:
    try:
        return LogPosition.parse(written)
    except InvalidPosition as invalid:
        fail(text.visible(str(invalid)))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        fail("who decides? this process has no user: say --by NAME")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
