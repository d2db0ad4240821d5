"""Connections between a sidecar and Postgres that end in the middle of an answer."""

import asyncio
import time
import uuid

import psycopg
import pytest

from deploy.stack.daprd import DaprdOptions
from deploy.stack.infrastructure import Infrastructure
from sidecar.dapr import DaprConfig, DaprSidecar
from sidecar.errors import SidecarUnavailable
from sidecar.records import Put
from tests.deadlines import eventually

READERS = 6
SECONDS = 10
END_THEM = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND query LIKE '%ANY(%' AND usename = current_user"
)


@pytest.mark.process
async def test_what_is_there_is_never_said_to_be_absent(clean: Infrastructure) -> None:
    daprd = clean.daprd(DaprdOptions(app_id="projector", name=f"reader-{uuid.uuid4().hex[:8]}", drain_seconds=0))
    await asyncio.to_thread(daprd.start)
    dapr = DaprSidecar(DaprConfig(grpc_endpoint=f"127.0.0.1:{daprd.grpc_port}"))
    there = [f"there/{number}" for number in range(20)]
    await dapr.state.transact([Put(key, b"x" * 10_000, None) for key in there])
    answered, failed, ended = 0, 0, 0
    end = time.monotonic() + SECONDS

    async def read() -> None:
        nonlocal answered, failed
        while time.monotonic() < end:
            try:
                found = await dapr.state.read([*there, "absent"])
            except SidecarUnavailable:
                failed += 1
            else:
                answered += 1
                assert set(found) == set(there)

    def interrupt() -> None:
        nonlocal ended
        with psycopg.connect(clean.postgres_dsn, autocommit=True) as connection:
            while time.monotonic() < end:
                (count,) = connection.execute(END_THEM).fetchone() or (0,)
                ended += count
                time.sleep(0.02)

    await asyncio.gather(asyncio.to_thread(interrupt), *(read() for _ in range(READERS)))
    assert answered
    assert failed
    assert ended
    assert set(await dapr.state.read(there)) == set(there)
    await dapr.close()
    await asyncio.to_thread(daprd.stop)
    eventually(lambda: not daprd.running)
