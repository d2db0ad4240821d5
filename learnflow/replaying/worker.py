"""A worker process of a replay: it builds the partitions that it is given, two at a time.

While the documents of one partition are on their way to the state store, the other one is folded. The process ends when
its parent does, however that ends.
"""

import asyncio
import gc
import logging
import os
import threading
from contextlib import AsyncExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

from learnflow.replaying.messages import Assignment, Failed, Finished, Replaced, Waiting
from learnflow.settings import Settings
from learnflow.sidecar import ToolPorts, open_tool
from projector.errors import RunReplaced
from projector.replay.builder import BuildLimits, PartitionBuilder, Progress
from projector.targets import Built
from projector.troubles import in_words

SLOTS: Final = 2

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker has to know.

    Attributes:
        settings: how log and state store are reached.
        generation: to build.
        run: whose generation it is.
        limits: how much each partition takes at once.
    """

    settings: Settings
    generation: int
    run: str
    limits: BuildLimits


def main(job: Job, parent: Connection) -> None:
    """Build what the parent assigns, until the parent ends this process."""
    # What is away is told to the parent; the clients' own warnings would say it once more for each call.
    logging.basicConfig(level=logging.ERROR)
    # Hundreds of thousands of documents are no garbage, and need not be looked through again and again.
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
    asyncio.run(_Worker(job, parent).run())


class _Worker:
    def __init__(self, job: Job, parent: Connection) -> None:
        self._job = job
        self._parent = parent
        self._assignments: asyncio.Queue[Assignment] = asyncio.Queue()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._listen, args=(loop,), daemon=True).start()
        async with AsyncExitStack() as stack:
            # Each has a log reader of its own, which reads one partition from end to end.
            sidecars = [await stack.enter_async_context(open_tool(self._job.settings)) for _ in range(SLOTS)]
            async with asyncio.TaskGroup() as slots:
                for sidecar in sidecars:
                    slots.create_task(self._slot(sidecar))

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            try:
                assignment: Assignment = self._parent.recv()
            except (EOFError, OSError):
                # Without a parent nobody is told how it goes, and nobody ends this process.
                os._exit(1)
            loop.call_soon_threadsafe(self._assignments.put_nowait, assignment)

    async def _slot(self, sidecar: ToolPorts) -> None:
        while True:
            assignment = await self._assignments.get()
            partition = assignment.partition

            def told(trouble: str | None, partition: int = partition) -> None:
                self._parent.send(Waiting(partition, trouble))

            builder = PartitionBuilder(
                partition,
                log=sidecar.log_reader,
                reader=sidecar.state_reader,
                writer=sidecar.state_writer,
                target=Built(self._job.generation, self._job.run),
                limits=self._job.limits,
                progress=self._tell,
                told=told,
            )
            try:
                await builder.build(assignment.until)
            except RunReplaced as replaced:
                self._parent.send(Replaced(replaced.generation))
            except Exception as failure:
                logger.exception("partition %s can't be built", partition)
                self._parent.send(Failed(partition, in_words(failure)))
            else:
                self._parent.send(Finished(partition))

    def _tell(self, progress: Progress) -> None:
        self._parent.send(progress)
