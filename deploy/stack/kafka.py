"""One Kafka broker, which is its own controller."""

import base64
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from typing_extensions import override

from deploy.stack.environment import variables
from deploy.stack.errors import NotStarted
from deploy.stack.guardian import Guardian
from deploy.stack.kafka_tools import FOLDER, KafkaTools
from deploy.stack.ports import HOST, free_port
from deploy.stack.process import Command, Process
from deploy.stack.server import Server

FORMAT_SECONDS: Final = 120
ANSWER_SECONDS: Final = 3.0
HEAP: Final = ("-Xms128m", "-Xmx512m")

_SETTINGS: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    # A topic with the wrong number of partitions is worse than none.
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "true",
    # One broker can't keep two copies.
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # A partition costs files and a little time at each start.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "4",
    # A group of one machine is complete when its first member comes.
    "group.initial.rebalance.delay.ms": "0",
    # So that tests need not wait long for a dead member.
    "group.min.session.timeout.ms": "1000",
    # A broker that was killed may register again only when its last session is over.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # The default takes a quarter of the heap.
    "log.cleaner.dedupe.buffer.size": "8388608",
    "num.network.threads": "2",
    "num.io.threads": "4",
}


class Kafka(Server):
    """A broker that keeps its log in a folder."""

    def __init__(self, tools: KafkaTools, data: Path, logs: Path, guardian: Guardian) -> None:
        self.port, self._controller_port = free_port(), free_port()
        self._tools = tools
        self._data = data
        self._properties = data / "server.properties"
        command = Command(
            name="kafka",
            arguments=[*self._java(*HEAP), "kafka.Kafka", self._properties],
            environment=variables(),
            log=logs / "kafka.log",
            ports=(self.port, self._controller_port),
        )
        super().__init__(Process(command, guardian))

    @property
    def brokers(self) -> str:
        """What clients connect to."""
        return f"{HOST}:{self.port}"

    @override
    def prepare(self) -> None:
        """Write its settings, and format its storage the first time.

        Raises:
            NotStarted: the storage could not be formatted.
        """
        self._data.mkdir(parents=True, exist_ok=True)
        lines = (f"{name}={value}\n" for name, value in self._settings().items())
        self._properties.write_text("".join(lines), encoding="utf-8")
        if not (self._data / "log" / "meta.properties").exists():
            self._format()

    @override
    def trouble(self) -> str | None:
        # A client of its own each time: one that met a closed port waits longer and longer before it tries again.
        client = AdminClient({"bootstrap.servers": self.brokers, "log_level": 0, "allow.auto.create.topics": False})
        try:
            brokers = client.list_topics(timeout=ANSWER_SECONDS).brokers
        except KafkaException as error:
            return str(error.args[0])
        return None if brokers else "no broker has registered"

    def _settings(self) -> Mapping[str, str]:
        controller = f"{HOST}:{self._controller_port}"
        return {
            **_SETTINGS,
            "listeners": f"PLAINTEXT://{self.brokers},CONTROLLER://{controller}",
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": str(self._data / "log"),
        }

    def _format(self) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        log = self.process.command.log
        with log.open("ab") as output:
            status = subprocess.run(
                [
                    *self._java(),
                    "kafka.tools.StorageTool",
                    "format",
                    f"--cluster-id={cluster}",
                    "--config",
                    self._properties,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=FORMAT_SECONDS,
                check=False,
            ).returncode
        if status != 0:
            raise NotStarted(self.name, f"could not format its storage (status {status})", log, self.process.tail())

    def _java(self, *options: str) -> list[str | Path]:
        log4j = f"-Dlog4j2.configurationFile={FOLDER / 'log4j2.properties'}"
        return [self._tools.java, *options, "-Djava.awt.headless=true", log4j, "-cp", self._tools.classpath]
