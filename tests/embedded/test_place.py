"""The file goes away under a running process: nothing is confirmed that a restart would not find."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.embedded import EmbeddedSidecar
from sidecar.embedded import place as places
from sidecar.embedded.database import FILE_NAME
from sidecar.embedded.place import Place
from sidecar.errors import AppendRefused, AppendUnconfirmed, SidecarUnavailable
from sidecar.records import NewRecord, Put
from tests.embedded.conftest import Open
from tests.embedded.looking import values

SAID = "the database file was removed or replaced while in use"
RECORD = NewRecord("k", b"v")


def remove(folder: Path) -> None:
    for file in folder.glob(f"{FILE_NAME}*"):
        file.unlink()


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def replace_by_another(folder: Path) -> None:
    other = folder / "other"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    other.replace(folder / FILE_NAME)


def replace_by_copy(folder: Path) -> None:
    """As `git checkout`, rsync and many a restore do: the same content, another file."""
    copy = folder / "copy"
    shutil.copyfile(folder / FILE_NAME, copy)
    copy.replace(folder / FILE_NAME)


def remove_lock(folder: Path) -> None:
    """Now another process could take the folder as well."""
    (folder / "learnflow.lock").unlink()


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*"))


ways = pytest.mark.parametrize("away", [remove, remove_folder, replace_by_another, replace_by_copy, remove_lock])


@pytest.fixture
async def used(sidecar: EmbeddedSidecar) -> EmbeddedSidecar:
    """A sidecar that has written and read."""
    await sidecar.appender.append([NewRecord("k", b"before")], timeout_seconds=5)
    await sidecar.state.transact([Put("a", b"1", None)])
    assert await values(sidecar) == [b"before"]
    return sidecar


@ways
async def test_nothing_is_confirmed_any_more(
    used: EmbeddedSidecar, folder: Path, away: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    away(folder)
    left = names(folder)
    with pytest.raises(AppendUnconfirmed, match=SAID):
        await used.appender.append([RECORD], timeout_seconds=5)
    for _ in range(2):
        with pytest.raises(AppendRefused, match=SAID):
            await used.appender.append([RECORD], timeout_seconds=5)
        with pytest.raises(SidecarUnavailable, match=SAID):
            await used.state.transact([Put("b", b"1", None)])
        with pytest.raises(SidecarUnavailable, match=SAID):
            await used.log.bounds()
        with pytest.raises(SidecarUnavailable, match=SAID):
            await used.state.read(["a"])
    told = [record for record in caplog.records if "removed or replaced" in record.getMessage()]
    assert len(told) == 1
    assert str(folder) in told[0].getMessage()
    assert names(folder) == left


@ways
async def test_reads_notice_it_by_themselves(
    used: EmbeddedSidecar, folder: Path, away: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "_FRESH_SECONDS", 0.0)
    away(folder)
    reads: list[Callable[[], Awaitable[object]]] = [used.log.bounds, lambda: used.state.read(["a"])]
    for read in reads:
        with pytest.raises(SidecarUnavailable, match=SAID):
            await read()


async def test_reads_notice_it_soon(used: EmbeddedSidecar, folder: Path) -> None:
    remove(folder)
    noticed = False
    async with asyncio.timeout(5):
        while not noticed:
            try:
                await used.log.bounds()
            except SidecarUnavailable as error:
                noticed = SAID in error.detail


async def test_a_new_reader_makes_no_file(sidecar: EmbeddedSidecar, folder: Path) -> None:
    # No reading connection is open yet.
    remove(folder)
    with pytest.raises(SidecarUnavailable):
        await sidecar.log.bounds()
    assert not (folder / FILE_NAME).exists()


async def test_a_file_that_comes_back_is_not_trusted(used: EmbeddedSidecar, folder: Path) -> None:
    file = folder / FILE_NAME
    file.rename(folder / "aside")
    with pytest.raises(AppendUnconfirmed, match=SAID):
        await used.appender.append([RECORD], timeout_seconds=5)
    (folder / "aside").rename(file)
    with pytest.raises(AppendRefused, match=SAID):
        await used.appender.append([RECORD], timeout_seconds=5)


async def test_a_restart_makes_a_file_and_takes_nothing_from_another(
    used: EmbeddedSidecar, folder: Path, open_sidecar: Open
) -> None:
    remove_folder(folder)
    # The lock went with the folder, so a second one comes up beside the first.
    second = open_sidecar()
    await second.appender.append([NewRecord("k", b"second")], timeout_seconds=5)
    with pytest.raises(AppendUnconfirmed, match=SAID):
        await used.appender.append([RECORD], timeout_seconds=5)
    await used.close()
    await second.appender.append([NewRecord("k", b"third")], timeout_seconds=5)
    assert await values(second) == [b"second", b"third"]
    await second.close()
    assert await values(open_sidecar()) == [b"second", b"third"]


def test_a_folder_that_can_not_be_looked_into_is_not_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    place = Place(file)

    def refuse(_: Path) -> None:
        raise PermissionError(13, "on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", refuse)
        assert place.look()
    assert place.look()
