"""Which kustomizations there are, and what they are rendered to."""

from functools import cache
from pathlib import Path
from typing import Final

import yaml  # type: ignore[import-untyped]

from deploy.manifests.kustomize_tools import provide, render
from deploy.stack.service import CHECKOUT
from tests.manifests.objects import Objects
from tests.manifests.services import deployed

ROOT: Final = CHECKOUT / "phase-3-backend-services"
BASE: Final = "base"
MINIKUBE: Final = "overlays/minikube"
PRODUCTION: Final = "overlays/production"


def _standalone(file: Path) -> bool:
    # A Component is a piece that overlays take in; alone it patches what is not there.
    return bool(yaml.safe_load(file.read_text(encoding="utf-8"))["kind"] == "Kustomization")


ALL: Final = tuple(
    str(file.parent.relative_to(ROOT)) for file in sorted(ROOT.rglob("kustomization.yaml")) if _standalone(file)
)
"""Every folder that can be rendered, by its path within phase-3-backend-services."""
JOBS: Final = tuple(name for name in ALL if name.startswith("jobs/"))
"""What is applied by hand, beside what runs."""
COMPONENTS: Final = tuple(
    file.parent.relative_to(ROOT) for file in sorted(ROOT.rglob("kustomization.yaml")) if not _standalone(file)
)
"""Pieces that overlays take in."""


@cache
def rendered(name: str, root: Path = ROOT) -> Objects:
    """What a folder is rendered to, a Job beside what it is applied to; shared, so who changes it takes a copy.

    Args:
        name: of the folder.
        root: the folder of services that it is in.

    Raises:
        NotRendered: kustomize refuses it.
    """
    beside = list(rendered(BASE, root)) if name in JOBS else []
    return Objects([*beside, *Objects.parse(render(provide(), root / name))], deployed(root))
