"""A full disk, a locked file, a damaged one: a clear answer, nothing half done; work goes on when the cause is gone."""

import sqlite3
from pathlib import Path

import pytest

from sidecar.embedded import DatabaseDamaged, EmbeddedSidecar
from sidecar.embedded.database import FILE_NAME
from sidecar.errors import AppendRefused, SidecarUnavailable, StorageDamaged
from sidecar.records import NewRecord, Put
from tests.embedded.conftest import Open
from tests.embedded.looking import everything, values
from tests.embedded.processes import line_of, other_process

_PAGE = 4096


async def limit_pages(sidecar: EmbeddedSidecar, more: int) -> None:
    """Let the file grow by that many pages and no further."""

    def work(connection: sqlite3.Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + more}")

    await sidecar._writer.submit(work)


async def test_full_disk(sidecar: EmbeddedSidecar) -> None:
    await limit_pages(sidecar, 30)
    appended, refused = 0, None
    while refused is None:
        records = [NewRecord("k", b"%d" % (appended + n) + b" " * 2_000) for n in range(7)]
        try:
            await sidecar.appender.append(records, timeout_seconds=5)
        except AppendRefused as error:
            refused = error
        else:
            appended += 7
    assert "the disk is full" in refused.detail
    assert appended > 0
    with pytest.raises(SidecarUnavailable, match="the disk is full"):
        await sidecar.state.transact([Put("small", b"1", None), Put("large", b"x" * 100_000, None)])
    assert await sidecar.state.read(["small", "large"]) == {}
    assert [int(value) for value in await values(sidecar)] == list(range(appended))
    await limit_pages(sidecar, 1_000)
    await sidecar.appender.append([NewRecord("k", b"%d" % appended)], timeout_seconds=5)
    await sidecar.state.transact([Put("small", b"1", None)])
    assert [record.offset for record in await everything(sidecar)] == list(range(appended + 1))


@pytest.mark.process
async def test_file_locked_by_another_process(sidecar: EmbeddedSidecar, folder: Path) -> None:
    await sidecar.state.transact([Put("k", b"1", None)])
    with other_process("hold_write_lock", folder / FILE_NAME) as holder:
        assert line_of(holder) == "locked"
        with pytest.raises(AppendRefused, match="another process holds the database file locked"):
            await sidecar.appender.append([NewRecord("k", b"late")], timeout_seconds=5)
        with pytest.raises(AppendRefused, match=r"turn did not come within 0\.05 s"):
            await sidecar.appender.append([NewRecord("k", b"too late")], timeout_seconds=0.05)
        with pytest.raises(SidecarUnavailable, match="locked"):
            await sidecar.state.transact([Put("other", b"1", None)])
        assert set(await sidecar.state.read(["k", "other"])) == {"k"}
        assert await values(sidecar) == []
    await sidecar.appender.append([NewRecord("k", b"in time")], timeout_seconds=5)
    assert await values(sidecar) == [b"in time"]


def overwrite(file: Path, first: int, until: int) -> bytes:
    """Overwrite pages, and return the file as it was."""
    content = file.read_bytes()
    file.write_bytes(content[: first * _PAGE] + b"\xee" * (until - first) * _PAGE + content[until * _PAGE :])
    return content


def restore(file: Path, content: bytes) -> None:
    """Bring back what `overwrite` returned."""
    file.write_bytes(content)


def replace(file: Path, old: bytes, new: bytes) -> None:
    """Change what is somewhere in the file."""
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new, 1))


def _pages(file: Path) -> int:
    return file.stat().st_size // _PAGE


class TestDamage:
    """The file was changed behind our back."""

    DOCUMENTS = 200

    @pytest.fixture
    async def file(self, open_sidecar: Open, folder: Path) -> Path:
        sidecar = open_sidecar()
        for n in range(self.DOCUMENTS):
            await sidecar.appender.append([NewRecord(f"k{n}", b"record %03d " % n * 100)], timeout_seconds=5)
        await sidecar.state.transact([Put(f"d{n}", b"document %03d " % n * 100, None) for n in range(self.DOCUMENTS)])
        await sidecar.close()
        return folder / FILE_NAME

    def test_the_header(self, file: Path, folder: Path) -> None:
        content = file.read_bytes()
        file.write_bytes(b"\xee" * 100 + content[100:])
        with pytest.raises(DatabaseDamaged) as caught:
            EmbeddedSidecar.open(folder)
        assert caught.value.path == file
        assert isinstance(caught.value, StorageDamaged)

    async def test_all_pages_but_the_schema(self, file: Path, open_sidecar: Open) -> None:
        # The first pages hold the schema, the topic and the partitions' ends.
        overwrite(file, 10, _pages(file))
        sidecar = open_sidecar()
        with pytest.raises(DatabaseDamaged, match=FILE_NAME):
            await sidecar.state.read([f"d{n}" for n in range(self.DOCUMENTS)])
        with pytest.raises(StorageDamaged):
            await values(sidecar)
        with pytest.raises(SidecarUnavailable, match="the database file is damaged"):
            await sidecar.state.transact([Put("new", b"x", None)])
        with pytest.raises(AppendRefused, match="the database file is damaged"):
            await sidecar.appender.append([NewRecord("k", b"x" * 10_000)], timeout_seconds=5)

    async def test_any_page(self, file: Path, open_sidecar: Open) -> None:
        """Whatever page is overwritten: what is read is what was written, or the damage is told."""
        told = 0
        pages = range(10, _pages(file), 7)
        for page in pages:
            good = overwrite(file, page, page + 1)
            sidecar = open_sidecar()
            for n in range(self.DOCUMENTS):
                try:
                    read = await sidecar.state.read([f"d{n}"])
                except StorageDamaged:
                    told += 1
                else:
                    assert read[f"d{n}"].value == b"document %03d " % n * 100
            try:
                found = await values(sidecar)
            except StorageDamaged:
                told += 1
            else:
                assert sorted(found) == [b"record %03d " % n * 100 for n in range(self.DOCUMENTS)]
            await sidecar.close()
            restore(file, good)
        assert told >= len(pages) - 1

    async def test_a_byte_within_a_document(self, file: Path, open_sidecar: Open) -> None:
        replace(file, b"document 077 document 077", b"document 077 document 078")
        sidecar = open_sidecar()
        with pytest.raises(DatabaseDamaged, match="checksum of the document 'd77'"):
            await sidecar.state.read(["d76", "d77"])
        assert set(await sidecar.state.read(["d76", "d78"])) == {"d76", "d78"}

    async def test_a_byte_within_a_record(self, file: Path, open_sidecar: Open) -> None:
        replace(file, b"record 077 record 077", b"record 077 record 078")
        sidecar = open_sidecar()
        with pytest.raises(DatabaseDamaged, match="checksum of partition"):
            await values(sidecar)
