"""A sidecar that is not there, or says nothing: every call ends in time, as an error of the room."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from deploy.stack.ports import free_port
from sidecar.dapr import DaprConfig, DaprSidecar
from sidecar.errors import AppendUnconfirmed, MessageTooLarge, SidecarUnavailable
from sidecar.records import NewRecord, Put

SECONDS = 0.3
Call = Callable[[DaprSidecar], Awaitable[object]]
CALLS: dict[str, Call] = {
    "append": lambda dapr: dapr.appender.append([NewRecord("k", b"v")], timeout_seconds=SECONDS),
    "read": lambda dapr: dapr.state.read(["k"]),
    "transact": lambda dapr: dapr.state.transact([Put("k", b"v", None)]),
    "secret": lambda dapr: dapr.secrets.secret("s"),
    "invoke": lambda dapr: dapr.invoker.invoke("app", "GET", "/", timeout_seconds=SECONDS),
}


def config_for(port: int) -> DaprConfig:
    return DaprConfig(
        grpc_endpoint=f"127.0.0.1:{port}",
        http_endpoint=f"http://127.0.0.1:{port}",
        read_seconds=SECONDS,
        write_seconds=SECONDS,
    )


@pytest.fixture
async def absent() -> AsyncIterator[DaprSidecar]:
    """Nothing listens where it should be."""
    dapr = DaprSidecar(config_for(free_port()))
    yield dapr
    await dapr.close()


@pytest.fixture
async def silent() -> AsyncIterator[DaprSidecar]:
    """Something takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dapr = DaprSidecar(config_for(listener.getsockname()[1]))
        yield dapr
        await dapr.close()


@pytest.mark.parametrize("call", CALLS)
async def test_every_call_ends_in_time(absent: DaprSidecar, silent: DaprSidecar, call: str) -> None:
    for dapr in (absent, silent):
        began = time.monotonic()
        with pytest.raises(SidecarUnavailable) as caught:
            await CALLS[call](dapr)
        assert time.monotonic() - began < SECONDS + 10
        if call == "append":
            assert isinstance(caught.value, AppendUnconfirmed)


async def test_it_is_said_where_nothing_answers(absent: DaprSidecar) -> None:
    assert "nothing answers where DAPR_GRPC_PORT" in str(await absent.trouble())


async def test_one_that_says_nothing_is_in_trouble(silent: DaprSidecar) -> None:
    assert await silent.trouble()


async def test_the_event_loop_goes_on_meanwhile(silent: DaprSidecar) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    turning = asyncio.create_task(turn())
    with pytest.raises(SidecarUnavailable):
        await silent.state.read(["k"])
    turning.cancel()
    assert turns > 5


async def test_what_is_too_large_is_not_even_sent(absent: DaprSidecar) -> None:
    with pytest.raises(MessageTooLarge):
        await absent.state.transact([Put("k", b"x" * (DaprConfig().max_message_bytes + 1), None)])
    with pytest.raises(MessageTooLarge):
        await absent.appender.append(
            [NewRecord("k", b"x" * (DaprConfig().max_record_bytes + 1))], timeout_seconds=SECONDS
        )
