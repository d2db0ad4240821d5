"""From a generation that is nearly there to one that serves, and that live projectors fold."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from itertools import count
from typing import Final, TypeVar

from projector.engine import Engine
from projector.errors import RetriedElsewhere, StillBehind
from projector.replay.patience import Told, patiently
from projector.replay.runs import Run, relieve
from projector.replay.switching import ask_for_quiet, checkpoints, try_switch
from sidecar.errors import StateConflict
from sidecar.log_reader import LogReader
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter

ATTEMPTS_BEFORE_QUIET: Final = 5
LOOKS_AT_PARKED: Final = 10
FOLLOW_SECONDS: Final = 0.2
"""How often the log is looked at while a generation is kept at its end."""

T = TypeVar("T")


class Follower:
    """Keeps a run's generation at the end of the log, by the engine that live projectors use."""

    def __init__(self, log: LogReader, reader: StateReader, writer: StateWriter, run: Run, told: Told) -> None:
        self._log = log
        self._reader = reader
        self._writer = writer
        self._run = run
        self._told = told
        self._engine = Engine(log=log, reader=reader, writer=writer, target=run.target())
        self._turn = asyncio.Lock()

    async def begin(self) -> None:
        """Check that log and documents fit.

        Raises:
            ProjectorError: they do not.
        """
        await patiently(self._engine.establish, self._told)

    async def catch_up(self) -> None:
        """Account for everything that the log holds now; waits while log or state store are away.

        Raises:
            RunReplaced: the generation is no longer this run's.
            ProjectorError: log and documents do not fit.
        """
        async with self._turn:
            reached = await self._patiently(lambda: checkpoints(self._reader, self._run.generation))
            bounds = await self._patiently(self._log.bounds)
            await self._all(
                {partition: bound.end for partition, bound in bounds.items() if reached[partition] + 1 < bound.end}
            )

    async def draw_level(self, *, quietly: bool = False) -> None:
        """Bring the generation to where the one that serves is, and no further; waits while the state store is away.

        Args:
            quietly: ask live projectors for a moment's quiet first, in which both stay at the same offsets.

        Raises:
            RunReplaced: the generation is no longer this run's.
            ProjectorError: log and documents do not fit.
        """
        if quietly:
            with suppress(StateConflict):
                await self._patiently(lambda: ask_for_quiet(self._reader, self._writer, self._run))
        async with self._turn:
            serving = await self._patiently(lambda: checkpoints(self._reader, self._run.active))
            reached = await self._patiently(lambda: checkpoints(self._reader, self._run.generation))
            await self._all({number: end + 1 for number, end in serving.items() if reached.get(number, end) < end})

    async def keeping_level(self) -> None:
        """Stay where the generation that serves is, until cancelled.

        Raises:
            RunReplaced: the generation is no longer this run's.
            ProjectorError: log and documents do not fit.
        """
        while True:
            await self.draw_level()
            await asyncio.sleep(FOLLOW_SECONDS)

    async def switch(self, *, follow: bool = True, accept_parked: bool = False) -> None:
        """Let the generation serve, as soon as it is as far as the one that does; waits for that.

        Args:
            follow: whether, where the fold version changes, it is noted that projectors have yet to take over.
            accept_parked: let it take over although it has parked what was folded late in the other.

        Raises:
            RetriedElsewhere: it has, and that was not accepted.
            RunReplaced: the generation is no longer this run's.
            ProjectorError: log and documents do not fit.
        """
        lacking = 0
        for attempt in count(1):
            behind: Mapping[int, int] = {}
            try:
                behind = await self._patiently(
                    lambda: try_switch(
                        self._reader, self._writer, self._run, follow=follow, accept_parked=accept_parked
                    )
                )
            except RetriedElsewhere:
                # It also looks so for the moment in which this generation has parked what the other has yet to park.
                lacking += 1
                if lacking == LOOKS_AT_PARKED:
                    raise
                await asyncio.sleep(FOLLOW_SECONDS)
                continue
            except StateConflict:
                pass
            else:
                if not behind:
                    return
            # Live projectors win the race when they write within it as well as when they write just before it.
            if attempt >= ATTEMPTS_BEFORE_QUIET:
                with suppress(StateConflict):
                    await self._patiently(lambda: ask_for_quiet(self._reader, self._writer, self._run))
            async with self._turn:
                await self._all({partition: checkpoint + 1 for partition, checkpoint in behind.items()})

    async def until_relieved(self, waiting: Callable[[Mapping[int, int]], None]) -> None:
        """Go on folding the generation, which serves by now, until projectors of its fold version do.

        A projector has done so where the group's committed position is beyond what the generation before had reached:
        projectors of that one's fold version answer RETRY since the switch, and commit nothing. A partition without a
        record since then has nobody to wait for.

        Args:
            waiting: is told which partitions are not taken over, and by how many offsets.

        Raises:
            ProjectorError: log and documents do not fit.
        """
        before = await self._patiently(lambda: checkpoints(self._reader, self._run.active))
        generation = self._run.generation
        while True:
            await self.catch_up()
            delivered = await self._patiently(self._log.delivered)
            bounds = await self._patiently(self._log.bounds)
            left = {
                partition: bounds[partition].end - checkpoint - 1
                for partition, checkpoint in before.items()
                if bounds[partition].end > checkpoint + 1 and delivered.get(partition, 0) <= checkpoint + 1
            }
            if not left:
                await self._patiently(lambda: relieve(self._reader, self._writer, generation))
                return
            waiting(left)
            await asyncio.sleep(FOLLOW_SECONDS)

    async def _all(self, ends: Mapping[int, int]) -> None:
        """Bring partitions to these offsets, all at once: most of the time each waits for log or state store."""
        done = await asyncio.gather(*(self._one(*one) for one in ends.items()), return_exceptions=True)
        for failure in done:
            if failure is not None:
                raise failure

    async def _one(self, partition: int, until: int) -> None:
        while True:
            try:
                await patiently(lambda: self._engine.catch_up(partition, until), self._told)
            except StillBehind:
                continue
            except StateConflict:
                # After a switch live projectors write the same documents; both are right.
                await asyncio.sleep(FOLLOW_SECONDS)
                continue
            return

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        return await patiently(step, self._told)
