"""Commands beside a service: other processes that work in the same folder, served or not."""

import asyncio
import itertools
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from sidecar.delivery import Verdict
from sidecar.embedded import DatabaseDamaged, EmbeddedSidecar, EmbeddedTool, StorageUnusable
from sidecar.embedded import writer as writers
from sidecar.embedded.database import FILE_NAME
from sidecar.embedded.secret_store import FILE_NAME as SECRETS
from sidecar.errors import SidecarUnavailable, StateConflict
from sidecar.records import NewRecord, Put
from tests.deadlines import until
from tests.embedded.conftest import Open
from tests.embedded.looking import values
from tests.embedded.processes import LARGE_BYTES, LARGE_KEYS, line_of, other_process, tell

OpenTool = Callable[[], EmbeddedTool]


@pytest.fixture
async def open_tool(folder: Path) -> AsyncIterator[OpenTool]:
    """Opens the folder as a command does; closed after the test."""
    async with AsyncExitStack() as stack:

        def open_() -> EmbeddedTool:
            tool = EmbeddedTool.open(folder)
            stack.push_async_callback(tool.close)
            return tool

        yield open_


def locked(file: Path) -> bool:
    """Whether somebody writes into the file just now."""
    with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


class TestOneFolder:
    async def test_it_reads_what_the_service_writes_and_the_other_way_round(
        self, sidecar: EmbeddedSidecar, open_tool: OpenTool, folder: Path
    ) -> None:
        tool = open_tool()
        assert await tool.log_reader.identity() == await sidecar.log.identity()
        await sidecar.appender.append([NewRecord("k", b"v")], timeout_seconds=5)
        await sidecar.state.transact([Put("theirs", b"1", None)])
        await tool.state.transact([Put("ours", b"2", None)])
        assert await tool.log_reader.bounds() == await sidecar.log.bounds()
        for state in (tool.state, sidecar.state):
            found = await state.read(["theirs", "ours"])
            assert {key: document.value for key, document in found.items()} == {"theirs": b"1", "ours": b"2"}
        (folder / SECRETS).write_text('{"kafka": "secret"}')
        assert await tool.secrets.secret("kafka") == {"kafka": "secret"}

    async def test_services_come_and_go_meanwhile(self, open_sidecar: Open, open_tool: OpenTool) -> None:
        await open_sidecar().close()
        tool = open_tool()
        for turn in range(3):
            await tool.state.transact([Put(f"alone/{turn}", b"1", None)])
            service = open_sidecar()
            await service.appender.append([NewRecord("k", b"%d" % turn)], timeout_seconds=5)
            await tool.state.transact([Put(f"beside/{turn}", b"1", None)])
            await service.close()
            assert sum(bounds.end for bounds in (await tool.log_reader.bounds()).values()) == turn + 1
        await tool.close()
        await tool.close()
        service = open_sidecar()
        assert await values(service) == [b"0", b"1", b"2"]
        assert (
            len(await service.state.read([f"{when}/{turn}" for when in ("alone", "beside") for turn in range(3)])) == 6
        )

    async def test_an_etag_of_one_is_stale_after_the_other_wrote(
        self, sidecar: EmbeddedSidecar, open_tool: OpenTool
    ) -> None:
        tool = open_tool()
        await sidecar.state.transact([Put("k", b"1", None)])
        read = (await sidecar.state.read(["k"]))["k"]
        await tool.state.transact([Put("k", b"2", read.etag)])
        with pytest.raises(StateConflict):
            await sidecar.state.transact([Put("k", b"3", read.etag), Put("new", b"3", None)])
        with pytest.raises(StateConflict):
            await sidecar.state.transact([Put("k", b"3", None)])
        assert {key: one.value for key, one in (await sidecar.state.read(["k", "new"])).items()} == {"k": b"2"}

    async def test_it_tells_how_far_delivery_is(self, sidecar: EmbeddedSidecar, open_tool: OpenTool) -> None:
        tool = open_tool()

        async def settle(_: object) -> Verdict:
            return Verdict.SETTLED

        await sidecar.log.append_to(1, None, b"v")
        assert await tool.log_reader.delivered() == {}
        await sidecar.delivery.start(settle)

        async def is_delivered() -> bool:
            return await tool.log_reader.delivered() == {1: 1}

        await until(is_delivered)

    async def test_a_copy_without_write_ahead_log(self, folder: Path, open_sidecar: Open, open_tool: OpenTool) -> None:
        await open_sidecar().close()
        with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
        await open_tool().state.transact([Put("k", b"1", None)])
        assert set(await open_sidecar().state.read(["k"])) == {"k"}

    async def test_a_file_that_was_replaced_is_not_written(
        self, sidecar: EmbeddedSidecar, open_tool: OpenTool, folder: Path
    ) -> None:
        tool = open_tool()
        await sidecar.close()
        (folder / FILE_NAME).rename(folder / "aside")
        with pytest.raises(SidecarUnavailable, match="removed or replaced"):
            await tool.state.transact([Put("k", b"1", None)])


class TestWriters:
    async def test_a_post_waits_for_a_command_and_does_not_fail(self, folder: Path) -> None:
        service = EmbeddedSidecar.open(folder)
        try:
            with other_process("hold_write_lock", folder / FILE_NAME) as holder:
                assert line_of(holder) == "locked"
                append = asyncio.create_task(service.appender.append([NewRecord("k", b"v")], timeout_seconds=30))
                await asyncio.wait([append], timeout=0.5)
                assert not append.done()
                holder.kill()
                holder.wait()
                await append
        finally:
            await service.close()

    async def test_a_command_waits_for_its_turn_and_says_when_it_never_came(
        self, sidecar: EmbeddedSidecar, folder: Path
    ) -> None:
        await sidecar.state.transact([Put("k", b"1", None)])
        tool = EmbeddedTool.open(folder, busy_seconds=0.1)
        try:
            with other_process("hold_write_lock", folder / FILE_NAME) as holder:
                assert line_of(holder) == "locked"
                with pytest.raises(SidecarUnavailable, match="another process holds the database file locked"):
                    await tool.state.transact([Put("new", b"1", None)])
                assert set(await tool.state.read(["k", "new"])) == {"k"}
            await tool.state.transact([Put("new", b"1", None)])
        finally:
            await tool.close()

    @pytest.mark.parametrize("withdrawn", [True, False])
    async def test_closing_does_not_wait_for_whoever_holds_the_lock(
        self, sidecar: EmbeddedSidecar, folder: Path, *, withdrawn: bool
    ) -> None:
        tool = EmbeddedTool.open(folder, busy_seconds=60)
        with other_process("hold_write_lock", folder / FILE_NAME) as holder:
            assert line_of(holder) == "locked"
            writing = asyncio.create_task(tool.state.transact([Put("k", b"1", None)]))
            await asyncio.wait([writing], timeout=0.2)  # it looks for its turn by now
            if withdrawn:
                writing.cancel()
            began = time.monotonic()
            await tool.close()
            assert time.monotonic() - began < 1
            with pytest.raises(asyncio.CancelledError if withdrawn else SidecarUnavailable):
                await writing
        assert await sidecar.state.read(["k"]) == {}

    async def test_what_was_withdrawn_while_it_waited_leaves_the_turn_to_the_next(
        self, sidecar: EmbeddedSidecar, folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        tool = EmbeddedTool.open(folder, busy_seconds=60)
        try:
            with other_process("hold_write_lock", folder / FILE_NAME) as holder:
                assert line_of(holder) == "locked"
                given_up = asyncio.create_task(tool.state.transact([Put("k", b"1", None)]))
                await asyncio.wait([given_up], timeout=0.2)
                given_up.cancel()
                after = asyncio.create_task(tool.state.transact([Put("k", b"2", None)]))
                await asyncio.wait([given_up, after], timeout=0.2)
                assert not after.done()
            await after
        finally:
            await tool.close()
        assert (await sidecar.state.read(["k"]))["k"].value == b"2"
        assert caplog.text == ""  # nobody is interested in what came of it

    @pytest.mark.process
    async def test_both_get_their_turn_under_load(self, folder: Path) -> None:
        service = EmbeddedSidecar.open(folder)
        appended = 0

        async def append(task: int) -> None:
            nonlocal appended
            for turn in itertools.count():
                # No pause: the next transaction of the service begins as soon as the last one has ended.
                await service.appender.append([NewRecord(f"{task}", b"%d" % turn)], timeout_seconds=30)
                appended += 1

        tasks = [asyncio.create_task(append(task)) for task in range(8)]
        try:
            with other_process("write_large", folder) as tool:
                for turn in range(1, 6):
                    before = appended
                    line = await asyncio.to_thread(line_of, tool)
                    number, seen = map(int, line.split())
                    assert number == turn
                    assert seen >= before - len(tasks)
                await until(lambda: _more_than(lambda: appended, before))
        finally:
            failures = [task for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await service.close()
        assert not failures

    async def test_the_write_ahead_log_stays_within_bounds(
        self, sidecar: EmbeddedSidecar, open_tool: OpenTool, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limit = 1024 * 1024
        monkeypatch.setattr(writers, "WAL_KEPT_BYTES", limit)
        tool = open_tool()
        written = 0
        for number in range(20):
            await tool.state.transact([Put(f"{number}", b"x" * (limit // 4), None)])
            await sidecar.state.transact([Put(f"service/{number}", b"1", None)])
            written += limit // 4
        assert written > 4 * limit
        await tool.close()  # after it has folded what it was about to
        assert (folder / f"{FILE_NAME}-wal").stat().st_size < 2 * limit


@pytest.mark.process
class TestProcesses:
    @pytest.mark.parametrize("exists", [True, False])
    async def test_of_two_that_write_one_version_one_wins(
        self, sidecar: EmbeddedSidecar, folder: Path, exists: bool
    ) -> None:
        with other_process("race", folder) as one, other_process("race", folder) as other:
            for turn in range(20):
                key = f"k/{turn}"
                if exists:
                    await sidecar.state.transact([Put(key, b"before", None)])
                for process in (one, other):
                    tell(process, key)
                assert [line_of(process) for process in (one, other)] == ["ready", "ready"]
                for process, value in ((one, "one"), (other, "other")):
                    tell(process, value)
                results = [line_of(process) for process in (one, other)]
                assert sorted(results) == ["lost", "won"]
                winner = b"one" if results[0] == "won" else b"other"
                assert (await sidecar.state.read([key]))[key].value == winner

    @pytest.mark.parametrize("served", [True, False])
    async def test_killed_in_the_middle_of_a_transaction(
        self, open_sidecar: Open, open_tool: OpenTool, folder: Path, served: bool
    ) -> None:
        service = open_sidecar()
        if not served:
            await service.close()
        for _ in range(3):
            with other_process("write_large", folder) as tool:
                confirmed = int(line_of(tool).split()[0])
                end = time.monotonic() + 30
                while not locked(folder / FILE_NAME):
                    assert time.monotonic() < end
                tool.kill()
                lines = [line_of(tool)]
                while lines[-1]:
                    lines.append(line_of(tool))
            confirmed = max([confirmed, *(int(line.split()[0]) for line in lines if line)])
            state = service.state if served else open_tool().state
            found = await state.read(LARGE_KEYS)
            assert set(found) == set(LARGE_KEYS)
            (value,) = {document.value for document in found.values()}
            assert len(value) == LARGE_BYTES
            assert confirmed <= int(value) <= confirmed + 1
            if served:
                await service.appender.append([NewRecord("k", b"v")], timeout_seconds=5)


class TestRefusals:
    def test_a_folder_that_is_not_there_is_not_made(self, folder: Path) -> None:
        with pytest.raises(StorageUnusable, match="holds no data of LearnFlow") as caught:
            EmbeddedTool.open(folder)
        assert caught.value.path == folder
        assert str(folder) in str(caught.value)
        assert not folder.exists()

    def test_a_folder_of_other_things_is_left_as_it_is(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "notes.txt").write_text("theirs")
        with pytest.raises(StorageUnusable, match="holds no data of LearnFlow"):
            EmbeddedTool.open(folder)
        assert [file.name for file in folder.iterdir()] == ["notes.txt"]

    @pytest.mark.parametrize("in_use", [False, True])
    def test_a_database_that_was_never_finished(self, folder: Path, in_use: bool) -> None:
        folder.mkdir()
        with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
            if in_use:
                connection.execute("PRAGMA journal_mode = WAL")
            else:
                (folder / FILE_NAME).touch()
            with pytest.raises(StorageUnusable, match="nothing was ever written into it"):
                EmbeddedTool.open(folder)
            assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)

    def test_the_database_of_another_program(self, folder: Path) -> None:
        folder.mkdir()
        file = folder / FILE_NAME
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        before = file.read_bytes()
        with pytest.raises(StorageUnusable, match="another program"):
            EmbeddedTool.open(folder)
        assert file.read_bytes() == before
        assert [file.name for file in folder.iterdir()] == [FILE_NAME]

    async def test_a_later_format(self, folder: Path, open_sidecar: Open) -> None:
        await open_sidecar().close()
        with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
            connection.execute("PRAGMA user_version = 99")
        with pytest.raises(StorageUnusable, match="its format is 99"):
            EmbeddedTool.open(folder)

    def test_rubbish_in_place_of_the_file(self, folder: Path) -> None:
        folder.mkdir()
        (folder / FILE_NAME).write_bytes(b"this is no database " * 1_000)
        with pytest.raises(DatabaseDamaged, match=FILE_NAME):
            EmbeddedTool.open(folder)

    def test_a_folder_in_place_of_the_file(self, folder: Path) -> None:
        (folder / FILE_NAME).mkdir(parents=True)
        with pytest.raises(StorageUnusable, match="can't be opened"):
            EmbeddedTool.open(folder)


async def _more_than(count: Callable[[], int], least: int) -> bool:
    return count() > least
