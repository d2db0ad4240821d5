"""Ports that fail, to see what HTTP makes of it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from sidecar.append import EventAppender
from sidecar.errors import AppendUnconfirmed, SidecarUnavailable
from sidecar.invocation import InvocationResponse
from sidecar.log_reader import LogReader
from sidecar.records import LogIdentity, LogSlice, NewRecord, PartitionBounds, StoredDocument
from sidecar.state_reader import StateReader


class BrokenAppender:
    """Fails every append with `failure`, while there is one; may have appended before it fails.

    Attributes:
        failure: what is raised; `None` for an appender that works.
        lands: whether the log has the records all the same.
        failed: set once an append has failed.
    """

    def __init__(self, log: EventAppender, failure: Exception | None, *, lands: bool = False) -> None:
        self._log = log
        self.failure = failure
        self.lands = lands
        self.failed = asyncio.Event()

    async def append(self, records: Sequence[NewRecord], *, timeout_seconds: float) -> None:
        if self.failure is None or self.lands:
            await self._log.append(records, timeout_seconds=timeout_seconds)
        if self.failure is not None:
            self.failed.set()
            raise self.failure


class HeldAppender:
    """Appends nothing before `release`; then it appends all.

    Attributes:
        entered: set once there is an append that waits.
        patient: whether it keeps to the time it is given, as the port promises.
    """

    def __init__(self, log: EventAppender, *, patient: bool = False) -> None:
        self._log = log
        self._open = asyncio.Event()
        self.entered = asyncio.Event()
        self.patient = patient

    def release(self) -> None:
        self._open.set()

    async def append(self, records: Sequence[NewRecord], *, timeout_seconds: float) -> None:
        self.entered.set()
        try:
            async with asyncio.timeout(None if self.patient else timeout_seconds):
                await self._open.wait()
        except TimeoutError:
            raise AppendUnconfirmed("held") from None
        await self._log.append(records, timeout_seconds=timeout_seconds)


class AnsweringInvoker:
    """Another service that answers everything alike."""

    def __init__(self, answer: InvocationResponse) -> None:
        self._answer = answer

    async def invoke(self, *_: object, **__: object) -> InvocationResponse:
        return self._answer


class BrokenInvoker:
    """Reaches no other service."""

    async def invoke(self, *_: object, **__: object) -> InvocationResponse:
        raise SidecarUnavailable("another service", "it is away")


class HangingInvoker:
    """Waits for another service as long as it may, in vain."""

    async def invoke(self, *_: object, timeout_seconds: float, **__: object) -> InvocationResponse:
        await asyncio.sleep(timeout_seconds)
        raise SidecarUnavailable("another service", f"no answer within {timeout_seconds} s")


class HangingReader:
    """A state store that never answers."""

    async def read(self, *_: object, **__: object) -> Mapping[str, StoredDocument]:
        await asyncio.Event().wait()
        raise AssertionError


class BrokenReader:
    """A state store that answers every read with a failure."""

    def __init__(self, failure: Exception) -> None:
        self._failure = failure

    async def read(
        self,
        keys: Collection[str],  # noqa: ARG002 - fails for all
        *,
        confirm_absence: bool = True,  # noqa: ARG002 - fails anyway
    ) -> Mapping[str, StoredDocument]:
        raise self._failure


class CallingReader:
    """A state store that first calls `before` with what is read.

    Attributes:
        before: called with the keys of every read; may change the store.
    """

    def __init__(self, state: StateReader, before: Callable[[Collection[str]], Awaitable[None]]) -> None:
        self._state = state
        self.before = before

    async def read(self, keys: Collection[str], *, confirm_absence: bool = True) -> Mapping[str, StoredDocument]:
        await self.before(keys)
        return await self._state.read(keys, confirm_absence=confirm_absence)


class GarbledReader:
    """A state store whose documents hold something else."""

    async def read(
        self,
        keys: Collection[str],
        *,
        confirm_absence: bool = True,  # noqa: ARG002 - all are there
    ) -> Mapping[str, StoredDocument]:
        return {key: StoredDocument(b'{"active": "one"}', "1") for key in keys}


class BrokenLog:
    """A log that answers every question with `failure`, while there is one.

    Attributes:
        failure: what is raised; `None` for a log that works.
    """

    def __init__(self, log: LogReader, failure: Exception | None) -> None:
        self._log = log
        self.failure = failure

    async def identity(self) -> LogIdentity:
        return await self._asked().identity()

    async def faults(self) -> Sequence[str]:
        return await self._asked().faults()

    async def bounds(self) -> Mapping[int, PartitionBounds]:
        return await self._asked().bounds()

    async def read(self, partition: int, first: int, until: int, *, max_records: int, max_bytes: int) -> LogSlice:
        return await self._asked().read(partition, first, until, max_records=max_records, max_bytes=max_bytes)

    async def delivered(self) -> Mapping[int, int]:
        return await self._asked().delivered()

    def _asked(self) -> LogReader:
        if self.failure is not None:
            raise self.failure
        return self._log
