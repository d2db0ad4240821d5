"""The programs that this is done with: kubectl, helm and minikube, for one profile."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from deploy.minikube.errors import CommandFailed, Lacking

_NEEDED: Final[Mapping[str, str]] = {
    "minikube": "the cluster; https://minikube.sigs.k8s.io",
    "kubectl": "talks to it; https://kubernetes.io/docs/tasks/tools",
    "helm": "installs Dapr in it; https://helm.sh",
}
SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Tools:
    """Runs the programs against one Minikube.

    Attributes:
        profile: of Minikube, which is also the name of kubectl's context.
    """

    profile: str

    def check(self) -> None:
        """Look whether all that is needed is there.

        Raises:
            Lacking: names everything that is not.
        """
        missing = [f"{name} ({about})" for name, about in _NEEDED.items() if shutil.which(name) is None]
        if missing:
            raise Lacking(missing)
        if not self._runs():
            start = f"minikube start --profile {self.profile} --cpus 2 --memory 6g"
            raise Lacking([f"a Minikube of the profile {self.profile!r} that runs: `{start}`"])

    def kubectl(self, *arguments: str, stdin: str = "", seconds: float = SECONDS) -> str:
        """Run kubectl; its stdout.

        Raises:
            CommandFailed: it failed, or took longer.
        """
        return run(["kubectl", f"--context={self.profile}", *arguments], stdin=stdin, seconds=seconds)

    def helm(self, *arguments: str, seconds: float = SECONDS) -> str:
        """Run helm; its stdout.

        Raises:
            CommandFailed: it failed, or took longer.
        """
        return run(["helm", f"--kube-context={self.profile}", *arguments], seconds=seconds)

    def minikube(self, *arguments: str, seconds: float = SECONDS) -> str:
        """Run minikube; its stdout.

        Raises:
            CommandFailed: it failed, or took longer.
        """
        return run(["minikube", f"--profile={self.profile}", *arguments], seconds=seconds)

    def _runs(self) -> bool:
        # Its status is that of the worst part, and no failure to answer.
        ended = subprocess.run(
            ["minikube", f"--profile={self.profile}", "status", "--output=json"],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            told: Any = json.loads(ended.stdout)
        except ValueError:
            return False
        nodes = told if isinstance(told, list) else [told]
        return bool(nodes) and all(node.get("APIServer", "Running") in ("Running", "Irrelevant") for node in nodes)


def run(command: list[str], *, stdin: str = "", seconds: float = SECONDS) -> str:
    """Run a program to its end; its stdout.

    Raises:
        CommandFailed: it ended with another status than 0, or did not end in time.
    """
    try:
        ended = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as late:
        raise CommandFailed(command, -1, f"it did not end within {seconds:g} s") from late
    if ended.returncode != 0:
        raise CommandFailed(command, ended.returncode, ended.stderr or ended.stdout)
    return ended.stdout
