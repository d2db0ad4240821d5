"""A sidecar: daprd for one app."""

import http
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from deploy.stack import http_probe
from deploy.stack.environment import variables
from deploy.stack.guardian import Guardian
from deploy.stack.ports import HOST, free_port
from deploy.stack.process import Command, Process
from deploy.stack.server import Server

_DAPR: Final = Path(__file__).parents[1] / "dapr"
RESOURCES: Final = (_DAPR / "components", _DAPR / "local")
CONFIGURATION: Final = _DAPR / "local" / "configuration.yaml"
CLOSED: Final = _DAPR / "local" / "closed.yaml"
"""Keeps every other app from calling this one."""
GRACE_SECONDS: Final = 15


@dataclass(frozen=True, kw_only=True)
class DaprdOptions:
    """How a sidecar is run.

    Attributes:
        app_id: the name that others call it by, and that components are scoped to.
        app_port: where its app listens on 127.0.0.1; `None` for no app: nothing is delivered then.
        name: for messages and the log file; none given, made of the app-id.
        resources: folders of component files.
        configurations: files, each of which adds to those before.
        drain_seconds: how long it goes on serving the app after it was asked to end, without taking new batches; all of
            it is waited out while the app is healthy. 0 for not at all.
        probe_seconds: between two looks at the app's /healthz.
        http_port: of its own API; `None` for a free one.
        max_body_mib: the most that one message of its own API may hold, in MiB; `None` for Dapr's default.
        log_level: debug, info, warn or error.
    """

    app_id: str
    app_port: int | None = None
    name: str | None = None
    resources: Sequence[Path] = RESOURCES
    configurations: Sequence[Path] = (CONFIGURATION,)
    drain_seconds: int = 5
    probe_seconds: int = 3
    http_port: int | None = None
    max_body_mib: int | None = None
    log_level: str = "info"


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a sidecar finds around it.

    Attributes:
        program: daprd.
        placement: the address of placement.
        logs: the folder of log files.
        variables: that component files refer to.
    """

    program: Path
    placement: str
    logs: Path
    variables: dict[str, str]


class Daprd(Server):
    """A sidecar. `start` waits until its components are loaded, which is all that an app needs to start itself."""

    def __init__(self, options: DaprdOptions, around: Surroundings, guardian: Guardian) -> None:
        self.app_id = options.app_id
        self.app_port = options.app_port
        self.http_port = free_port(options.http_port)
        self.grpc_port = free_port()
        internal_port, metrics_port = free_port(), free_port()
        name = options.name or f"{options.app_id}-daprd"
        arguments: list[str | Path] = [
            around.program,
            f"--app-id={options.app_id}",
            f"--dapr-http-port={self.http_port}",
            f"--dapr-grpc-port={self.grpc_port}",
            f"--dapr-listen-addresses={HOST}",
            f"--dapr-internal-grpc-port={internal_port}",
            f"--dapr-internal-grpc-listen-address={HOST}",
            f"--metrics-port={metrics_port}",
            f"--metrics-listen-address={HOST}",
            *(f"--resources-path={folder}" for folder in options.resources),
            *(f"--config={file}" for file in options.configurations),
            f"--placement-host-address={around.placement}",
            f"--dapr-graceful-shutdown-seconds={GRACE_SECONDS}",
            f"--log-level={options.log_level}",
            *_max_body(options.max_body_mib),
            *_drain(options.drain_seconds),
            *_app(options.app_port, options.probe_seconds),
        ]
        command = Command(
            name=name,
            arguments=arguments,
            environment=variables(around.variables),
            log=around.logs / f"{name}.log",
            ports=(self.http_port, self.grpc_port, internal_port, metrics_port),
            stop_seconds=GRACE_SECONDS + options.drain_seconds + 5.0,
        )
        super().__init__(Process(command, guardian))

    @property
    def url(self) -> str:
        """Of its HTTP API."""
        return f"http://{HOST}:{self.http_port}"

    @property
    def variables(self) -> dict[str, str]:
        """What an app, or Dapr's SDK in it, needs to know to find it."""
        return {"DAPR_HTTP_PORT": str(self.http_port), "DAPR_GRPC_PORT": str(self.grpc_port)}

    def metadata(self) -> Any:
        """What it says of itself: components, subscriptions, actor runtime; `None` if it doesn't answer."""
        return http_probe.document(self.http_port, "/v1.0/metadata")

    @override
    def trouble(self) -> str | None:
        return self._asked("/v1.0/healthz/outbound", "its components are not loaded")

    def app_trouble(self) -> str | None:
        """What is missing until it serves with its app; `None` for nothing."""
        return self._asked("/v1.0/healthz", "it waits for its app or for placement")

    def wait_with_app(self, seconds: float = 60.0) -> None:
        """Wait until it serves, its app is there and placement is connected.

        Raises:
            NotStarted: it ended, or that takes too long.
        """
        self.process.wait_ready(self.app_trouble, seconds)

    def _asked(self, path: str, otherwise: str) -> str | None:
        answer = http_probe.status(self.http_port, path)
        return None if answer == http.HTTPStatus.NO_CONTENT else f"{otherwise}: {path} answers {answer}"


def _max_body(mib: int | None) -> list[str]:
    return [] if mib is None else [f"--max-body-size={mib}Mi"]


def _drain(seconds: int) -> list[str]:
    # Without this daprd would drop what Kafka had given it already.
    return [f"--dapr-block-shutdown-duration={seconds}s"] if seconds else []


def _app(port: int | None, probe_seconds: int) -> list[str]:
    if port is None:
        return []
    return [
        f"--app-port={port}",
        "--app-protocol=http",
        f"--app-channel-address={HOST}",
        "--enable-app-health-check",
        "--app-health-check-path=/healthz",
        f"--app-health-probe-interval={probe_seconds}",
        # An event loop that is busy for a moment is not ill: the default of half a second would stop deliveries.
        "--app-health-probe-timeout=2000",
    ]
