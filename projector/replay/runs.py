"""The run of a replay: begun, taken over, given up. `control` names it, and that makes it alone.

Every transaction of a replay re-writes the document of its partition under its etag. Taking over re-writes them all, so
whatever the run before still has in hand can't be written any more, however late it comes. Before that it only puts its
own name into `control`: whoever builds for the run before begins no further transaction then, and does not win one race
for the partitions' documents after the other.
"""

import asyncio
import os
import socket
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from typing_extensions import override

from projector.errors import (
    AccountsBroken,
    NothingToResume,
    ReplayUnderWay,
    RolloutUnfinished,
    RunReplaced,
    UnknownGeneration,
)
from projector.fold import FOLD_VERSION
from projector.generations import (
    accounts_of,
    check_accounts,
    check_fold,
    check_whole,
    empty_partitions,
    ensure_control,
    read_control,
)
from projector.replay.amending import Stored, amend, rewritten
from projector.targets import Built
from read_models import codec, keys
from read_models.control import BuildingDocument, ControlDocument, RunDocument
from sidecar.log_reader import LogReader
from sidecar.records import PartitionBounds, Put
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter

BEAT_SECONDS: Final = 1.0
"""How often a run gives a sign of life."""
SILENCE_SECONDS: Final = 5.0
"""A run that gives none for so long is taken for dead."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Where a run is, and whom it counts on.

    Attributes:
        host: the name of the machine or container.
        pid: the process.
        space: where process numbers mean the same: a machine since its start, and a container of it. Empty where that
            can't be told.
        shares: how many there are; 0 where it builds all by itself.
        job: names all that work on one replay, whenever and wherever they start; empty for none.
    """

    host: str
    pid: int
    space: str = ""
    shares: int = 0
    job: str = ""

    @classmethod
    def here(cls, *, shares: int = 0, job: str = "") -> "Runner":
        """This process."""
        return cls(socket.gethostname(), os.getpid(), _process_space(), shares, job)

    @override
    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is ours.

    Attributes:
        generation: that it builds.
        active: the generation that served when it began.
        identity: names the run.
        switched: whether the generation serves already, and only waits for projectors of its fold version.
        ends: by partition the offset behind the last that the log had when the generation was made.
        shares: how many it counts on; 0 for none.
    """

    generation: int
    active: int
    identity: str
    switched: bool = False
    ends: tuple[int, ...] = ()
    shares: int = 0

    def target(self) -> Built:
        """Where the engine of this run writes."""
        return Built(self.generation, self.identity)


async def begin(log: LogReader, reader: StateReader, writer: StateWriter, runner: Runner) -> Run:
    """Make a generation with the next number, empty, and a run that builds it; one transaction.

    Raises:
        ReplayUnderWay: another run builds one, or did and was left unfinished.
        RolloutUnfinished: projectors have yet to take over what another run has built.
        BeginningGone: the log has lost records, so that nothing complete can be built from it.
        LogMismatch: the documents are those of another log.
        SidecarUnavailable: log or state store do not answer; what was begun can be resumed.
    """
    control = await ensure_control(log, reader, writer)
    bounds = await log.bounds()
    check_whole(bounds)
    ends = _ends(bounds)
    identity = str(uuid.uuid4())

    def change(control: ControlDocument, _: Stored) -> tuple[ControlDocument, list[Put]] | None:
        if control.building is not None:
            if control.building.run == identity:
                return None
            raise _under_way(control.building, alive=True)
        if is_unrelieved(control) and control.folds.get(str(control.active)) == FOLD_VERSION:
            raise RolloutUnfinished(control.active)
        number = next_number(control)
        building = _building(number, identity, runner, ends=ends)
        folds = {**control.folds, str(number): FOLD_VERSION}
        new = msgspec.structs.replace(control, building=building, folds=folds, latest=number)
        return new, empty_partitions(number, control.log.partitions)

    await refuse_second(reader, control)
    control = await amend(reader, writer, lambda _: (), change)
    return _ours(control, identity)


async def refuse_second(reader: StateReader, control: ControlDocument) -> None:
    """Refuse where a run builds a generation.

    Raises:
        ReplayUnderWay: one does, or did and was left unfinished; it says which, and how to go on.
        SidecarUnavailable: the state store does not answer.
    """
    if control.building is not None:
        raise _under_way(control.building, alive=await is_alive(reader, control.building))


async def resume(log: LogReader, reader: StateReader, writer: StateWriter, runner: Runner) -> Run:
    """Take over a run that was left unfinished, before its switch or after it.

    Raises:
        NothingToResume: there is none.
        ReplayUnderWay: it still gives signs of life, or only brings an older generation back to serve.
        ForeignFold: it folded another version than we do.
        ProjectorError: log and documents do not fit.
        SidecarUnavailable: log or state store do not answer.
    """
    control = await ensure_control(log, reader, writer)
    building = control.building
    if building is None:
        if not is_unrelieved(control) or control.rollout is None:
            raise NothingToResume(control.active)
        check_fold(control, control.active)
        return Run(control.active, control.rollout.before, "", switched=True)
    if building.reopened:
        raise _under_way(building, alive=await is_alive(reader, building))
    return await _take(log, reader, writer, runner, building.generation, reopened=False)


async def reopen(log: LogReader, reader: StateReader, writer: StateWriter, runner: Runner, generation: int) -> Run:
    """Take a generation that exists, to bring it to the end of the log and let it serve.

    Raises:
        UnknownGeneration: it does not exist.
        ReplayUnderWay: a run builds one, and gives signs of life. One that is dead is taken over, or, if it builds
            another generation, given up: what it has built is kept.
        ForeignFold: it belongs to another fold version than ours.
        ProjectorError: log and documents do not fit.
        SidecarUnavailable: log or state store do not answer.
    """
    control = await ensure_control(log, reader, writer)
    if str(generation) not in control.folds:
        raise UnknownGeneration(generation, [int(number) for number in control.folds])
    if control.building is not None and control.building.generation != generation:
        await abandon(reader, writer, control.building.generation)
    return await _take(log, reader, writer, runner, generation, reopened=True)


async def give_up(reader: StateReader, writer: StateWriter, run: Run, *, finished: bool = False) -> None:
    """End a run without a switch: what it has built is kept, as a generation like any other. May be repeated.

    Args:
        reader: of documents.
        writer: of documents.
        run: to end.
        finished: whether it has done all that was asked for.

    Raises:
        StateConflict: others keep writing `control`.
        SidecarUnavailable: the state store does not answer.
    """

    def change(control: ControlDocument, _: Stored) -> tuple[ControlDocument, list[Put]] | None:
        if control.building is None or control.building.run != run.identity:
            return None
        last_job = control.building.job if finished else ""
        return msgspec.structs.replace(control, building=None, hold="", last_job=last_job or control.last_job), []

    await amend(reader, writer, lambda _: (), change)


async def has_finished(reader: StateReader, job: str) -> int | None:
    """The generation that serves now, where a replay of this name has come to its end already; `None` otherwise.

    Where projectors have yet to take over what was switched to it has not: it can be resumed.

    Raises:
        SidecarUnavailable: the state store does not answer.
        UnreadableDocument: it holds something that is no `control`.
    """
    if not job:
        return None
    try:
        control = await read_control(reader)
    except AccountsBroken as broken:
        if broken.key != keys.CONTROL:
            raise
        return None
    again = control.building is not None and control.building.job == job
    return None if control.last_job != job or again or is_unrelieved(control) else control.active


async def abandon(reader: StateReader, writer: StateWriter, generation: int) -> None:
    """Give up the run that builds a generation, if it is dead; where none builds it nothing is done.

    Raises:
        ReplayUnderWay: it still gives signs of life.
        StateConflict: others keep writing `control`.
        SidecarUnavailable: the state store does not answer.
    """
    control = await read_control(reader)
    building = control.building
    if building is None or building.generation != generation:
        return
    if await is_alive(reader, building):
        raise _under_way(building, alive=True)
    await give_up(reader, writer, Run(generation, control.active, building.run))


async def is_alive(reader: StateReader, building: BuildingDocument) -> bool:
    """Whether a run gives signs of life: at once where its process is gone from this machine, else within some seconds.

    Raises:
        SidecarUnavailable: the state store does not answer.
    """
    here = _process_space()
    if here and building.space == here and (building.pid == os.getpid() or not _is_running(building.pid)):
        return False
    before = await _last_word(reader)
    end = asyncio.get_running_loop().time() + SILENCE_SECONDS
    while asyncio.get_running_loop().time() < end:
        await asyncio.sleep(BEAT_SECONDS / 4)
        now = await _last_word(reader)
        if now != before and now is not None and now.run == building.run:
            return True
    return False


def is_unrelieved(control: ControlDocument) -> bool:
    """Whether what serves was switched to by a program of another fold version than projectors were known to have."""
    return control.rollout is not None and control.rollout.generation == control.active


async def relieve(reader: StateReader, writer: StateWriter, generation: int) -> None:
    """Note that projectors fold a generation that a replay has switched to. May be repeated.

    Raises:
        StateConflict: others keep writing `control`.
        SidecarUnavailable: the state store does not answer.
    """

    def change(control: ControlDocument, _: Stored) -> tuple[ControlDocument, list[Put]] | None:
        if control.rollout is None or control.rollout.generation != generation:
            return None
        return msgspec.structs.replace(control, rollout=None), []

    await amend(reader, writer, lambda _: (), change)


def next_number(control: ControlDocument) -> int:
    """The number of the next generation; none is ever given twice."""
    return max(control.latest, *map(int, control.folds)) + 1


def partition_keys(control: ControlDocument, generation: int) -> list[str]:
    """Keys of all partitions' documents of a generation, in key order."""
    return sorted(keys.partition(generation, number) for number in range(control.log.partitions))


async def _take(
    log: LogReader, reader: StateReader, writer: StateWriter, runner: Runner, generation: int, *, reopened: bool
) -> Run:
    control = await read_control(reader)
    if control.building is not None and await is_alive(reader, control.building):
        raise _under_way(control.building, alive=True)
    check_fold(control, generation)
    await check_accounts(log, reader, control, generation)
    ends = _ends(await log.bounds())
    identity = str(uuid.uuid4())
    dead = control.building

    def mark(now: ControlDocument, _: Stored) -> tuple[ControlDocument, list[Put]] | None:
        if now.building is not None and now.building.run == identity:
            return None
        # The run before may have come to its switch just now: what serves is not built.
        if now.building != dead or now.active == generation:
            raise RunReplaced(generation)
        check_fold(now, generation)
        building = _building(generation, identity, runner, ends=ends, before=dead, reopened=reopened, taking=True)
        return msgspec.structs.replace(now, building=building, hold=""), []

    def named(now: ControlDocument) -> Iterable[str]:
        return partition_keys(now, generation)

    def fence(now: ControlDocument, stored: Stored) -> tuple[ControlDocument, list[Put]] | None:
        if now.building is None or now.building.run != identity:
            raise RunReplaced(generation)
        if not now.building.taking:
            return None
        accounts_of(stored, partition_keys(now, generation))
        building = msgspec.structs.replace(now.building, taking=False)
        return msgspec.structs.replace(now, building=building), rewritten(stored, partition_keys(now, generation))

    # Whoever dies in between leaves a run that is dead like any other.
    marked = await amend(reader, writer, lambda _: (), mark)
    # What was under way at the mark may still be written, once by each builder; of a partition there is one, as a rule.
    return _ours(await amend(reader, writer, named, fence, more=marked.log.partitions), identity)


def _building(
    generation: int,
    identity: str,
    runner: Runner,
    *,
    ends: tuple[int, ...],
    before: BuildingDocument | None = None,
    reopened: bool = False,
    taking: bool = False,
) -> BuildingDocument:
    """What `control` says of a run; where it takes over from one before, what that was to build stays as it was."""
    # A new generation that somebody activates is one that a replay has built in part.
    brought_back = reopened and (before is None or before.reopened)
    if brought_back:
        ends = ()
    elif before is not None and len(before.ends) == len(ends):
        ends = before.ends
    return BuildingDocument(
        generation,
        identity,
        runner.host,
        runner.pid,
        runner.space,
        reopened=brought_back,
        ends=ends,
        shares=runner.shares,
        job=runner.job or ("" if before is None else before.job),
        taking=taking,
    )


def _ends(bounds: Mapping[int, PartitionBounds]) -> tuple[int, ...]:
    return tuple(bounds[number].end for number in sorted(bounds))


def _ours(control: ControlDocument, identity: str) -> Run:
    if control.building is None or control.building.run != identity:
        raise RunReplaced(0 if control.building is None else control.building.generation)
    return run_of(control, control.building)


def run_of(control: ControlDocument, building: BuildingDocument) -> Run:
    """The run that builds a generation, as `control` names it, whoever's it is."""
    return Run(building.generation, control.active, building.run, ends=building.ends, shares=building.shares)


def _under_way(building: BuildingDocument, *, alive: bool) -> ReplayUnderWay:
    runner = Runner(building.host, building.pid)
    return ReplayUnderWay(generation=building.generation, runner=str(runner), alive=alive, reopened=building.reopened)


async def _last_word(reader: StateReader) -> RunDocument | None:
    stored = (await reader.read([keys.RUN])).get(keys.RUN)
    return None if stored is None else codec.decode(stored.value, RunDocument)


def _process_space() -> str:
    """Names the machine's run and the namespace in which process numbers are counted; empty where it can't be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
