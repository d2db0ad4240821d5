"""`learnflow replay`: every projection built anew while the services go on."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

import typer

from learnflow.operating import AsJson, DataDir, acceptance_of, operator_settings, print_json, run_to_end
from learnflow.replaying.helping import ShareOutcome, help_build
from learnflow.replaying.options import Begin, Observer, ReplayOptions
from learnflow.replaying.outcomes import DifferencesFound, FinishedBefore, Outcome
from learnflow.replaying.replay import plan, replay
from learnflow.replaying.reporting import describe, reporter
from learnflow.terminal import errors, output
from learnflow.verify_report import comparison_lines
from projector.replay.shares import NotAShare, Share
from projector.verification.findings import Comparison

T = TypeVar("T")

Workers = Annotated[int, typer.Option(min=1, max=64, help="Processes that fold, each on partitions of its own.")]
Batch = Annotated[int, typer.Option(min=1, max=100_000, help="Records read from the log at once.")]
Memory = Annotated[int, typer.Option(min=64, metavar="MIB", help="What all workers together may take, about.")]
AcceptParked = Annotated[
    bool,
    typer.Option("--accept-parked", help="Let it take over although it has parked what was retried elsewhere."),
]
Follow = Annotated[
    bool,
    typer.Option(help="Where the fold version changes: fold on until projectors of the new version do."),
]


def _share(text: str) -> Share:
    try:
        return Share.parse(text)
    except NotAShare as none:
        raise typer.BadParameter(str(none)) from none


def replay_command(  # noqa: PLR0913 - the options of a command
    *,
    workers: Workers = 2,
    batch: Batch = 2000,
    memory: Memory = 1024,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a replay that was left unfinished.")] = False,
    resume_or_begin: Annotated[
        bool, typer.Option("--resume-or-begin", help="The same, or begin one where there is none: for a Job.")
    ] = False,
    share: Annotated[
        Share | None,
        typer.Option(
            parser=_share,
            metavar="I/N",
            help="Build partitions I, I+N, ... only; 0/N leads. Run all N, each anywhere: for an Indexed Job.",
        ),
    ] = None,
    job: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Names one replay for all its shares and restarts: helps no other, and is not begun twice.",
            show_default=False,
        ),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    switch: Annotated[bool, typer.Option(help="Let the new generation serve in the end.")] = True,
    verify: Annotated[bool, typer.Option(help="Compare it with the one that serves, before.")] = True,
    accept_differences: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Differences that are as they should be; may come several times."),
    ] = None,
    accept_parked: AcceptParked = False,
    follow: Follow = True,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Build every projection anew from the log while the services go on, compare, and switch.

    What serves now goes on serving until the new generation has all that it has; the switch is one transaction. The old
    generation is kept: `learnflow generations activate` goes back to it. Ctrl-C or a crash at any moment harms nothing:
    `learnflow replay --resume` goes on.

    Examples:
    - `learnflow replay` builds, compares, switches

    - `learnflow replay --dry-run` says what there is to do

    - `learnflow replay --workers 4 --memory 4096` on a larger machine

    - `learnflow replay --accept-differences 'learner:days.*'` where a new fold changes just that

    - `learnflow replay --share 0/2 --resume-or-begin` and `learnflow replay --share 1/2` on two machines
    """
    settings = operator_settings(data_dir)
    if dry_run:
        found = run_to_end(lambda: plan(settings), interrupted=lambda: "stopped; nothing was done")
        if as_json:
            print_json(asdict(found))
        else:
            output.print(f"{describe(found)} Nothing was done.{_would_build(share, found.partitions)}", markup=False)
        return
    options = ReplayOptions(
        workers=workers,
        batch=batch,
        memory_mib=memory,
        begin=Begin.RESUMED_OR_ANEW if resume_or_begin else Begin.RESUMED if resume else Begin.ANEW,
        switch=switch,
        verify=verify,
        acceptance=acceptance_of(accept_differences or ()),
        accept_parked=accept_parked,
        follow=follow,
        share=share,
        job=job,
    )
    check_memory(options)
    of_share = f" --share {share}" if share else ""
    if share is not None and not share.leads:
        built = observed(
            lambda observer: help_build(settings, options, share, observer),
            f"`learnflow replay{of_share}` goes on with what was built",
        )
        _report_share(built, as_json=as_json)
        return
    outcome = observed(
        lambda observer: replay(settings, options, observer),
        f"`learnflow replay --resume{of_share}` goes on with what was built",
    )
    if isinstance(outcome, FinishedBefore):
        _report_finished(outcome, as_json=as_json)
        return
    report(outcome, as_json=as_json)


def check_memory(options: ReplayOptions) -> None:
    """Say so where so many workers can only crawl in so little memory, and take more than that."""
    if options.memory_mib < options.least_memory_mib:
        errors.print(
            f"{options.workers} workers take {options.least_memory_mib} MiB at least, and --memory gives"
            f" {options.memory_mib}: they will write little at a time, and be slow",
            markup=False,
        )


def observed(work: Callable[[Observer], Awaitable[T]], way_on: str) -> T:
    """Do some work that shows its progress on stderr; ends the program with one line where it can't be done.

    Args:
        work: is given whom to tell.
        way_on: what to say after Ctrl-C, as long as it has not switched.
    """
    shown = reporter()

    async def run() -> T:
        try:
            return await work(shown)
        finally:
            shown.close()

    async def run_and_tell() -> T:
        try:
            return await run()
        except DifferencesFound as differ:
            for line in comparison_lines(differ.comparison):
                errors.print(line, markup=False)
            raise

    def interrupted() -> str:
        if shown.current == "following":
            return (
                "stopped; the new generation serves; `learnflow replay --resume` goes on folding it until projectors do"
            )
        return f"stopped; {way_on}"

    # What is away is told by `waiting`; the clients' own warnings would say it once more for each call.
    logging.basicConfig(level=logging.ERROR)
    return run_to_end(run_and_tell, interrupted=interrupted)


def _would_build(share: Share | None, total: int) -> str:
    return "" if share is None else f" Share {share} of it: {_named(share.partitions(total))}."


def _named(partitions: Sequence[int]) -> str:
    if not partitions:
        return "no partition, there are fewer than shares"
    return f"partition{'' if len(partitions) == 1 else 's'} {', '.join(map(str, partitions))}"


def _report_share(outcome: ShareOutcome, *, as_json: bool) -> None:
    if as_json:
        print_json({**asdict(outcome), "share": str(outcome.share), "seconds": round(outcome.seconds, 3)})
        return
    output.print(
        f"Share {outcome.share} of generation {outcome.generation} is built ({_named(outcome.partitions)}):"
        f" {outcome.positions:,} positions in {outcome.seconds:,.1f} s. Share 0/{outcome.share.count} does the rest.",
        markup=False,
    )


def _report_finished(outcome: FinishedBefore, *, as_json: bool) -> None:
    if as_json:
        print_json({"job": outcome.job, "finished_before": True, "active": outcome.active})
        return
    output.print(
        f"The replay of job {outcome.job} has come to its end before: nothing is begun. Generation {outcome.active}"
        " serves. Another replay needs another name.",
        markup=False,
    )


def report(outcome: Outcome, *, as_json: bool) -> None:
    """Print what a replay came to."""
    if as_json:
        print_json(summary(outcome))
        return
    plan, accounts = outcome.plan, outcome.accounts
    rate = (plan.positions - plan.done) / outcome.seconds if outcome.seconds else 0
    output.print(
        f"Built in {outcome.seconds:,.1f} s ({rate:,.0f} positions/s): {accounts['applied']:,} events applied,"
        f" {accounts['duplicate']:,} duplicates, {accounts['parked']:,} parked, {accounts['missing']:,} missing.",
        markup=False,
    )
    if outcome.comparison is not None:
        output.print(_compared(outcome.comparison, plan.active), markup=False)
    if outcome.switched:
        output.print(
            f"Generation {plan.generation} serves. Generation {plan.active} is kept: `learnflow generations activate"
            f" {plan.active}` goes back to it, `learnflow generations prune {plan.active}` throws it away.",
            markup=False,
        )
    else:
        output.print(
            f"Generation {plan.generation} is kept beside generation {plan.active}, which goes on serving:"
            f" `learnflow generations activate {plan.generation}` lets it serve.",
            markup=False,
        )


def summary(outcome: Outcome) -> dict[str, Any]:
    """What a replay came to, as JSON has it."""
    comparison = outcome.comparison
    return {
        **asdict(outcome.plan),
        **outcome.accounts,
        "seconds": round(outcome.seconds, 3),
        "switched": outcome.switched,
        "compared": None if comparison is None else comparison.documents,
        "differing_as_accepted": None if comparison is None else comparison.accepted,
        "unsettled": None if comparison is None else comparison.unsettled,
    }


def _compared(comparison: Comparison, other: int) -> str:
    found = f"Compared {comparison.documents:,} documents with generation {other}: "
    if comparison.accepted:
        found += f"{comparison.accepted:,} differ as was accepted, the others are the same"
    else:
        found += "all the same"
    late = f", but for {comparison.unsettled:,} that traffic kept changing" if comparison.unsettled else ""
    return f"{found}{late}."
