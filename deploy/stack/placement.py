"""Dapr's placement service."""

from pathlib import Path
from typing import Any

from typing_extensions import override

from deploy.stack import http_probe
from deploy.stack.environment import variables
from deploy.stack.guardian import Guardian
from deploy.stack.ports import HOST, free_port
from deploy.stack.process import Command, Process
from deploy.stack.server import Server


class Placement(Server):
    """Knows which sidecar hosts which actor types; forgets them when it ends, and is told again."""

    def __init__(self, program: Path, logs: Path, guardian: Guardian) -> None:
        self.port, self.health_port = free_port(), free_port()
        raft_port, metrics_port = free_port(), free_port()
        arguments: list[str | Path] = [
            program,
            f"--port={self.port}",
            f"--listen-address={HOST}",
            f"--healthz-port={self.health_port}",
            f"--healthz-listen-address={HOST}",
            f"--initial-cluster=dapr-placement-0={HOST}:{raft_port}",
            f"--metrics-port={metrics_port}",
            f"--metrics-listen-address={HOST}",
            "--metadata-enabled",
        ]
        command = Command(
            name="placement",
            arguments=arguments,
            environment=variables(),
            log=logs / "placement.log",
            ports=(self.port, self.health_port, raft_port, metrics_port),
        )
        super().__init__(Process(command, guardian))

    @property
    def address(self) -> str:
        """For `--placement-host-address`."""
        return f"{HOST}:{self.port}"

    @property
    def state_url(self) -> str:
        """Answers with the hosts of actor types, as JSON: `tables.<namespace>.hosts`."""
        return f"http://{HOST}:{self.health_port}/placement/state"

    def state(self) -> Any:
        """What `state_url` answers; `None` if it doesn't."""
        return http_probe.document(self.health_port, "/placement/state")

    @override
    def trouble(self) -> str | None:
        # It is healthy before it leads, and knows of no host until it does.
        return None if self.state() is not None else "it does not lead yet"
