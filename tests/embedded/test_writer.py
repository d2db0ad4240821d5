"""The thread that writes: groups, and callers who don't wait for it."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sidecar.embedded import EmbeddedSidecar
from sidecar.embedded.writer import WriteFailed, Writer
from sidecar.errors import AppendRefused, AppendUnconfirmed, SidecarUnavailable, StateConflict
from sidecar.records import NewRecord, Put
from tests.embedded.conftest import Open
from tests.embedded.looking import values

RECORD = NewRecord("k", b"v")


class Spy:
    """A connection that counts commits, fails as it is told, and lets a test hold a commit up."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.commits = 0
        self.failures: dict[str, sqlite3.Error] = {}
        self.committing = threading.Event()
        self.may_commit = threading.Event()
        self.may_commit.set()
        self._connection = connection

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        if sql in self.failures:
            raise self.failures.pop(sql)
        if sql == "COMMIT":
            self.committing.set()
            assert self.may_commit.wait(30)
            self.commits += 1
        return self._connection.execute(sql, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def spy_on(writer: Writer) -> Spy:
    spy = Spy(writer._connection)
    writer._connection = spy  # type: ignore[assignment] # it has what the writer uses of a connection
    return spy


def sqlite_error(code: int, text: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


@asynccontextmanager
async def held(writer: Writer) -> AsyncIterator[asyncio.Task[None]]:
    """Keep the writer busy with one job; what is submitted within comes after it, in one group."""
    begun = threading.Event()
    release = threading.Event()

    def wait(_: sqlite3.Connection) -> None:
        begun.set()
        release.wait(30)

    task = asyncio.get_running_loop().create_task(writer.submit(wait))
    try:
        # An empty queue would not say it: the writer may have been handed the job and still look for others.
        assert await asyncio.to_thread(begun.wait, 10)
        yield task
    finally:
        release.set()


async def test_a_group_is_one_commit_and_each_job_stands_alone(sidecar: EmbeddedSidecar) -> None:
    await sidecar.state.transact([Put("taken", b"1", None)])
    spy = spy_on(sidecar._writer)
    async with held(sidecar._writer) as first:
        jobs = [
            asyncio.create_task(job)
            for job in (
                sidecar.state.transact([Put("a", b"1", None)]),
                sidecar.state.transact([Put("b", b"2", None), Put("taken", b"2", None)]),
                sidecar.state.transact([Put("a", b"3", None)]),
                sidecar.appender.append([RECORD], timeout_seconds=10),
                sidecar.state.transact([Put("c", b"4", None)]),
            )
        ]
        await asyncio.sleep(0)
    await first
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), StateConflict, StateConflict, type(None), type(None)]
    assert spy.commits == 2
    documents = await sidecar.state.read(["a", "b", "c", "taken"])
    assert {key: document.value for key, document in documents.items()} == {"a": b"1", "c": b"4", "taken": b"1"}
    assert await values(sidecar) == [b"v"]


async def test_a_job_that_fails_halfway_leaves_nothing(sidecar: EmbeddedSidecar) -> None:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE partition SET next = 77")
        raise LookupError("on purpose")

    with pytest.raises(LookupError):
        await sidecar._writer.submit(work)
    assert {bounds.end for bounds in (await sidecar.log.bounds()).values()} == {0}


async def test_a_commit_reaches_the_disk(sidecar: EmbeddedSidecar) -> None:
    connection = sidecar._writer._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    full = 2
    assert connection.execute("PRAGMA synchronous").fetchone() == (full,)


async def test_its_turn_does_not_come_in_time(sidecar: EmbeddedSidecar) -> None:
    async with held(sidecar._writer) as first:
        with pytest.raises(AppendRefused, match="turn did not come"):
            await sidecar.appender.append([RECORD], timeout_seconds=0.01)
    await first
    await sidecar.appender.append([NewRecord("k", b"later")], timeout_seconds=10)
    assert await values(sidecar) == [b"later"]


async def test_confirmation_does_not_come_in_time(sidecar: EmbeddedSidecar) -> None:
    spy = spy_on(sidecar._writer)
    spy.may_commit.clear()
    told = asyncio.Event()
    sidecar.log.listen(told.set)
    append = asyncio.create_task(sidecar.appender.append([RECORD], timeout_seconds=0.2))
    assert await asyncio.to_thread(spy.committing.wait, 10)
    with pytest.raises(AppendUnconfirmed, match="no confirmation"):
        await append
    spy.may_commit.set()
    # Whoever listens hears of it all the same.
    await asyncio.wait_for(told.wait(), 10)
    assert await values(sidecar) == [b"v"]


async def test_cancelled_before_its_turn(sidecar: EmbeddedSidecar) -> None:
    async with held(sidecar._writer) as first:
        append = asyncio.create_task(sidecar.appender.append([RECORD], timeout_seconds=10))
        await asyncio.sleep(0)
        append.cancel()
        with pytest.raises(asyncio.CancelledError):
            await append
    await first
    await sidecar.appender.append([NewRecord("k", b"later")], timeout_seconds=10)
    assert await values(sidecar) == [b"later"]


async def test_cancelled_in_the_middle(sidecar: EmbeddedSidecar) -> None:
    spy = spy_on(sidecar._writer)
    spy.may_commit.clear()
    append = asyncio.create_task(sidecar.appender.append([RECORD], timeout_seconds=10))
    assert await asyncio.to_thread(spy.committing.wait, 10)
    append.cancel()
    with pytest.raises(asyncio.CancelledError):
        await append
    spy.may_commit.set()
    await sidecar.appender.append([NewRecord("k", b"later")], timeout_seconds=10)
    assert await values(sidecar) == [b"v", b"later"]


@pytest.mark.parametrize(
    ("statement", "code", "error"),
    [
        ("COMMIT", sqlite3.SQLITE_IOERR_FSYNC, AppendUnconfirmed),
        ("COMMIT", sqlite3.SQLITE_FULL, AppendRefused),
        ("COMMIT", sqlite3.SQLITE_BUSY, AppendRefused),
        ("BEGIN IMMEDIATE", sqlite3.SQLITE_IOERR, AppendRefused),
        ("RELEASE job", sqlite3.SQLITE_IOERR, AppendRefused),
    ],
)
async def test_a_transaction_that_fails(
    sidecar: EmbeddedSidecar, statement: str, code: int, error: type[Exception]
) -> None:
    spy = spy_on(sidecar._writer)
    spy.failures[statement] = sqlite_error(code, "on purpose")
    with pytest.raises(error, match="on purpose"):
        await sidecar.appender.append([RECORD], timeout_seconds=10)
    spy.failures[statement] = sqlite_error(code, "on purpose")
    with pytest.raises(SidecarUnavailable, match="on purpose"):
        await sidecar.state.transact([Put("a", b"1", None)])
    await sidecar.appender.append([NewRecord("k", b"again")], timeout_seconds=10)
    assert await values(sidecar) == [b"again"]
    assert await sidecar.state.read(["a"]) == {}


async def test_sqlite_undoes_the_whole_group(sidecar: EmbeddedSidecar) -> None:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")
        raise sqlite_error(sqlite3.SQLITE_FULL, "on purpose")

    async with held(sidecar._writer) as first:
        jobs = [
            asyncio.create_task(job)
            for job in (
                sidecar.appender.append([NewRecord("k", b"before")], timeout_seconds=10),
                sidecar._writer.submit(work),
                sidecar.appender.append([NewRecord("k", b"behind")], timeout_seconds=10),
            )
        ]
        await asyncio.sleep(0)
    await first
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(result) for result in results] == [AppendRefused, WriteFailed, AppendRefused]
    assert await values(sidecar) == []
    await sidecar.appender.append([RECORD], timeout_seconds=10)


async def test_a_connection_that_can_not_roll_back_is_replaced(
    sidecar: EmbeddedSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    spy = spy_on(sidecar._writer)
    spy.failures["COMMIT"] = sqlite_error(sqlite3.SQLITE_IOERR, "on purpose")
    spy.failures["ROLLBACK"] = sqlite_error(sqlite3.SQLITE_IOERR, "on purpose as well")
    with pytest.raises(AppendUnconfirmed):
        await sidecar.appender.append([RECORD], timeout_seconds=10)
    assert "could not roll back" in caplog.text
    assert not isinstance(sidecar._writer._connection, Spy)
    await sidecar.appender.append([NewRecord("k", b"again")], timeout_seconds=10)
    assert await values(sidecar) == [b"again"]


async def test_what_was_submitted_before_the_close_is_done(sidecar: EmbeddedSidecar, open_sidecar: Open) -> None:
    appends = [
        asyncio.create_task(sidecar.appender.append([NewRecord("k", b"%d" % n)], timeout_seconds=10)) for n in range(20)
    ]
    await asyncio.sleep(0)
    await sidecar.close()
    await asyncio.gather(*appends)
    assert await values(open_sidecar()) == [b"%d" % n for n in range(20)]


async def test_nothing_after_the_close(sidecar: EmbeddedSidecar) -> None:
    await sidecar.close()
    with pytest.raises(AppendRefused, match="closed"):
        await sidecar.appender.append([RECORD], timeout_seconds=10)
    with pytest.raises(SidecarUnavailable, match="closed"):
        await sidecar.state.transact([Put("a", b"1", None)])
    with pytest.raises(SidecarUnavailable, match="closed"):
        await sidecar.state.read(["a"])
    with pytest.raises(SidecarUnavailable, match="closed"):
        await sidecar.log.bounds()
