"""The compose file agrees with the components, with the stack on one machine, and with itself."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

from deploy.images.build import BASE, ROOT
from deploy.images.context import version
from deploy.stack.daprd import Daprd, DaprdOptions, Surroundings
from deploy.stack.guardian import Guardian

FILE: Final = ROOT / "deploy/compose/compose.yaml"
COMPOSE: Final[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
APPS: Final = ("course-agent", "user-progress", "projector")
SIDECARS: Final = {name: service for name, service in SERVICES.items() if "/daprd:" in service["image"]}
OURS: Final = {name: service for name, service in SERVICES.items() if "/learnflow/" in service["image"]}

EVERY_APP: Final = pytest.mark.parametrize("app", APPS)
EVERY_SIDECAR: Final = pytest.mark.parametrize("sidecar", SIDECARS.values(), ids=SIDECARS.keys())


def flags(service: dict[str, Any]) -> dict[str, list[str]]:
    """A command's options by name; one that comes several times has several values."""
    found: dict[str, list[str]] = {}
    for word in service["command"]:
        name, _, value = word.partition("=")
        found.setdefault(name, []).append(value)
    return found


def app_id(service: dict[str, Any]) -> str:
    return flags(service)["--app-id"][0]


def conditions(name: str) -> dict[str, str]:
    return {other: need["condition"] for other, need in SERVICES[name].get("depends_on", {}).items()}


def component_scopes() -> set[str]:
    folders = (ROOT / "deploy/dapr/components", ROOT / "deploy/dapr/local")
    documents = [
        yaml.safe_load(file.read_text(encoding="utf-8")) for folder in folders for file in folder.glob("*.yaml")
    ]
    return {scope for document in documents for scope in document.get("scopes", ())}


def test_each_sidecar_is_somebody_that_components_know() -> None:
    assert {app_id(sidecar) for sidecar in SIDECARS.values()} == component_scopes()


@EVERY_APP
def test_an_app_and_its_sidecar_share_a_network(app: str) -> None:
    sidecar = SERVICES[f"{app}-daprd"]
    assert app_id(sidecar) == app
    assert SERVICES[app]["network_mode"] == sidecar["network_mode"] == f"service:{app}-pod"
    # Docker ends in the reverse of this order: the sidecar first, which hands what it has taken to its app yet.
    assert app in conditions(f"{app}-daprd")
    assert f"{app}-daprd" not in conditions(app)
    environment = SERVICES[app]["environment"]
    assert environment["LEARNFLOW_SIDECAR"] == "dapr"
    assert environment["APP_API_TOKEN"] == sidecar["environment"]["APP_API_TOKEN"]
    assert environment["DAPR_HTTP_PORT"] == flags(sidecar)["--dapr-http-port"][0]
    assert environment["DAPR_GRPC_PORT"] == flags(sidecar)["--dapr-grpc-port"][0]


@EVERY_SIDECAR
def test_sidecars_run_as_they_do_in_the_stack_on_one_machine(sidecar: dict[str, Any], tmp_path: Path) -> None:
    here = flags(sidecar)
    around = Surroundings(program=tmp_path, placement="placement:50005", logs=tmp_path, variables={})
    port = int(here["--app-port"][0]) if "--app-port" in here else None
    with Guardian() as guardian:
        there = Daprd(DaprdOptions(app_id=app_id(sidecar), app_port=port), around, guardian).process.command.arguments
    for argument in map(str, there[1:]):
        name, _, value = argument.partition("=")
        if name in {"--metrics-port", "--log-level", "--dapr-internal-grpc-listen-address"}:
            continue  # defaults serve here; other sidecars come from other addresses
        assert name in here or (name == "--dapr-block-shutdown-duration" and port is None), name
        if "port" not in name and name not in {"--resources-path", "--config", "--dapr-block-shutdown-duration"}:
            assert here[name] == [value], name


@EVERY_SIDECAR
def test_a_sidecar_has_time_to_end(sidecar: dict[str, Any]) -> None:
    waits = [
        *flags(sidecar)["--dapr-graceful-shutdown-seconds"],
        *flags(sidecar).get("--dapr-block-shutdown-duration", []),
    ]
    assert sum(int(wait.rstrip("s")) for wait in waits) < int(sidecar["stop_grace_period"].rstrip("s"))


@EVERY_SIDECAR
def test_a_sidecar_has_what_its_components_ask_of_the_environment(sidecar: dict[str, Any]) -> None:
    texts = [file.read_text(encoding="utf-8") for file in (ROOT / "deploy/dapr").glob("[cl]o*/*.yaml")]
    asked = set(re.findall(r"envRef: (\w+)|\$\{(\w+)\}", "\n".join(texts)))
    assert {name for pair in asked for name in pair if name} <= set(sidecar["environment"])


def test_only_the_projector_is_closed() -> None:
    closed = {
        app_id(sidecar) for sidecar in SIDECARS.values() if "/dapr/local/closed.yaml" in flags(sidecar)["--config"]
    }
    assert closed == {"projector"}


def test_the_operators_sidecar_has_no_app_and_takes_large_messages() -> None:
    sidecar, operator = SERVICES["replay-daprd"], SERVICES["operator"]
    assert "--app-port" not in flags(sidecar)
    mib = int(flags(sidecar)["--max-body-size"][0].removesuffix("Mi"))
    assert operator["environment"]["LEARNFLOW_MESSAGE_BYTES"] == str(mib * 1024**2)
    assert operator["network_mode"] == "service:replay-daprd"
    assert operator["profiles"] == sidecar["profiles"] == ["operator"]


def test_whatever_is_mounted_or_built_is_there() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", ()):
            source, target = volume.split(":")[:2]
            assert (FILE.parent / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], name
            assert target.startswith("/")
        if build := service.get("build"):
            assert (FILE.parent / build["context"]).resolve() == ROOT
            assert (ROOT / build["dockerfile"]).is_file()
            assert build["args"]["BASE"] == f"${{LEARNFLOW_BASE:-{BASE}}}"
            folder = Path(build["dockerfile"]).parent.name
            assert service["image"] == f"docker.io/learnflow/{folder}:${{LEARNFLOW_TAG:-{version(ROOT)}}}"


@EVERY_SIDECAR
def test_a_sidecar_reads_the_very_files_of_the_repository(sidecar: dict[str, Any]) -> None:
    mounts = dict(volume.removesuffix(":ro").split(":")[::-1] for volume in sidecar["volumes"])
    named = [path for name in ("--resources-path", "--config") for path in flags(sidecar)[name]]
    for path in named:
        source = next(mounts[target] for target in mounts if path.startswith(target))
        target = next(target for target in mounts if path.startswith(target))
        assert (FILE.parent / (source + path.removeprefix(target))).exists(), path


def test_what_is_published_is_for_this_machine_and_does_not_clash() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") and port.endswith(":8000") for port in ports)
    assert sorted(re.findall(r":-(\d+)\}", " ".join(ports))) == ["8001", "8002"]


def test_every_service_is_needed_as_it_can_be() -> None:
    for name in SERVICES:
        for other, condition in conditions(name).items():
            needed = SERVICES[other]
            if condition == "service_healthy":
                assert not needed["healthcheck"].get("disable")
            if condition == "service_completed_successfully":
                assert needed.get("restart", "no").split(":")[0] in {"no", "on-failure"}


def test_what_runs_for_long_comes_back_by_itself() -> None:
    once = {"make-secrets", "create-log", "operator"}
    assert {name for name, service in SERVICES.items() if service.get("restart") != "unless-stopped"} == once


@pytest.mark.parametrize("name", [*OURS, *SIDECARS, "placement"])
def test_our_containers_can_change_nothing_but_what_is_for_it(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("user", "65532:65532") == "65532:65532" or name == "make-secrets"


def test_the_broker_makes_no_topic_by_itself() -> None:
    kafka = SERVICES["kafka"]["environment"]
    assert kafka["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert kafka["KAFKA_LOG_DIRS"].startswith(SERVICES["kafka"]["volumes"][0].split(":")[1])
    clients = {
        service["environment"]["LEARNFLOW_KAFKA_BROKERS"]
        for service in SERVICES.values()
        if "LEARNFLOW_KAFKA_BROKERS" in service.get("environment", {})
    }
    assert {f"PLAINTEXT://{broker}" for broker in clients} == {kafka["KAFKA_ADVERTISED_LISTENERS"]}


def test_the_database_has_connections_for_all_and_forgets_who_hangs() -> None:
    command = " ".join(SERVICES["postgres"]["command"])
    assert "idle_in_transaction_session_timeout=10s" in command
    wanted = 0
    for file in (ROOT / "deploy/dapr/components").glob("*.yaml"):
        component = yaml.safe_load(file.read_text(encoding="utf-8"))
        if component["kind"] != "Component":
            continue
        entries = {entry["name"]: entry.get("value") for entry in component["spec"].get("metadata", ())}
        wanted += int(entries.get("maxConns", 0)) * len(component.get("scopes", ()))
    assert wanted < int(re.findall(r"max_connections=(\d+)", command)[0])


def test_no_password_is_written_down() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert "POSTGRES_PASSWORD:" not in text
    assert re.findall(r"password=(\S+)", text) == ["{password.read_text()}"]
