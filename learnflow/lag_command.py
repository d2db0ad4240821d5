"""`learnflow lag`: how far the documents are behind the log, asked of both of them."""

import asyncio
import json
import math
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from learnflow.metrics import exposition
from learnflow.operating import AsJson, DataDir, operate, print_json
from learnflow.sidecar import ToolPorts
from learnflow.terminal import output
from projector.lag import measure
from projector.lag_judging import LagReport, Look, PartitionLag, PartitionState, TroubleKind, judge
from read_models.documents import OUTCOMES

BAD: Final = 1
"""The status where somebody has to do something about the documents, or the lag is more than was allowed."""
UNREADABLE: Final = 2
"""The status where log or documents can't be read, so that nobody knows."""
SOURCE_SECONDS: Final = 10.0
"""How long documents and log may each take: a command begins without connections."""
_SOUND: Final = frozenset({PartitionState.CURRENT, PartitionState.LAGGING})
_COLOURS: Final = {PartitionState.CURRENT: "green", PartitionState.LAGGING: "yellow"}

Generation = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Look at this one, such as one that is built.", show_default="the active"),
]
Interval = Annotated[
    float,
    typer.Option(
        min=0.1, max=3600, metavar="SECONDS", help="Between two looks; where nothing is behind, one is enough."
    ),
]
MaxSeconds = Annotated[
    float | None, typer.Option(min=0, metavar="N", help="End with status 1 if any record has waited longer.")
]
Watch = Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")]
AsMetrics = Annotated[bool, typer.Option("--metrics", help="Print metrics for Prometheus instead of text.")]


def lag(
    *,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    generation: Generation = None,
    interval: Interval = 2.0,
    max_seconds: MaxSeconds = None,
    watch: Watch = False,
    metrics: AsMetrics = False,
) -> None:
    """Say how far the documents are behind the log, by partition, in events and in seconds.

    Asks the log for its ends and the documents for their checkpoints, so a projector that is dead can't look healthy.
    Where something is behind it looks twice: what stands still is *stuck*, the rest *lagging*. docs/lag.md says what
    each state means and what to do.

    Exit status: 0 current, or lagging within `--max-seconds`; 1 if a partition is in any other state or over it; 2 if
    log or documents can't be read.

    Examples: `learnflow lag`

    `learnflow lag --max-seconds 60 || page-somebody`

    `learnflow lag --generation 2 --watch --interval 10`

    `learnflow lag --metrics > lag.prom.new; mv lag.prom.new lag.prom`
    """
    if metrics and (as_json or watch):
        raise typer.BadParameter("--metrics goes with neither --json nor --watch")

    async def step(ports: ToolPorts) -> LagReport:
        if watch:
            await _watch(ports, generation, interval, as_json=as_json)
        return await _two_looks(ports, generation, interval)

    report = operate(data_dir, step, unreadable=UNREADABLE)
    if metrics:
        sys.stdout.write(exposition(report)[0].decode())
    elif as_json:
        print_json(as_document(report))
    else:
        output.print(_picture(report, interval))
    raise typer.Exit(exit_status(report, max_seconds))


def exit_status(report: LagReport, max_seconds: float | None = None) -> int:
    """The status that a report ends the program with: see `lag`."""
    if report.has(TroubleKind.LOG_UNREADABLE, TroubleKind.DOCUMENTS_UNREADABLE):
        return UNREADABLE
    late = max_seconds is not None and (report.seconds or 0.0) > max_seconds
    return BAD if late or report.troubles or any(part.state not in _SOUND for part in report.partitions) else 0


def as_document(report: LagReport) -> dict[str, Any]:
    """A report as one JSON document; what is not known is null, never 0."""
    return {
        "generation": report.generation,
        "active_generation": report.active,
        "building_generation": report.building,
        "troubles": [{"kind": trouble.kind.value, "detail": trouble.detail} for trouble in report.troubles],
        "partitions": [_partition_document(part) for part in report.partitions],
        "lag_events": report.events,
        "lag_seconds": report.seconds,
        "folded_per_second": report.folded_per_second,
        "seconds_until_current": report.seconds_until_current,
    }


def _partition_document(part: PartitionLag) -> dict[str, Any]:
    accounts = part.accounts
    return {
        "partition": part.partition,
        "state": part.state.value,
        "log_end_offset": part.end,
        "checkpoint_offset": None if accounts is None else accounts.checkpoint,
        "lag_events": part.events,
        "lag_seconds": part.seconds,
        "offsets": None if accounts is None else {outcome: getattr(accounts, outcome) for outcome in OUTCOMES},
    }


async def _look(ports: ToolPorts, generation: int | None) -> Look:
    return await measure(
        ports.log_reader,
        ports.state_reader,
        generation=generation,
        compare_seals=True,
        source_seconds=SOURCE_SECONDS,
    )


async def _two_looks(ports: ToolPorts, generation: int | None, interval: float) -> LagReport:
    """Look, and once more where only a second look can tell lagging from stuck."""
    first = await _look(ports, generation)
    report = judge(None, first)
    if all(part.state is not PartitionState.LAGGING for part in report.partitions):
        return report
    await asyncio.sleep(interval)
    return judge(first, await _look(ports, generation))


async def _watch(ports: ToolPorts, generation: int | None, interval: float, *, as_json: bool) -> None:
    """Show one look after another: a table that is drawn anew on a terminal, and elsewhere a line each."""
    if as_json or not output.is_terminal:
        async for report in _reports(ports, generation, interval):
            sys.stdout.write(f"{json.dumps(as_document(report)) if as_json else _summary(report).plain}\n")
            sys.stdout.flush()
    else:
        with Live(console=Console(highlight=False, emoji=False), auto_refresh=False) as live:
            async for report in _reports(ports, generation, interval):
                live.update(_picture(report, interval), refresh=True)


async def _reports(ports: ToolPorts, generation: int | None, interval: float) -> AsyncIterator[LagReport]:
    before: Look | None = None
    while True:
        now = await _look(ports, generation)
        yield judge(before, now)
        before = now
        await asyncio.sleep(interval)


def _picture(report: LagReport, interval: float) -> RenderableType:
    lines: list[RenderableType] = [
        Text(f"{trouble.kind.value}: {trouble.detail}", style="red") for trouble in report.troubles
    ]
    if report.partitions:
        lines.append(_table(report))
    lines.append(_summary(report))
    if any(part.state is PartitionState.STUCK for part in report.partitions):
        lines.append(Text(f"stuck: nothing was folded within {interval:g} s, and what waits is old", style="red"))
    return Group(*lines)


def _table(report: LagReport) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("partition", justify="right")
    table.add_column("state")
    for title in ("checkpoint", "log end", "events behind", "seconds behind"):
        table.add_column(title, justify="right")
    for part in report.partitions:
        table.add_row(
            str(part.partition),
            Text(part.state.value, style=_COLOURS.get(part.state, "red")),
            _number(None if part.accounts is None else part.accounts.checkpoint),
            _number(part.end),
            _number(part.events),
            _number(part.seconds),
        )
    return table


def _summary(report: LagReport) -> Text:
    """One line about the whole."""
    if not report.partitions:
        return Text("nothing is known of any partition")
    said = [
        "no generation" if report.generation is None else f"generation {report.generation}",
        _states(report),
        f"{_number(report.events)} events behind",
        f"{_number(report.seconds)} s behind",
    ]
    if report.building is not None and report.building != report.generation:
        said.append(f"generation {report.building} is being built")
    if report.folded_per_second is not None:
        said.append(f"{_number(report.folded_per_second)} events/s folded")
    if report.seconds_until_current:
        said.append(f"current in about {math.ceil(report.seconds_until_current):,} s")
    elif report.folded_per_second is not None and report.events:
        said.append("not getting less")
    return Text(", ".join(said))


def _states(report: LagReport) -> str:
    states = [part.state for part in report.partitions]
    return ", ".join(f"{states.count(state)} {state.value}" for state in PartitionState if state in states)


def _number(value: float | None) -> str:
    """A figure for people; `?` where it is not known."""
    if value is None:
        return "?"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
