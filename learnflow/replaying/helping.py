"""A share of a replay that does not lead: it builds its partitions of the generation that share 0 has begun."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from learnflow.replaying.crew import build
from learnflow.replaying.messages import Assignment, Waiting
from learnflow.replaying.options import Observer, ReplayOptions
from learnflow.replaying.troubles import Troubles
from learnflow.replaying.worker import Job
from learnflow.settings import Settings
from learnflow.sidecar import ToolPorts, open_tool
from projector.errors import ProjectorError, RunReplaced
from projector.generations import check_accounts, read_control
from projector.replay.builder import Progress
from projector.replay.patience import patiently
from projector.replay.runs import Run
from projector.replay.shares import OtherShares, Share, check_ends, lacking, run_to_help
from projector.replay.switching import checkpoints

LOOK_SECONDS: Final = 1.0
"""How often a share looks for what it waits for."""

T = TypeVar("T")


class ShareAbandoned(ProjectorError):
    """The generation was given up before the share was built.

    Attributes:
        generation: that was.
        share: of it.
    """

    def __init__(self, generation: int, share: Share) -> None:
        super().__init__(
            f"generation {generation} was given up before share {share} of it was built:"
            f" `learnflow replay --share {share}` helps with the next one"
        )
        self.generation = generation
        self.share = share


@dataclass(frozen=True, slots=True)
class ShareOutcome:
    """What building a share came to.

    Attributes:
        share: that is built.
        generation: of which.
        partitions: that belong to the share.
        positions: of the log that were accounted for meanwhile, whoever did it.
        seconds: that it took, without waiting for a generation.
    """

    share: Share
    generation: int
    partitions: tuple[int, ...]
    positions: int
    seconds: float


async def help_build(settings: Settings, options: ReplayOptions, share: Share, observer: Observer) -> ShareOutcome:
    """Wait until a generation is being built, and build a share of it, as far as the log went when it was begun.

    It needs nobody to be right: whoever resumes the generation is joined, another process with the same share does no
    harm, and it may be cancelled or killed at any moment. Given the name of a job it joins only runs of that name.

    Raises:
        OtherShares: the run counts on another number of shares.
        EndGone: the log ends before where it ended when the generation was begun.
        ShareAbandoned: the generation was given up, and the share is not built.
        BuildFailed: a partition can't be built.
        ProjectorError: log and documents do not fit.
        SidecarError: log or state store hold what can't be read.
    """
    async with open_tool(settings) as ports:
        return await _Helper(settings, options, share, observer, ports).carry_out()


class _Helper:
    def __init__(
        self, settings: Settings, options: ReplayOptions, share: Share, observer: Observer, ports: ToolPorts
    ) -> None:
        self._settings = settings
        self._options = options
        self._share = share
        self._observer = observer
        self._log = ports.log_reader
        self._reader = ports.state_reader
        self._positions: dict[int, int] = {}
        self._of = 0
        self._troubles = Troubles(observer)

    async def carry_out(self) -> ShareOutcome:
        run = await self._first_run()
        mine = self._share.partitions(len(run.ends))
        self._of = sum(run.ends[number] for number in mine)
        self._observer.phase(f"building share {self._share} of generation {run.generation}")
        begun, before = time.monotonic(), None
        while left := await self._left(run):
            before = sum(self._positions.values()) if before is None else before
            run = await self._build(run, left)
        return ShareOutcome(
            share=self._share,
            generation=run.generation,
            partitions=tuple(mine),
            positions=0 if before is None else sum(self._positions.values()) - before,
            seconds=time.monotonic() - begun,
        )

    async def _first_run(self) -> Run:
        while isinstance(found := await self._run_to_help(), str):
            if not self._troubles:
                self._observer.phase("waiting")
            await self._wait_for_lead(found)
        return await self._joined(found)

    async def _run_to_help(self) -> Run | str:
        return await self._patiently(lambda: run_to_help(self._reader, self._options.job))

    async def _wait_for_lead(self, what: str) -> None:
        self._troubles.note("lead", f"share 0/{self._share.count}, {what}")
        await asyncio.sleep(LOOK_SECONDS)

    async def _joined(self, run: Run) -> Run:
        """Check what whoever takes a run over checks: what is written here would hide it from whoever leads."""
        self._troubles.note("lead", None)
        if run.shares not in (0, self._share.count):
            raise OtherShares(run.generation, self._share, run.shares)
        control = await self._patiently(lambda: read_control(self._reader))
        await self._patiently(lambda: check_accounts(self._log, self._reader, control, run.generation))
        check_ends(run, await self._patiently(self._log.bounds))
        return run

    async def _left(self, run: Run) -> dict[int, int]:
        """Look how far the share is; by partition that is not built yet up to where it has to be."""
        reached = await self._patiently(lambda: checkpoints(self._reader, run.generation))
        # No further than to where it is built here: who catches up in the end is not credited to this share.
        self._positions = {
            number: min(reached.get(number, -1) + 1, run.ends[number])
            for number in self._share.partitions(len(run.ends))
        }
        self._show()
        return {number: end for number, end in lacking(run, reached).items() if self._share.has(number)}

    async def _build(self, run: Run, left: dict[int, int]) -> Run:
        """Build what is left, or as much of it as the run does not change; returns the run to go on with."""
        job = Job(self._settings, run.generation, run.identity, self._options.limits(self._settings.message_bytes))
        # The longest first: what begins last should not take longest.
        ordered = sorted(left, key=lambda number: self._positions[number] - left[number])
        assignments = [Assignment(number, left[number]) for number in ordered]
        try:
            await build(
                job,
                assignments,
                self._options.workers,
                self._progress,
                self._waiting,
                way_on=f"learnflow replay --share {self._share}",
            )
        except RunReplaced:
            return await self._next_run(run)
        return run

    async def _next_run(self, run: Run) -> Run:
        """The run that builds the generation by now; the same where the share turns out to be built."""
        while True:
            control = await self._patiently(lambda: read_control(self._reader))
            following = await self._run_to_help()
            if isinstance(following, Run) and following.generation == run.generation:
                return await self._joined(following)
            if control.active == run.generation or not await self._left(run):
                self._troubles.note("lead", None)
                return run
            if control.building is None or control.building.generation != run.generation:
                raise ShareAbandoned(run.generation, self._share)
            # It is being taken over, or another job's by now.
            await self._wait_for_lead(following if isinstance(following, str) else "which goes on with the generation")

    def _progress(self, progress: Progress) -> None:
        self._positions[progress.partition] = progress.position
        self._show()

    def _show(self) -> None:
        self._observer.scanned(sum(self._positions.values()), self._of)

    def _waiting(self, waiting: Waiting) -> None:
        self._troubles.note(waiting.partition, waiting.trouble)

    def _told(self, trouble: str | None) -> None:
        self._troubles.note(None, trouble)

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        return await patiently(step, self._told)
