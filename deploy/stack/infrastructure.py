"""Placement, Kafka and Postgres together, and sidecars beside them."""

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Self

from filelock import FileLock, Timeout

from deploy.stack.concurrently import concurrently
from deploy.stack.daprd import Daprd, DaprdOptions, Surroundings
from deploy.stack.errors import DataUnusable
from deploy.stack.guardian import Guardian
from deploy.stack.kafka import Kafka
from deploy.stack.placement import Placement
from deploy.stack.postgres import Postgres
from deploy.stack.process import Command, Process
from deploy.stack.provision import Tools, provide

PREFIX: Final = "learnflow-stack-"


class Infrastructure:
    """What LearnFlow needs besides itself, on free ports of 127.0.0.1; a context that starts and ends it.

    At the end of the context nothing runs that was started through it; also when this process is killed.

    Attributes:
        tools: the programs it is run with.
        data: the folder of what is kept, and of the log files unless another was named.
        logs: the folder of log files, one for each process.
        placement: Dapr's service for actors.
        kafka: the broker.
        postgres: the database.
        app_token: what sidecars show to their apps.
    """

    placement: Placement
    kafka: Kafka
    postgres: Postgres

    def __init__(self, *, data: Path | None = None, logs: Path | None = None, tools: Tools | None = None) -> None:
        """Find or install the programs; starts nothing.

        Args:
            data: a folder that is kept, and taken up again the next time; `None` for a temporary one.
            logs: a folder that is kept; `None` for one in data.
            tools: as from `provide`, which is asked if none are given.

        Raises:
            ToolMissing: a program is missing.
            InstallFailed: one could not be installed.
        """
        self.tools = tools or provide()
        self.app_token = secrets.token_urlsafe(24)
        self._temporary = data is None
        self.data = _temporary_folder() if data is None else data.absolute()
        self.logs = self.data / "logs" if logs is None else logs.absolute()
        self._life = ExitStack()
        self._dependants: list[Process] = []

    def __enter__(self) -> Self:
        """Start placement, Kafka and Postgres.

        Raises:
            DataUnusable: another stack runs on the data, it is of another Postgres, or that can't reach it.
            NotStarted: one of the three did not come up.
        """
        with ExitStack() as life:
            if self._temporary:
                life.callback(shutil.rmtree, self.data, ignore_errors=True)
            for folder in (self.data, self.logs):
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise DataUnusable(f"{folder} can't be made: {error.strerror}") from error
            life.enter_context(_alone(self.data))
            self._guardian = life.enter_context(Guardian())
            if self._temporary:
                self._guardian.remove_at_end(self.data)
            self.placement = Placement(self.tools.dapr.placement, self.logs, self._guardian)
            self.kafka = Kafka(self.tools.kafka, self.data / "kafka", self.logs, self._guardian)
            self.postgres = Postgres(self.tools.postgres, self.data / "postgres", self.logs, self._guardian)
            servers = (self.placement, self.kafka, self.postgres)
            for server in servers:
                life.callback(server.stop)
            life.callback(self._stop_dependants)
            concurrently(
                [server.start for server in servers], lambda: concurrently([server.stop for server in servers])
            )
            self._write_secrets()
            self._life = life.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._life.close()

    @property
    def brokers(self) -> str:
        """What Kafka's clients connect to."""
        return self.kafka.brokers

    @property
    def postgres_dsn(self) -> str:
        """What Postgres's clients connect to, with the password."""
        return self.postgres.dsn

    @property
    def secrets_file(self) -> Path:
        """What sidecars take for the secret store."""
        return self.data / "secrets.json"

    @property
    def names_file(self) -> Path:
        """Where sidecars write down where they are."""
        return self.data / "names.sqlite"

    def daprd(self, options: DaprdOptions) -> Daprd:
        """A sidecar beside this infrastructure, not started yet; ended with the infrastructure at the latest."""
        around = Surroundings(
            program=self.tools.dapr.daprd,
            placement=self.placement.address,
            logs=self.logs,
            variables={
                "LEARNFLOW_KAFKA_BROKERS": self.brokers,
                "LEARNFLOW_SECRETS_FILE": str(self.secrets_file),
                "LEARNFLOW_NAMES_FILE": str(self.names_file),
                "APP_API_TOKEN": self.app_token,
            },
        )
        sidecar = Daprd(options, around, self._guardian)
        self._dependants.append(sidecar.process)
        return sidecar

    def process(self, command: Command) -> Process:
        """A process of one's own, not started yet; ended with the infrastructure at the latest."""
        process = Process(command, self._guardian)
        self._dependants.append(process)
        return process

    def _stop_dependants(self) -> None:
        # At once: a sidecar takes seconds to drain.
        concurrently([process.stop for process in self._dependants if process.running])

    def _write_secrets(self) -> None:
        content = {
            "postgres": {"connectionString": self.postgres_dsn},
            "kafka": {"security.protocol": "plaintext"},
        }
        unfinished = self.secrets_file.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(content), encoding="utf-8")
        unfinished.rename(self.secrets_file)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DataUnusable(f"another stack runs on {folder}") from None
    try:
        yield
    finally:
        lock.release()


def _temporary_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    if os.geteuid() == 0:
        # Postgres runs as somebody else then, and has to pass through; what is secret in it is closed by itself.
        folder.chmod(0o711)
    return folder
