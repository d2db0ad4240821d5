"""The Dapr adapter under test: its own daprd, topic and consumer group, over the Kafka and Postgres of the session."""

import asyncio
import json
import re
import uuid
from collections.abc import Mapping
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from deploy.stack.daprd import CONFIGURATION, RESOURCES, Daprd, DaprdOptions
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.ports import free_port
from sidecar.dapr import DaprConfig, DaprSidecar
from sidecar.kafka.config import KafkaConfig
from sidecar.kafka.connection import Connection
from sidecar.kafka.log_reader import KafkaLogReader
from sidecar.kafka.topic import TopicPlan, create
from tests.contract.harness import AsgiApp, Ports
from tests.deadlines import until
from tests.kafka import ForeignProducer

APP_ID = "projector"


class DaprHarness:
    """Runs the Dapr adapter in the test's own process, and its app as well; the sidecar is a real daprd."""

    max_message_bytes = 256 * 1024

    def __init__(self, infrastructure: Infrastructure, folder: Path) -> None:
        self._infrastructure = infrastructure
        self._folder = folder
        self._topic = f"contract-{uuid.uuid4().hex}"
        self._secrets: dict[str, Mapping[str, str]] = {
            "postgres": {"connectionString": infrastructure.postgres_dsn},
        }
        self._foreign = ForeignProducer(infrastructure.brokers, self._topic)
        self._others: list[tuple[_AppServer, Daprd]] = []
        self._made = False
        self._app: _AppServer | None = None
        self._daprd: Daprd | None = None
        self._dapr: DaprSidecar | None = None
        self._log_reader: KafkaLogReader | None = None

    @property
    def ports(self) -> Ports:
        assert self._dapr is not None, "it does not run"
        assert self._log_reader is not None, "it does not run"
        return Ports(
            self._dapr.appender,
            self._log_reader,
            self._dapr.state,
            self._dapr.state,
            self._dapr.delivery,
            self._dapr.secrets,
            self._dapr.invoker,
        )

    async def open(self) -> None:
        kafka = KafkaConfig(self._infrastructure.brokers, self._topic, consumer_group=self._topic)
        if not self._made:
            await create(Connection(kafka), TopicPlan(partitions=3))
            self._made = True
        app_port = free_port()
        self._write_resources()
        daprd = self._new_daprd(APP_ID, app_port)
        config = DaprConfig(
            grpc_endpoint=f"127.0.0.1:{daprd.grpc_port}",
            http_endpoint=daprd.url,
            topic=self._topic,
            app_token=self._infrastructure.app_token,
            max_message_bytes=self.max_message_bytes,
            max_record_bytes=self.max_message_bytes,
        )
        dapr = DaprSidecar(config)
        self._app = _AppServer(Starlette(routes=[_HEALTHZ, *dapr.delivery.routes]), app_port)
        self._daprd, self._dapr, self._log_reader = daprd, dapr, KafkaLogReader(kafka)
        await self._app.start()
        await asyncio.to_thread(daprd.start)

    async def close(self) -> None:
        if self._daprd is not None:
            await asyncio.to_thread(self._daprd.stop)
        await self._let_go()

    async def crash(self) -> None:
        assert self._daprd is not None, "it does not run"
        await asyncio.to_thread(self._daprd.kill)
        await self._let_go()

    async def reopen(self) -> None:
        await self.open()

    async def append_foreign(self, partition: int, key: str | None, value: bytes) -> None:
        await self._foreign.append(partition, key, value)

    async def append_before_hole(self, partition: int, key: str | None, value: bytes) -> None:
        await self._foreign.append_before_hole(partition, key, value)

    async def put_secret(self, name: str, values: Mapping[str, str]) -> None:
        self._secrets[name] = values
        # The file store reads its file once, when the sidecar starts.
        await self.close()
        await self.open()

    async def register(self, app_id: str, app: AsgiApp) -> None:
        server = _AppServer(Starlette(routes=[_HEALTHZ, Mount("/", app)]), free_port())
        daprd = self._new_daprd(app_id, server.port)
        self._others.append((server, daprd))
        await server.start()
        await asyncio.to_thread(daprd.start)
        await asyncio.to_thread(daprd.wait_with_app)

    async def _let_go(self) -> None:
        for server, daprd in self._others:
            await asyncio.to_thread(daprd.kill)
            await server.stop()
        self._others.clear()
        if self._app is not None:
            await self._app.stop()
        if self._dapr is not None:
            await self._dapr.close()
        if self._log_reader is not None:
            await self._log_reader.close()
        self._app = self._daprd = self._dapr = self._log_reader = None

    def _new_daprd(self, app_id: str, app_port: int) -> Daprd:
        return self._infrastructure.daprd(
            DaprdOptions(
                app_id=app_id,
                app_port=app_port,
                name=f"{app_id}-{uuid.uuid4().hex[:8]}",
                resources=[self._folder],
                configurations=(self._folder / "configuration" / CONFIGURATION.name,),
                drain_seconds=0,
            )
        )

    def _write_resources(self) -> None:
        """The deployment's own component files, with a topic, a group, a secrets file and names of this test's own."""
        settings = {
            "consumerGroup": self._topic,
            "allowedTopics": self._topic,
            "publishingScopes": f"{APP_ID}={self._topic}",
            "subscriptionScopes": f"{APP_ID}={self._topic}",
            "backOffDuration": "10ms",
            "sessionTimeout": "2s",
            "heartbeatInterval": "500ms",
            "secretsFile": str(self._folder / "secrets.json"),
        }
        configuration = self._folder / "configuration"
        configuration.mkdir(parents=True, exist_ok=True)
        (self._folder / "secrets.json").write_text(json.dumps(self._secrets), encoding="utf-8")
        for file in (file for folder in RESOURCES for file in folder.glob("*.yaml") if file != CONFIGURATION):
            text = file.read_text(encoding="utf-8")
            for name, value in settings.items():
                text = re.sub(rf"(- name: {name}\n\s+)\w+: .*", rf'\1value: "{value}"', text)
            for name, value in {"topic": self._topic, "maxMessagesCount": "20", "maxAwaitDurationMs": "10"}.items():
                text = re.sub(rf"^( +{name}): .*$", rf"\1: {value}", text, flags=re.MULTILINE)
            (self._folder / file.name).write_text(text, encoding="utf-8")
        text = CONFIGURATION.read_text(encoding="utf-8")
        text = text.replace("${LEARNFLOW_NAMES_FILE}", str(self._folder / "names.sqlite"))
        text = text.replace("defaultAccess: deny", "defaultAccess: allow")
        (configuration / CONFIGURATION.name).write_text(re.sub(r"\n +allowedSecrets:.*", "", text), encoding="utf-8")


class _AppServer:
    """An app on a port, in this event loop."""

    def __init__(self, app: AsgiApp, port: int) -> None:
        self.port = port
        config = uvicorn.Config(
            app, host="127.0.0.1", port=port, lifespan="off", log_config=None, timeout_graceful_shutdown=0
        )
        self._server = uvicorn.Server(config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._serving = asyncio.create_task(self._server._serve())
        await until(self._has_started)

    async def _has_started(self) -> bool:
        return self._server.started

    async def stop(self) -> None:
        """End it without waiting for requests under way."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


async def _healthy(_: Request) -> Response:
    return Response()


_HEALTHZ = Route("/healthz", _healthy, methods=["GET"])
