"""A replay from beginning to end: build beside the generation that serves, compare, switch, follow."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Final, TypeVar

from learnflow.replaying.beside import beside
from learnflow.replaying.crew import build
from learnflow.replaying.heart import Heart
from learnflow.replaying.messages import Assignment, Waiting
from learnflow.replaying.options import Begin, Observer, ReplayOptions, ReplayPlan
from learnflow.replaying.outcomes import DifferencesFound, FinishedBefore, Outcome, Unsound
from learnflow.replaying.troubles import Troubles
from learnflow.replaying.worker import Job
from learnflow.settings import Settings
from learnflow.sidecar import ToolPorts, open_tool
from projector.errors import NothingToResume
from projector.fold import FOLD_VERSION
from projector.generations import accounts_of, check_log, check_whole, read_control
from projector.replay.builder import Progress
from projector.replay.patience import patiently
from projector.replay.runs import (
    Run,
    Runner,
    begin,
    give_up,
    has_finished,
    next_number,
    partition_keys,
    refuse_second,
    reopen,
    resume,
)
from projector.replay.shares import Share, check_ends, lacking
from projector.replay.switching import checkpoints
from projector.replay.takeover import Follower
from projector.verification.audit import audit
from projector.verification.compare import CompareOptions, compare_generations
from projector.verification.findings import Comparison
from read_models.control import ControlDocument
from read_models.documents import OUTCOMES
from sidecar.errors import StateConflict
from sidecar.records import PartitionBounds

NEAR_POSITIONS: Final = 20_000
"""So few are left to one process; more are given to the workers once more."""

SHARES_SECONDS: Final = 1.0
"""How often it is looked how far other shares are."""

TAKEOVERS: Final = 5
"""Taking over a generation may lose a race against the shares that go on building it."""

ROUNDS_BEFORE_QUIET: Final = 2
"""So many times documents are compared again that traffic has changed, before it is asked for quiet."""

T = TypeVar("T")


async def plan(settings: Settings) -> ReplayPlan:
    """What a replay would do now. Nothing is written.

    Raises:
        ReplayUnderWay: another one builds a generation, or was left unfinished.
        ProjectorError: log and documents do not fit, or the log has lost its beginning.
        SidecarError: log or state store do not answer.
    """
    async with open_tool(settings) as ports:
        control = await read_control(ports.state_reader)
        await refuse_second(ports.state_reader, control)
        check_log(control, await ports.log_reader.identity())
        bounds = await ports.log_reader.bounds()
        check_whole(bounds)
        return _planned(control, bounds, next_number(control), control.active, done=0)


async def replay(settings: Settings, options: ReplayOptions, observer: Observer) -> Outcome | FinishedBefore:
    """Build the next generation from the log while the active one serves, and let it take over.

    Log and state store may be away for a while meanwhile. It may be cancelled or killed at any moment: what serves is
    complete, and what was built can be resumed. Where it is a share, others build theirs by
    `learnflow.replaying.helping`, and are waited for. Asked to resume or to begin under the name of a job that has come
    to its end, it does nothing: a process that is started again just after the switch must not begin anew.

    Raises:
        ReplayUnderWay: another replay builds a generation, or was left unfinished.
        NothingToResume: asked to resume, and there is nothing.
        DifferencesFound: the generations differ in what was not to be accepted; the new one is kept.
        BuildFailed: a partition can't be built.
        ProjectorError: log and documents do not fit, or the log has lost its beginning.
        SidecarError: log or state store do not answer at the beginning, or hold what can't be read.
        ValueError: the share is one that does not lead.
    """
    if options.share is not None and not options.share.leads:
        raise ValueError(f"share {options.share} does not lead: it helps to build")
    async with open_tool(settings) as ports:
        if options.begin is Begin.RESUMED_OR_ANEW:
            active = await has_finished(ports.state_reader, options.job)
            if active is not None:
                return FinishedBefore(options.job, active)
        run = await _start(options, ports)
        return await _Replay(settings, options, observer, ports, run).carry_out()


async def activate(settings: Settings, options: ReplayOptions, observer: Observer, generation: int) -> Outcome | None:
    """Bring a generation that exists to the end of the log and let it serve; `None` if it does already.

    Raises:
        UnknownGeneration: there is none of this number.
        ForeignFold: it is of another fold version than this program's.
        ProjectorError, SidecarError: as for `replay`.
    """
    async with open_tool(settings) as ports:
        control = await read_control(ports.state_reader)
        if control.active == generation:
            return None
        run = await reopen(ports.log_reader, ports.state_reader, ports.state_writer, Runner.here(), generation)
        return await _Replay(settings, options, observer, ports, run).carry_out()


async def _start(options: ReplayOptions, ports: ToolPorts) -> Run:
    runner = Runner.here(shares=options.share.count if options.share else 0, job=options.job)
    given = ports.log_reader, ports.state_reader, ports.state_writer, runner
    if options.begin is Begin.ANEW:
        return await begin(*given)
    for attempt in count(1):
        try:
            return await resume(*given)
        except NothingToResume:
            if options.begin is Begin.RESUMED:
                raise
            break
        except StateConflict:
            if attempt == TAKEOVERS:
                raise
    return await begin(*given)


def _planned(
    control: ControlDocument, bounds: Mapping[int, PartitionBounds], generation: int, active: int, done: int
) -> ReplayPlan:
    return ReplayPlan(
        generation=generation,
        active=active,
        partitions=len(bounds),
        positions=sum(bound.end - bound.start for bound in bounds.values()),
        done=done,
        fold=FOLD_VERSION,
        active_fold=control.folds.get(str(active), "unknown"),
    )


class _Replay:
    """A run, and all that it takes to carry it out."""

    def __init__(
        self, settings: Settings, options: ReplayOptions, observer: Observer, ports: ToolPorts, run: Run
    ) -> None:
        self._settings = settings
        self._options = options
        self._observer = observer
        self._ports = ports
        self._run = run
        self._heart = Heart(ports.state_reader, ports.state_writer, run)
        self._follower = Follower(ports.log_reader, ports.state_reader, ports.state_writer, run, self._told)
        self._positions: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._troubles = Troubles(observer)

    async def carry_out(self) -> Outcome:
        async with beside(self._heart.beating()):
            try:
                return await self._carry_out()
            finally:
                await self._heart.stop()

    async def _carry_out(self) -> Outcome:
        plan = await self._plan()
        self._observer.begun(plan)
        if self._run.switched:
            await self._follow()
            return Outcome(plan, await self._accounts(), 0.0, switched=True, comparison=None)
        begun = asyncio.get_running_loop().time()
        await self._build()
        seconds = asyncio.get_running_loop().time() - begun
        comparison = await self._compare() if self._options.verify else None
        if self._options.switch:
            await self._build_rest()
            self._observer.phase("switching")
            await self._follower.switch(follow=self._options.follow, accept_parked=self._options.accept_parked)
            if plan.fold != plan.active_fold and self._options.follow:
                await self._follow()
        else:
            given = self._ports.state_reader, self._ports.state_writer, self._run
            await self._patiently(lambda: give_up(*given, finished=True))
        return Outcome(plan, await self._accounts(), seconds, self._options.switch, comparison)

    async def _plan(self) -> ReplayPlan:
        control = await read_control(self._ports.state_reader)
        reached = await checkpoints(self._ports.state_reader, self._run.generation)
        bounds = await self._ports.log_reader.bounds()
        done = sum(checkpoint + 1 - bounds[number].start for number, checkpoint in reached.items())
        return _planned(control, bounds, self._run.generation, self._run.active, done)

    async def _build(self) -> None:
        """Build by worker processes until what is left is little, then bring it to the end."""
        self._observer.phase("building")
        if self._options.share is not None:
            await self._build_share(self._options.share)
        while True:
            left = await self._look()
            self._show()
            if sum(left.values()) <= NEAR_POSITIONS:
                break
            await self._build_to(left)
        await self._follower.begin()
        await self._follower.catch_up()
        end = sum(self._ends.values())
        self._observer.scanned(end, end)

    async def _build_share(self, share: Share) -> None:
        """Build a share, and wait for the others, up to where the log ended when the generation was made.

        What was appended since is built by all workers here: other shares may have ended long ago.

        Raises:
            EndGone: the log ends before that.
        """
        check_ends(self._run, await self._patiently(self._ports.log_reader.bounds))
        while True:
            await self._look()
            self._show()
            left = lacking(self._run, {number: position - 1 for number, position in self._positions.items()})
            await self._patiently(self._check_ours)
            mine = {number: end for number, end in left.items() if share.has(number)}
            self._troubles.note("shares", None if mine or not left else self._others(share, left))
            if mine:
                await self._build_to(
                    {number: end - self._positions.get(number, 0) for number, end in mine.items()}, mine
                )
            elif left:
                await asyncio.sleep(SHARES_SECONDS)
            else:
                return

    def _others(self, share: Share, left: Mapping[int, int]) -> str:
        """Which shares are not built yet, in words."""
        told = []
        for index in sorted({number % share.count for number in left}):
            missing = [number for number in left if number % share.count == index]
            positions = sum(left[number] - self._positions.get(number, 0) for number in missing)
            numbers = f"partition{'' if len(missing) == 1 else 's'} {', '.join(map(str, missing))}"
            told.append(f"share {index}/{share.count} ({numbers}): {positions:,} positions left")
        return "; ".join(told)

    async def _check_ours(self) -> None:
        self._run.target().generation(await read_control(self._ports.state_reader))

    async def _build_rest(self) -> None:
        """Where much was appended while it was compared, workers are quicker than the one that follows."""
        left = await self._look()
        if sum(left.values()) > NEAR_POSITIONS:
            await self._build()

    async def _look(self) -> dict[int, int]:
        """Note how far the generation is, and where the log ends; by partition how many positions lie between."""
        reached = await self._patiently(lambda: checkpoints(self._ports.state_reader, self._run.generation))
        bounds = await self._patiently(self._ports.log_reader.bounds)
        self._positions = {number: checkpoint + 1 for number, checkpoint in reached.items()}
        self._ends = {number: bound.end for number, bound in bounds.items()}
        return {number: self._ends[number] - position for number, position in self._positions.items()}

    async def _build_to(self, left: Mapping[int, int], ends: Mapping[int, int] | None = None) -> None:
        """Have so many positions built of each partition, up to these ends; none given, to the end of the log."""
        ends = self._ends if ends is None else ends
        job = Job(
            self._settings,
            self._run.generation,
            self._run.identity,
            self._options.limits(self._settings.message_bytes),
        )
        # The longest first: what begins last should not take longest.
        ordered = sorted((number for number, size in left.items() if size > 0), key=lambda number: -left[number])
        assignments = [Assignment(number, ends[number]) for number in ordered]
        share = self._options.share
        way_on = "learnflow replay --resume" + (f" --share {share}" if share else "")
        await build(job, assignments, self._options.workers, self._progress, self._waiting, way_on=way_on)

    async def _compare(self) -> Comparison:
        """Compare with the generation that serves, and keep level with it meanwhile."""
        self._observer.phase("comparing")
        log, reader, run = self._ports.log_reader, self._ports.state_reader, self._run
        options = CompareOptions(acceptance=self._options.acceptance, progress=self._observer.scanned)
        rounds = count(1)

        async def draw_level() -> None:
            # What traffic keeps from being comparable is compared in a moment's quiet in the end.
            await self._follower.draw_level(quietly=next(rounds) > ROUNDS_BEFORE_QUIET)

        async with beside(self._follower.keeping_level()):
            audited = await self._patiently(lambda: audit(log, reader, run.generation))
            if not audited.sound:
                raise Unsound(run.generation, audited.faults)
            comparison = await self._patiently(
                lambda: compare_generations(
                    log, reader, run.active, run.generation, options=options, catch_up=draw_level
                )
            )
        if not comparison.equal:
            raise DifferencesFound(run.generation, comparison, self._options.acceptance.given)
        return comparison

    async def _follow(self) -> None:
        self._observer.phase("following")
        await self._follower.until_relieved(self._observer.following)

    async def _accounts(self) -> dict[str, int]:
        control = await self._patiently(lambda: read_control(self._ports.state_reader))
        wanted = partition_keys(control, self._run.generation)
        found = accounts_of(await self._patiently(lambda: self._ports.state_reader.read(wanted)), wanted)
        return {name: sum(getattr(one, name) for one in found) for name in OUTCOMES}

    def _progress(self, progress: Progress) -> None:
        self._positions[progress.partition] = progress.position
        self._show()

    def _show(self) -> None:
        self._observer.scanned(sum(self._positions.values()), sum(self._ends.values()))

    def _waiting(self, waiting: Waiting) -> None:
        self._troubles.note(waiting.partition, waiting.trouble)

    def _told(self, trouble: str | None) -> None:
        self._troubles.note(None, trouble)

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        return await patiently(step, self._told)
