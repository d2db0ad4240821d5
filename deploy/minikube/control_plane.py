"""Dapr's control plane, by its Helm chart."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from deploy.minikube.errors import CommandFailed, Lacking
from deploy.minikube.tools import Tools
from deploy.stack.dapr_tools import FITS, VERSION

REPOSITORY: Final = "https://dapr.github.io/helm-charts/"
NAMESPACE: Final = "dapr-system"
VALUES: Final = Path(__file__).with_name("dapr-values.yaml")
WANTED: Final[Mapping[tuple[str, str], object]] = {
    ("dapr_placement", "metadataEnabled"): True,
    ("dapr_operator", "watchInterval"): "1m",
    ("dapr_sidecar_injector", "sidecarDropALLCapabilities"): True,
}
"""What the file of values says, for those who have no reader of YAML."""
INSTALL_SECONDS: Final = 600.0


def ensure(tools: Tools, chart: str | None) -> str:
    """Have Dapr in the cluster, of a version that fits and with the values that LearnFlow asks for.

    One that is there is left as it is, but for these values.

    Args:
        tools: of the cluster.
        chart: a chart's folder or file; `None` for the one that the Dapr project publishes.

    Returns:
        What was done, in a few words.

    Raises:
        Lacking: another version is there.
        CommandFailed: it can't be installed.
    """
    version = _installed(tools)
    if version is None:
        _upgrade(tools, chart, "--create-namespace")
        return f"Dapr {VERSION} installed"
    if tuple(map(int, version.split(".")[:2])) != FITS:
        raise Lacking(
            [f"Dapr {FITS[0]}.{FITS[1]} (the cluster has {version}): `helm upgrade dapr`, or another cluster"]
        )
    values = _values(tools)
    if all(values.get(part, {}).get(name) == value for (part, name), value in WANTED.items()):
        return f"Dapr {version} is there"
    _upgrade(tools, chart, "--reuse-values", version=version)
    return f"Dapr {version} is there, and was given what LearnFlow asks for"


def _installed(tools: Tools) -> str | None:
    """The version that runs: the chart's own number says nothing where it was taken from source."""
    try:
        image = tools.kubectl(
            *(f"--namespace={NAMESPACE}", "get", "deployment/dapr-operator"),
            "--output=jsonpath={.spec.template.spec.containers[0].image}",
        )
    except CommandFailed as failure:
        if "NotFound" in failure.said:
            return None
        raise
    return image.rpartition(":")[2].partition("-")[0]


def _values(tools: Tools) -> Mapping[str, Any]:
    told: Mapping[str, Any] | None = json.loads(
        tools.helm("get", "values", "dapr", f"--namespace={NAMESPACE}", "--output=json")
    )
    return told or {}


def _upgrade(tools: Tools, chart: str | None, *options: str, version: str = VERSION) -> None:
    which = [chart] if chart else ["dapr", f"--repo={REPOSITORY}", f"--version={version}"]
    tools.helm(
        *("upgrade", "--install", "dapr", *which, f"--namespace={NAMESPACE}", f"--values={VALUES}", *options),
        *("--wait", f"--timeout={INSTALL_SECONDS:.0f}s"),
        seconds=INSTALL_SECONDS + 30,
    )
