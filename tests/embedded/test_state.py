"""Where the embedded state store promises more than the ports."""

import asyncio
import sqlite3
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.embedded import EmbeddedSidecar
from sidecar.embedded.rows import PACKED, checksum, insert, unpack
from sidecar.records import Put


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.one_of(st.none(), st.text()), st.binary())))
def test_what_is_packed_is_unpacked(rows: list[tuple[str | None, bytes]]) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.execute("CREATE TABLE t (key TEXT, value BLOB, checksum INTEGER)")
        expected = [(key, value, checksum(key, value)) for key, value in rows if key is None or "\0" not in key]
        insert(connection, "t", expected)
        head, body = connection.execute(f"SELECT {PACKED.format(columns='key')} FROM t").fetchone()  # noqa: S608
        assert [(columns[0], value, columns[1]) for columns, value in unpack(head, body)] == expected
    finally:
        connection.close()


@pytest.mark.parametrize("key", ["", "a||b", "a\0b", "x" * 1_001])
async def test_keys_that_the_port_does_not_allow(sidecar: EmbeddedSidecar, key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        await sidecar.state.transact([Put("good", b"1", None), Put(key, b"1", None)])
    assert await sidecar.state.read(["good"]) == {}


async def test_reading_does_not_wait_for_the_writer(sidecar: EmbeddedSidecar) -> None:
    await sidecar.state.transact([Put("k", b"1", None)])
    written, release = threading.Event(), threading.Event()

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE document SET value = x'32'")
        written.set()
        release.wait(30)
        raise LookupError("on purpose")

    writing = asyncio.create_task(sidecar._writer.submit(work))
    assert await asyncio.to_thread(written.wait, 10)
    document = (await sidecar.state.read(["k"]))["k"]
    release.set()
    with pytest.raises(LookupError):
        await writing
    assert document.value == b"1"


async def test_more_readers_than_threads(sidecar: EmbeddedSidecar) -> None:
    await sidecar.state.transact([Put(f"k{n}", b"%d" % n, None) for n in range(100)])
    found = await asyncio.gather(*(sidecar.state.read([f"k{n}"]) for n in range(100)))
    assert [documents[f"k{n}"].value for n, documents in enumerate(found)] == [b"%d" % n for n in range(100)]
