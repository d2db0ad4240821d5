"""The folder belongs to one process, and its file to this program."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.embedded import DatabaseDamaged, EmbeddedSidecar, FolderInUse, StorageUnusable
from sidecar.embedded.database import FILE_NAME
from sidecar.records import NewRecord
from tests.embedded.conftest import Open
from tests.embedded.looking import values
from tests.embedded.processes import line_of, other_process


@pytest.mark.process
async def test_a_second_process_is_refused_until_the_first_is_gone(folder: Path, open_sidecar: Open) -> None:
    with other_process("hold_folder", folder) as holder:
        assert line_of(holder) == "open"
        with pytest.raises(FolderInUse, match=f"in use by process {holder.pid}") as caught:
            EmbeddedSidecar.open(folder)
        assert caught.value.pid == holder.pid
        assert caught.value.folder == folder
        holder.kill()
        holder.wait()
        # The killed process left its lock file and its number.
        sidecar = open_sidecar()
    await sidecar.appender.append([NewRecord("k", b"v")], timeout_seconds=5)


async def test_a_second_sidecar_of_one_process_is_refused(folder: Path, open_sidecar: Open) -> None:
    sidecar = open_sidecar()
    with pytest.raises(FolderInUse) as caught:
        EmbeddedSidecar.open(folder)
    assert caught.value.pid == os.getpid()
    await sidecar.close()
    await sidecar.close()
    open_sidecar()


async def test_a_holder_that_is_not_known_yet(folder: Path, open_sidecar: Open) -> None:
    open_sidecar()
    (folder / "learnflow.pid").write_text("")
    with pytest.raises(FolderInUse, match="in use by another process") as caught:
        EmbeddedSidecar.open(folder)
    assert caught.value.pid is None


async def test_the_number_of_partitions_stays(open_sidecar: Open) -> None:
    first = open_sidecar(partitions=3)
    identity = await first.log.identity()
    assert identity.partitions == 3
    await first.close()
    second = open_sidecar(partitions=5)
    assert await second.log.identity() == identity
    assert set(await second.log.bounds()) == {0, 1, 2}


async def test_another_folder_is_another_log(folder: Path, open_sidecar: Open) -> None:
    other = EmbeddedSidecar.open(folder.with_name("other"))
    try:
        assert await other.log.identity() != await open_sidecar().log.identity()
    finally:
        await other.close()


def test_a_file_in_place_of_the_folder(folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(StorageUnusable) as caught:
        EmbeddedSidecar.open(folder)
    assert caught.value.path == folder


def test_a_folder_in_place_of_the_file(folder: Path) -> None:
    (folder / FILE_NAME).mkdir(parents=True)
    with pytest.raises(StorageUnusable, match="can't be opened"):
        EmbeddedSidecar.open(folder)


def test_the_database_of_another_program(folder: Path) -> None:
    folder.mkdir()
    file = folder / FILE_NAME
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = file.read_bytes()
    with pytest.raises(StorageUnusable, match="another program"):
        EmbeddedSidecar.open(folder)
    # And the folder was given back: the second attempt fails for the same reason.
    with pytest.raises(StorageUnusable, match="another program") as caught:
        EmbeddedSidecar.open(folder)
    assert caught.value.path == file
    assert file.read_bytes() == before


async def test_a_later_format(folder: Path, open_sidecar: Open) -> None:
    await open_sidecar().close()
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StorageUnusable, match="its format is 99"):
        EmbeddedSidecar.open(folder)


async def test_a_creation_that_was_cut_off(folder: Path, open_sidecar: Open) -> None:
    folder.mkdir()  # noqa: ASYNC240 - nothing else runs
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    sidecar = open_sidecar()
    await sidecar.appender.append([NewRecord("k", b"v")], timeout_seconds=5)


async def test_a_copy_without_write_ahead_log(folder: Path, open_sidecar: Open) -> None:
    first = open_sidecar()
    await first.appender.append([NewRecord("k", b"v")], timeout_seconds=5)
    await first.close()
    file = folder / FILE_NAME
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("VACUUM INTO ?", (str(folder / "copy"),))
    (folder / "copy").replace(file)
    second = open_sidecar()
    assert await values(second) == [b"v"]
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_rubbish_in_place_of_the_file(folder: Path) -> None:
    folder.mkdir()
    (folder / FILE_NAME).write_bytes(b"this is no database " * 1_000)
    with pytest.raises(DatabaseDamaged, match=FILE_NAME):
        EmbeddedSidecar.open(folder)


def test_settings_out_of_range(folder: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        EmbeddedSidecar.open(folder, partitions=0)
