"""Running services as a process: one event loop, one server, a clean end."""

import asyncio
import logging
import math
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from typing_extensions import override

from curriculum.errors import PackFaults
from learnflow.draining import Draining
from learnflow.services import Service, build
from learnflow.settings import Settings, SidecarKind, faults_in_words, read_settings
from learnflow.sidecar import open_sidecar
from sidecar.errors import SidecarError

SWITCH_INTERVAL_SECONDS: Final = 0.0005
_TO_END: Final = (signal.SIGINT, signal.SIGTERM)


class CannotListen(Exception):
    """The address is taken or not ours.

    Attributes:
        host: of the address.
        port: of the address.
    """

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"can't listen on {host}:{port}: {reason}")
        self.host = host
        self.port = port


def serve(services: Collection[Service], settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are answered, what was accepted is durable.

    After SIGTERM requests are taken for `drain_seconds` more, or until the next signal.

    Args:
        services: which ones.
        settings: how.
        on_ready: told the base URL once requests are taken.

    Raises:
        CannotListen: the address is not to be had; nothing was opened.
        SidecarError: the data folder can't be used.
        PackFaults: teaching material can't be used; the message names every fault.
    """

    @asynccontextmanager
    async def opened() -> AsyncIterator[FastAPI]:
        async with open_sidecar(settings) as sidecar:
            yield build(services, sidecar, settings)

    serve_app(opened, settings, on_ready)


def serve_app(
    opened: Callable[[], AbstractAsyncContextManager[FastAPI]], settings: Settings, on_ready: Callable[[str], None]
) -> None:
    """Serve an app as `serve` does.

    Args:
        opened: gives the app, over a sidecar that is open until the end of the context; with its `Draining` as
            `state.draining`.
        settings: how.
        on_ready: told the base URL once requests are taken.

    Raises:
        CannotListen: the address is not to be had; nothing was opened.
        Exception: whatever `opened` raises.
    """
    # SQLite's threads give up the interpreter at every step and wait this long to get it back from a busy event loop.
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    with (
        _listen(settings) as listener,
        asyncio.Runner(loop_factory=uvicorn.Config("", log_config=None).get_loop_factory()) as runner,
    ):
        runner.run(_serve(opened, settings, listener, on_ready))


def main(services: Collection[Service]) -> None:
    """Serve as a program: settings from the environment, errors in one line, exit status 1 on error.

    While embedded, the projector runs in every service: a data folder belongs to one process, so nobody else could
    fold its log.
    """
    try:
        settings = read_settings({})
    except ValidationError as invalid:
        sys.exit(f"learnflow: {faults_in_words(invalid)}")
    configure_logging(settings)
    if settings.sidecar is SidecarKind.EMBEDDED:
        services = {*services, Service.PROJECTOR}
    try:
        serve(services, settings, lambda url: print(f"{', '.join(services)} on {url}", flush=True))  # noqa: T201
    except (CannotListen, SidecarError, PackFaults) as error:
        sys.exit(f"learnflow: {error}")


def configure_logging(settings: Settings) -> None:
    """Send the program's log to stderr, a line a record."""
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("httpx2").setLevel(logging.WARNING)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's algorithm off only then; with it every answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise CannotListen(settings.host, settings.port, error.strerror or str(error)) from error
    return listener


async def _serve(
    opened: Callable[[], AbstractAsyncContextManager[FastAPI]],
    settings: Settings,
    listener: socket.socket,
    on_ready: Callable[[str], None],
) -> None:
    with ExitStack() as starting:
        wishes = starting.enter_context(_noting_signals())
        async with opened() as app:
            config = uvicorn.Config(
                app,
                lifespan="on",
                access_log=False,
                log_config=None,
                timeout_graceful_shutdown=10,
            )
            drain = _Drain(app.state.draining, settings.drain_seconds)
            server = _Server(config, lambda: on_ready(_url(listener)), wishes, drain)
            try:
                await server.serve(sockets=[listener])
            finally:
                starting.close()  # whoever does not want to wait for the sidecar's end can break it off


def _url(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _noting_signals() -> Iterator[list[int]]:
    """Note the signals to end, in a list; the event loop's own way is to cancel what is half started."""
    noted: list[int] = []
    before = {signum: signal.signal(signum, lambda number, _: noted.append(number)) for signum in _TO_END}
    try:
        yield noted
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@dataclass(frozen=True, slots=True)
class _Drain:
    draining: Draining
    seconds: float


class _Server(uvicorn.Server):
    """Tells when it takes requests, and takes a signal to end as a wish, not as a failure: the exit status is 0."""

    def __init__(
        self, config: uvicorn.Config, on_started: Callable[[], None], wishes: Collection[int], drain: _Drain
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._wishes = wishes
        self._drain = drain
        self._drained_at = math.inf

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if not self.should_exit:
            self._on_started()

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig != signal.SIGTERM or self._drain.seconds == 0 or self._drain.draining.begun:
            super().handle_exit(sig, frame)
            return
        self._drain.draining.begun = True
        self._drained_at = time.monotonic() + self._drain.seconds

    @override
    async def on_tick(self, counter: int) -> bool:
        self.should_exit |= time.monotonic() >= self._drained_at
        return await super().on_tick(counter)

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {signum: signal.signal(signum, self.handle_exit) for signum in _TO_END}
        # Those that came before it could take them itself.
        self.should_exit |= bool(self._wishes)
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)
