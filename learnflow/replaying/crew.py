"""The worker processes of a replay, as their parent sees them."""

import asyncio
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Final

from learnflow.replaying.messages import Assignment, Failed, Finished, Replaced, Waiting
from learnflow.replaying.worker import SLOTS, Job, main
from projector.errors import ProjectorError, RunReplaced
from projector.replay.builder import Progress

_END_SECONDS: Final = 5.0


class BuildFailed(ProjectorError):
    """A worker can't build a partition, or ended. What was built is kept."""


class _Ended(Exception):
    """A worker was ended from outside."""


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
    *,
    way_on: str = "learnflow replay --resume",
) -> None:
    """Have partitions built by so many processes; on return all are, up to where was asked. Cancelled, it ends them.

    Args:
        job: what they have to know.
        assignments: what to build, in the order in which it is begun; one at least.
        workers: how many processes, from 1.
        progress: is told how far partitions are.
        waiting: is told what is away.
        way_on: the command that goes on with what was built.

    Raises:
        RunReplaced: the generation is no longer the run's.
        BuildFailed: a partition can't be built, or a process was ended from outside.
    """
    left = list(assignments)
    crew = [_start(job) for _ in range(min(workers, len(left)))]
    # Each waits for its worker in a thread; threads that are shared with others might all be waiting.
    threads = ThreadPoolExecutor(len(crew), thread_name_prefix="replay-crew")
    try:
        for _ in range(SLOTS):
            for member in crew:
                _assign(member, left)
        async with asyncio.TaskGroup() as group:
            for member in crew:
                group.create_task(_serve(member, left, progress, waiting, threads))
    except* (_Ended, BuildFailed, RunReplaced) as failures:
        first = failures.exceptions[0]
        if isinstance(first, BuildFailed | RunReplaced):
            raise first from failures
        raise BuildFailed(f"{first}; what was built is kept, and `{way_on}` goes on with it") from failures
    finally:
        _dismiss(crew)
        threads.shutdown()


def _start(job: Job) -> _Member:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=main, args=(job, theirs), name="replay-worker", daemon=True)
    # Ctrl-C goes to all processes of a terminal; a worker inherits that it is the parent's affair.
    with _deaf_to_interrupts():
        process.start()
    theirs.close()
    return _Member(process, ours)


async def _serve(
    member: _Member,
    left: list[Assignment],
    progress: Callable[[Progress], None],
    waiting: Callable[[Waiting], None],
    threads: ThreadPoolExecutor,
) -> None:
    while member.working_on:
        try:
            message = await asyncio.get_running_loop().run_in_executor(threads, member.connection.recv)
        except (EOFError, OSError) as ended:
            raise _ended(member) from ended
        match message:
            case Progress():
                progress(message)
            case Waiting():
                waiting(message)
            case Finished(partition=partition):
                member.working_on.discard(partition)
                _assign(member, left)
            case Replaced(generation=generation):
                raise RunReplaced(generation)
            case Failed(partition=partition, trouble=trouble):
                raise BuildFailed(f"partition {partition}: {trouble}")
            case _:
                raise TypeError(message)


def _assign(member: _Member, left: list[Assignment]) -> None:
    if left:
        assignment = left.pop(0)
        member.working_on.add(assignment.partition)
        try:
            member.connection.send(assignment)
        except OSError as ended:
            raise _ended(member) from ended


def _ended(member: _Member) -> _Ended:
    member.process.join(_END_SECONDS)
    status = member.process.exitcode
    hint = " (was it out of memory? see --memory)" if status == -signal.SIGKILL else ""
    return _Ended(f"a worker process ended with status {status}{hint}")


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say how signals are taken
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _dismiss(crew: Sequence[_Member]) -> None:
    for member in crew:
        # Nothing they have in hand needs to be saved: what is not written is folded again.
        member.process.kill()
    for member in crew:
        member.process.join(_END_SECONDS)
        member.connection.close()
