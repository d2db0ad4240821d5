"""The command line: what it refuses, and how it says that there is no cluster."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from deploy.minikube.verification.checks import CHECKS
from deploy.minikube.verification.command import chosen, parser
from deploy.minikube.verification.errors import CommandFailed, CommandHangs, NotInTime, ToolMissing, Unexpected
from deploy.minikube.verification.kubectl import Kubectl
from deploy.minikube.verification.phases import PHASES
from deploy.minikube.verification.waiting import wait_until

ROOT: Final = Path(__file__).parents[2]
ACCEPTANCE: Final = [check.name for check in CHECKS]
PHASE_NAMES: Final = [phase.name for phase in PHASES]


def run(*arguments: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.minikube.verification", *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def program(folder: Path, script: str) -> str:
    """A PATH on which a program of this text is the only kubectl."""
    kubectl = folder / "kubectl"
    kubectl.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    kubectl.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], ACCEPTANCE),
        (["acceptance"], ACCEPTANCE),
        (["--stress"], [*ACCEPTANCE, *PHASE_NAMES]),
        (["scaling", "restarts"], ["restarts", "scaling"]),
        (["scaling", "acceptance"], [*ACCEPTANCE, "scaling"]),
        (["--only", "rows", "--only", "pods"], ["pods", "rows"]),
    ],
)
def test_what_is_carried_out(arguments: list[str], names: list[str]) -> None:
    assert [check.name for check in chosen(parser().parse_args(arguments))] == names


@pytest.mark.parametrize(
    "arguments", [["everything"], ["--only", "nothing"], ["--report"], ["--report", "/no/such/x.md"]]
)
def test_what_is_unknown_is_refused_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        parser().parse_args(arguments)
    assert refused.value.code == 2
    assert "usage: verify" in capsys.readouterr().err


def test_the_help_names_every_part() -> None:
    shown = run("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert all(f"\n  {name}" in shown.stdout for name in ["acceptance", *PHASE_NAMES])


def test_without_kubectl_it_says_so_in_a_line(tmp_path: Path) -> None:
    ended = run(path=str(tmp_path))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "verify: kubectl is not installed, or not on the PATH\n"


def test_a_cluster_that_does_not_answer_is_told_in_a_line(tmp_path: Path) -> None:
    ended = run("--json", path=program(tmp_path, "echo 'connection refused' >&2; exit 1"))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("verify: `kubectl --context=minikube --namespace=learnflow get service course-agent")
    assert ended.stderr.endswith("ended with status 1: connection refused\n")


def test_an_address_that_is_none_is_refused() -> None:
    ended = run("--course-agent", "nowhere", "--user-progress", "http://127.0.0.1:9", "--only", "reached")
    assert ended.returncode == 2
    assert ended.stderr == "verify: 'nowhere' is no address such as http://host:port\n"


def test_kubectl_is_told_where_to_look_and_its_answers_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = Kubectl(context="there", namespace="quiz")
    monkeypatch.setenv("PATH", program(tmp_path, 'echo "$@"; cat'))
    assert kubectl.run("get", "pods", stdin="in") == "--context=there --namespace=quiz get pods\nin"
    said = kubectl.execute("pod-1", ["cat", "x"], container="app", stdin="script")
    assert said.splitlines()[0].endswith("exec --stdin pod-1 --container app -- cat x")
    assert said.splitlines()[1] == "script"
    with pytest.raises(Unexpected, match="was to answer with JSON"):
        kubectl.json("get", "pods")
    monkeypatch.setenv("PATH", program(tmp_path, """echo '{"items": []}'"""))
    assert kubectl.json("get", "pods") == {"items": []}


def test_what_goes_wrong_with_kubectl_is_an_error_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = Kubectl(context="there", namespace="quiz")
    monkeypatch.setenv("PATH", program(tmp_path, "echo no such pod >&2; exit 3"))
    with pytest.raises(CommandFailed, match="no such pod") as failed:
        kubectl.run("get", "pods")
    assert (failed.value.status, failed.value.said) == (3, "no such pod")
    assert kubectl.run("diff", allowed=(0, 3)) == ""
    monkeypatch.setenv("PATH", program(tmp_path, "exec sleep 30"))
    with pytest.raises(CommandHangs, match=r"within 0\.2 s"):
        kubectl.run("get", "pods", seconds=0.2)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(ToolMissing):
        kubectl.run("get", "pods")


def test_waiting_ends_when_nothing_is_in_the_way_or_says_what_was() -> None:
    answers = iter(["a", "b", None, "never asked"])
    wait_until(lambda: next(answers), what="it", seconds=30, pause=0.01)
    assert next(answers) == "never asked"
    with pytest.raises(NotInTime, match=r"it: not within 0 s; still c") as late:
        wait_until(lambda: "still c", what="it", seconds=0, pause=0.01)
    assert late.value.trouble == "still c"
