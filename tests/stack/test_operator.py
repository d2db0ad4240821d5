"""The sidecar of commands for operators, with the component files of this repository."""

import http.client
import os
import subprocess
import uuid
from collections.abc import Iterator

import pytest

from deploy.stack.daprd import Daprd, DaprdOptions
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.stack import OPERATOR, OPERATOR_MIB, Stack
from learnflow.settings import AppSettings, DaprSettings, Settings
from learnflow.sidecar import dapr_config, open_tool
from sidecar.dapr import DaprConfig, DaprSidecar
from sidecar.errors import AppendRefused, MessageTooLarge, StateConflict
from sidecar.records import Delete, NewRecord, Put

pytestmark = pytest.mark.process

KIB = 1024
DAPRS_OWN_LIMIT = DaprConfig().max_message_bytes
LARGE = OPERATOR_MIB * KIB**2 // 2


@pytest.fixture(scope="module")
def stack(infrastructure: Infrastructure) -> Iterator[Stack]:
    """No services, and the sidecar of commands."""
    with Stack(infrastructure, services=[], with_operator=True) as stack:
        yield stack


@pytest.fixture
def operator(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Daprd:
    """The sidecar, which the settings of this process now name."""
    assert stack.operator is not None
    for name, value in stack.operator_variables.items():
        monkeypatch.setenv(name, value)
    return stack.operator


def documents(count: int, size: int) -> list[Put]:
    mark = uuid.uuid4().hex
    return [Put(f"{mark}/{number}", os.urandom(size), None) for number in range(count)]


async def test_what_a_replay_writes_and_reads_at_once(operator: Daprd) -> None:
    assert operator.running
    puts = documents(LARGE // (8 * KIB), 8 * KIB)
    assert sum(len(put.value) for put in puts) > DAPRS_OWN_LIMIT
    async with open_tool(Settings()) as tool:
        await tool.state_writer.transact(puts)
        with pytest.raises(StateConflict):
            await tool.state_writer.transact([*documents(1, 1), puts[-1]])
        found = await tool.state_reader.read([put.key for put in puts])
        assert {key: document.value for key, document in found.items()} == {put.key: put.value for put in puts}
        await tool.state_writer.transact([Delete(key, document.etag) for key, document in sorted(found.items())])
        assert await tool.state_reader.read([puts[0].key, puts[-1].key]) == {}


async def test_more_than_it_carries_is_refused(operator: Daprd) -> None:
    assert operator.running
    puts = documents(LARGE // KIB**2 * 2 + 1, KIB**2)
    async with open_tool(Settings()) as tool:
        with pytest.raises(MessageTooLarge):
            await tool.state_writer.transact(puts)
        assert await tool.state_reader.read([put.key for put in puts]) == {}


async def test_a_sidecar_that_was_not_told_carries_no_more_than_usual(
    infrastructure: Infrastructure, operator: Daprd, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = infrastructure.daprd(DaprdOptions(app_id=operator.app_id, name="replay-usual"))
    usual.start()
    try:
        for name, value in usual.variables.items():
            monkeypatch.setenv(name, value)
        async with open_tool(Settings()) as tool:
            with pytest.raises(MessageTooLarge):
                await tool.state_writer.transact(documents(2, DAPRS_OWN_LIMIT // 2))
    finally:
        usual.kill()


async def test_it_reaches_log_and_secrets(operator: Daprd) -> None:
    assert operator.running
    async with open_tool(Settings()) as tool:
        identity = await tool.log_reader.identity()
        assert set(await tool.log_reader.bounds()) == set(range(identity.partitions))
        assert set(await tool.log_reader.delivered()) <= set(range(identity.partitions))
        assert await tool.secrets.secret(Settings().kafka_secret)


async def test_it_can_not_append_and_is_delivered_nothing(operator: Daprd) -> None:
    found = operator.metadata()
    assert {component["name"] for component in found["components"]} == {"documents", "secrets"}
    assert not found.get("subscriptions")
    dapr = DaprSidecar(dapr_config(Settings(), DaprSettings(), AppSettings()))
    try:
        async with open_tool(Settings()) as tool:
            before = await tool.log_reader.bounds()
            with pytest.raises(AppendRefused):
                await dapr.appender.append([NewRecord("k", b"{}")], timeout_seconds=10)
            assert await tool.log_reader.bounds() == before
    finally:
        await dapr.close()
    assert _publish(operator) == http.client.NOT_FOUND


def test_its_own_timeouts_and_nobody_else_has_them(infrastructure: Infrastructure, operator: Daprd) -> None:
    projector = infrastructure.daprd(DaprdOptions(app_id="projector", name="projector-timeouts"))
    projector.start()
    projector.kill()
    said = {one.app_id: one.process.written() for one in (operator, projector)}
    loads = "Loading Resiliency configuration: "
    assert f"{loads}learnflow-{OPERATOR}" in said[OPERATOR]
    assert said[OPERATOR].count(loads) == 1
    assert f"{loads}learnflow-{OPERATOR}" not in said["projector"]
    assert said["projector"].count(loads) == 1
    assert "level=error" not in said[OPERATOR]


def test_the_file_for_shells_holds_the_variables(stack: Stack) -> None:
    shell = f'set -a; . "{stack.operator_file}"; exec env'
    printed = subprocess.run(["sh", "-c", shell], env={}, capture_output=True, text=True, check=True).stdout
    assert set(printed.splitlines()) >= {f"{name}={value}" for name, value in stack.operator_variables.items()}


def test_without_it_there_is_no_file_and_it_goes_with_the_stack(infrastructure: Infrastructure) -> None:
    plain = Stack(infrastructure, services=[])
    assert plain.operator is None
    assert plain.operator_variables == {}
    with Stack(infrastructure, services=[], with_operator=True) as stack:
        sidecar = stack.operator
        assert sidecar is not None
        assert sidecar.trouble() is None
        assert stack.operator_file.exists()
    assert sidecar.trouble() is not None
    assert not stack.operator_file.exists()


def _publish(sidecar: Daprd) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.http_port, timeout=20)
    try:
        connection.request("POST", "/v1.0/publish/events/learnflow.events", b"{}", {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()
