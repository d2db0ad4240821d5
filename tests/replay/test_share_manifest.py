"""The Indexed Job says three times how many shares there are; they must agree, and the command must understand them."""

from pathlib import Path
from typing import Any, Final

import pytest
import typer
import yaml  # type: ignore[import-untyped]
from typer.main import get_command

from learnflow.cli import main
from learnflow.settings import DaprSettings, Settings
from projector.replay.shares import Share

JOB: Final = Path(__file__).parents[2] / "phase-3-backend-services" / "jobs" / "replay" / "job.yaml"
MEBIBYTE: Final = 1024 * 1024
UID: Final = "5b0c1d3e-7a4f-4a39-9c52-0f6f1e2d3c4b"


@pytest.fixture
def spec() -> dict[str, Any]:
    """Of the Job."""
    found: dict[str, Any] = yaml.safe_load(JOB.read_text())["spec"]
    return found


def command_of(spec: dict[str, Any], index: int) -> list[str]:
    """What the pod of an index runs: Kubernetes puts the index and the Job's identity where the command names them."""
    (app,) = spec["template"]["spec"]["containers"]
    (identity,) = [
        one["name"]
        for one in app["env"]
        if one.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        == "metadata.labels['batch.kubernetes.io/controller-uid']"
    ]
    values = {"$(JOB_COMPLETION_INDEX)": str(index), f"$({identity})": UID}
    command = list(app["command"])
    for name, value in values.items():
        command = [part.replace(name, value) for part in command]
    return command


def test_each_index_is_one_of_the_shares(spec: dict[str, Any]) -> None:
    shares = set()
    for index in range(spec["completions"]):
        program, name, *arguments = command_of(spec, index)
        assert program == "learnflow"
        group = get_command(main)
        assert isinstance(group, typer.core.TyperGroup)
        replay = group.commands[name]
        given = replay.make_context(name, arguments).params
        shares.add(given["share"])
        assert given["resume_or_begin"]
        assert given["job"] == UID
    assert shares == {Share(index, spec["completions"]) for index in range(spec["completions"])}
    # All at once: those that wait for share 0 would keep it out.
    assert spec["parallelism"] == spec["completions"] <= Settings().partitions
    assert spec["successPolicy"] == {"rules": [{"succeededIndexes": "0"}]}


def test_the_command_has_what_its_sidecar_has(spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    (app,) = spec["template"]["spec"]["containers"]
    for variable in app["env"]:
        if "value" in variable:
            monkeypatch.setenv(variable["name"], variable["value"])
    carried = spec["template"]["metadata"]["annotations"]["dapr.io/max-body-size"]
    assert carried == f"{Settings().message_bytes // MEBIBYTE}Mi"
    assert DaprSettings().health_timeout > 0
