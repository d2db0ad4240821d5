"""The worker processes of a replay, as their parent sees them."""

import asyncio
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Final

from learnflow.replaying.messages import Assignment, Failed, Finished, Waiting
from learnflow.replaying.worker import SLOTS, Job, main
from projector.errors import ProjectorError
from projector.replay.builder import Progress

_END_SECONDS: Final = 5.0


class BuildFailed(ProjectorError):
    """A worker can't build a partition, or ended. What was built is kept.

    Attributes:
        trouble: why, in words.
    """

    def __init__(self, trouble: str) -> None:
        super().__init__(f"{trouble}; what was built is kept, `learnflow replay --resume` goes on with it")
        self.trouble = trouble


@dataclass(slots=True)
class _Member:
    process: SpawnProcess
    connection: Connection
    working_on: set[int] = field(default_factory=set)


async def build(
    job: Job,
    assignments: Sequence[Assignment],
    workers: int,
    progress: Callable[[Progress], None],
    waiting: Callable[[Waiting], None],
) -> None:
    """Have partitions built by so many processes; on return all are, up to where was asked. Cancelled, it ends them.

    Raises:
        BuildFailed: a partition can't be built, or a process was ended from outside.
    """
    left = list(assignments)
    crew = [_start(job) for _ in range(min(workers, len(left)))]
    try:
        async with asyncio.TaskGroup() as group:
            for member in crew:
                group.create_task(_serve(member, left, progress, waiting))
    except* BuildFailed as failures:
        first = failures.exceptions[0]
        raise (first if isinstance(first, BuildFailed) else BuildFailed(str(first))) from failures
    finally:
        await asyncio.to_thread(_dismiss, crew)


def _start(job: Job) -> _Member:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=main, args=(job, theirs), name="replay-worker", daemon=True)
    process.start()
    theirs.close()
    return _Member(process, ours)


async def _serve(
    member: _Member,
    left: list[Assignment],
    progress: Callable[[Progress], None],
    waiting: Callable[[Waiting], None],
) -> None:
    for _ in range(SLOTS):
        _assign(member, left)
    while member.working_on:
        try:
            message = await asyncio.to_thread(member.connection.recv)
        except (EOFError, OSError) as ended:
            await asyncio.to_thread(member.process.join, _END_SECONDS)
            raise BuildFailed(f"a worker process ended with status {member.process.exitcode}") from ended
        match message:
            case Progress():
                progress(message)
            case Waiting():
                waiting(message)
            case Finished(partition=partition):
                member.working_on.discard(partition)
                _assign(member, left)
            case Failed(partition=partition, trouble=trouble):
                raise BuildFailed(f"partition {partition}: {trouble}")
            case _:
                raise TypeError(message)


def _assign(member: _Member, left: list[Assignment]) -> None:
    if left:
        assignment = left.pop(0)
        member.working_on.add(assignment.partition)
        member.connection.send(assignment)


def _dismiss(crew: Sequence[_Member]) -> None:
    for member in crew:
        # Nothing they have in hand needs to be saved: what is not written is folded again.
        member.process.kill()
    for member in crew:
        member.process.join(_END_SECONDS)
        member.connection.close()
