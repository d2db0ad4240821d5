"""A run's signs of life."""

import asyncio
from contextlib import suppress
from typing import Final

from projector.replay.runs import BEAT_SECONDS, Run
from read_models import codec, keys
from read_models.control import RunDocument
from sidecar.errors import SidecarError
from sidecar.records import Delete, Put
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter

LAST_WORD_SECONDS: Final = 2.0
"""Who has pressed Ctrl-C does not want to wait for a store that is away."""


class Heart:
    """Writes a sign of life, every `BEAT_SECONDS`, so that others see that a run goes on."""

    def __init__(self, reader: StateReader, writer: StateWriter, run: Run) -> None:
        self._reader = reader
        self._writer = writer
        self._run = run
        self._beat = 0

    async def beating(self) -> None:
        """Beat until cancelled. A beat that can't be written is left out; none of it is needed to be right."""
        while True:
            with suppress(SidecarError):
                await self._write()
            await asyncio.sleep(BEAT_SECONDS)

    async def stop(self) -> None:
        """Leave no last word behind, if it is still this run's."""
        with suppress(SidecarError, TimeoutError):
            async with asyncio.timeout(LAST_WORD_SECONDS):
                await self._take_back()

    async def _take_back(self) -> None:
        stored = (await self._reader.read([keys.RUN])).get(keys.RUN)
        if stored is not None and codec.decode(stored.value, RunDocument).run == self._run.identity:
            await self._writer.transact([Delete(keys.RUN, stored.etag)])

    async def _write(self) -> None:
        self._beat += 1
        word = RunDocument(self._run.identity, self._beat)
        stored = (await self._reader.read([keys.RUN])).get(keys.RUN)
        await self._writer.transact([Put(keys.RUN, codec.encode(word), None if stored is None else stored.etag)])
