"""The whole: infrastructure, the log's topic, and each service with its sidecar."""

import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from deploy.stack.concurrently import concurrently
from deploy.stack.daprd import CLOSED, Daprd, DaprdOptions
from deploy.stack.environment import variables
from deploy.stack.errors import NotStarted
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.ports import HOST, free_port
from deploy.stack.process import Command
from deploy.stack.service import CHECKOUT, COURSE_AGENT, PROJECTOR, SERVICES, USER_PROGRESS, App, Replica
from deploy.stack.service import program as program_of

PARTITIONS: Final = 8
LOG_SECONDS: Final = 60
APP_STOP_SECONDS: Final = 15.0
AGENTS_HOSTS: Final = (COURSE_AGENT, USER_PROGRESS)
OPERATOR: Final = "replay"
"""The app-id of the sidecar that commands for operators use."""
OPERATOR_MIB: Final = 64
OPERATOR_FILE: Final = "operator.env"


class Stack:
    """The services on an infrastructure that runs; a context that makes the log's topic, starts them and ends them.

    Attributes:
        infrastructure: what they run on.
        replicas: all that were started, in this order.
        operator: the sidecar that commands for operators use; `None` if there is to be none.
    """

    def __init__(
        self,
        infrastructure: Infrastructure,
        *,
        services: Sequence[str] = SERVICES,
        partitions: int = PARTITIONS,
        ports: Mapping[str, int] | None = None,
        environment: Mapping[str, str] | None = None,
        sidecars: DaprdOptions | None = None,
        with_operator: bool = False,
    ) -> None:
        """Plan it, without starting anything.

        Args:
            infrastructure: that runs, and goes on running afterwards.
            services: what to start with, one replica each.
            partitions: of the log, if it isn't there yet.
            ports: of the services' first replicas, where it matters.
            environment: further variables for the apps.
            sidecars: how sidecars are run; their app, its port and name are filled in.
            with_operator: whether there is to be a sidecar for `learnflow replay` and other commands for operators.
        """
        self.infrastructure = infrastructure
        self.replicas: list[Replica] = []
        self._services = services
        self._partitions = partitions
        self._ports = dict(ports or {})
        self._environment = dict(environment or {})
        self._sidecars = sidecars or DaprdOptions(app_id="")
        self._counts: Counter[str] = Counter()
        self.operator: Daprd | None = None
        if with_operator:
            options = replace(
                self._sidecars, app_id=OPERATOR, app_port=None, name=f"{OPERATOR}-daprd", max_body_mib=OPERATOR_MIB
            )
            self.operator = infrastructure.daprd(options)

    def __enter__(self) -> Self:
        with ExitStack() as life:
            life.callback(self.stop)
            self.create_log()
            replicas = [self.replica(service) for service in self._services]
            for replica in _that_make_tables(replicas):
                # In an empty database, that is; of two that do so at once one gives up.
                replica.daprd.start()
            operators = [] if self.operator is None else [self.operator.start]
            concurrently([*(replica.start for replica in replicas), *operators], self.stop)
            if self.operator is not None:
                self.operator_file.write_text(_lines(self.operator_variables), encoding="utf-8")
            life.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __getitem__(self, service: str) -> Replica:
        """The first replica of a service.

        Raises:
            KeyError: it was not started.
        """
        for replica in self.replicas:
            if replica.service == service:
                return replica
        raise KeyError(service)

    @property
    def course_agent(self) -> str:
        """The URL that lessons are asked for at."""
        return self[COURSE_AGENT].url

    @property
    def user_progress(self) -> str:
        """The URL that progress is reported to."""
        return self[USER_PROGRESS].url

    @property
    def operator_variables(self) -> dict[str, str]:
        """What a command for operators finds in its environment to reach this stack; nothing if it can't be reached."""
        if self.operator is None:
            return {}
        return {
            "LEARNFLOW_SIDECAR": "dapr",
            "LEARNFLOW_KAFKA_BROKERS": self.infrastructure.brokers,
            "LEARNFLOW_KAFKA_SECRET": "kafka",
            "LEARNFLOW_MESSAGE_BYTES": str(OPERATOR_MIB * 1024**2),
            **self.operator.variables,
        }

    @property
    def operator_file(self) -> Path:
        """Where these variables are written for a shell to read, while the stack runs."""
        return self.infrastructure.data / OPERATOR_FILE

    def create_log(self) -> None:
        """Make the topic that is the log, unless it is there.

        Raises:
            NotStarted: it can't be made, or is there with settings that lose events.
        """
        log = self.infrastructure.logs / "log-create.log"
        command = ["log", "create", f"--partitions={self._partitions}", "--replication-factor=1"]
        with log.open("ab") as output:
            status = subprocess.run(
                [sys.executable, "-m", "learnflow", *command],
                cwd=CHECKOUT,
                env=variables({"LEARNFLOW_KAFKA_BROKERS": self.infrastructure.brokers}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=LOG_SECONDS,
                check=False,
            ).returncode
        if status != 0:
            written = log.read_text(encoding="utf-8", errors="replace").strip()
            raise NotStarted("learnflow log create", f"ended with status {status}", log, written)

    def start_service(self, service: str) -> Replica:
        """Start one more replica of a service, and wait until it is ready.

        Raises:
            ValueError: there is no such service.
            NotStarted: it ended, or does not become ready in time.
        """
        replica = self.replica(service)
        replica.start()
        return replica

    def replica(self, service: str, *, program: Sequence[str | Path] | None = None) -> Replica:
        """One more replica of a service, not started yet; ended with the stack at the latest.

        Args:
            service: what it is to its sidecar and to others.
            program: the command that runs its app, as another image would hold it; none given, the service's own.

        Raises:
            ValueError: there is no such service.
        """
        command = program_of(service) if program is None else program
        self._counts[service] += 1
        name = f"{service}-{self._counts[service]}"
        port = self._ports.pop(service, None) or free_port()
        options = replace(self._sidecars, app_id=service, app_port=port, name=f"{name}-daprd")
        if service == PROJECTOR:
            options = replace(options, configurations=(*options.configurations, CLOSED))
        sidecar = self.infrastructure.daprd(options)
        app = self.infrastructure.process(
            Command(
                name=name,
                arguments=command,
                environment=variables({**self._variables(service, port), **sidecar.variables, **self._environment}),
                log=self.infrastructure.logs / f"{name}.log",
                ports=(port,),
                cwd=CHECKOUT,
                stop_seconds=APP_STOP_SECONDS,
            )
        )
        replica = Replica(service, name, App(app, port), sidecar)
        self.replicas.append(replica)
        return replica

    def stop(self) -> None:
        """End all services, whatever state they are in."""
        operators = []
        if self.operator is not None:
            self.operator_file.unlink(missing_ok=True)
            operators.append(self.operator.stop)
        concurrently([*(replica.stop for replica in self.replicas), *operators])

    def _variables(self, service: str, port: int) -> dict[str, str]:
        common = {
            "LEARNFLOW_SIDECAR": "dapr",
            "LEARNFLOW_HOST": HOST,
            "LEARNFLOW_PORT": str(port),
            "APP_API_TOKEN": self.infrastructure.app_token,
        }
        if service != PROJECTOR:
            return common
        return {
            **common,
            "LEARNFLOW_KAFKA_BROKERS": self.infrastructure.brokers,
            "LEARNFLOW_KAFKA_SECRET": "kafka",
        }


def _that_make_tables(replicas: Sequence[Replica]) -> list[Replica]:
    """One for the documents, and one for what agents remember."""
    hosts = [replica for replica in replicas if replica.service in AGENTS_HOSTS]
    return list(dict.fromkeys([*replicas[:1], *hosts[:1]]))


def _lines(environment: Mapping[str, str]) -> str:
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items())
