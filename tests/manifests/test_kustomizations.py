"""All there is to be rendered is rendered, and every file takes part."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

from deploy.manifests.kustomize_tools import NotRendered, render
from deploy.manifests.provision import ManifestTools
from learnflow.services import Service
from tests.manifests.kustomizations import ALL, BASE, COMPONENTS, MINIKUBE, PRODUCTION, ROOT
from tests.manifests.services import ADVICE, deployed, services, taken_in

EXPECTED: Final = {BASE, MINIKUBE, PRODUCTION, "jobs/replay", *(f"{app}/kubernetes" for app in Service)}
NOT_DEPLOYED: Final = {service.name for service in services(ROOT)} - {service.name for service in deployed(ROOT)}


class _NoTwice(yaml.SafeLoader):  # type: ignore[misc]
    """Refuses a key that is there twice, which YAML forbids and PyYAML passes over: the first would be forgotten."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """As the base class does."""
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key twice in {keys}, {node.start_mark}"
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


def test_all_are_known() -> None:
    assert set(ALL) >= EXPECTED
    assert {str(piece) for piece in COMPONENTS} >= {f"{app}/kubernetes/autoscaling" for app in Service}
    assert not NOT_DEPLOYED & {*Service}


@pytest.mark.parametrize("folder", [*ALL, *map(str, COMPONENTS)])
def test_no_file_is_forgotten(folder: str) -> None:
    here = ROOT / folder
    files = {file.resolve() for file in here.iterdir() if file.is_file() and file.name != "kustomization.yaml"}
    assert files <= taken_in(here)


def test_every_piece_is_taken_in() -> None:
    taken = set().union(*(taken_in(ROOT / folder) for folder in ALL))
    pieces = {(ROOT / piece).resolve() for piece in COMPONENTS if piece.parts[0] not in NOT_DEPLOYED}
    assert pieces <= taken, f"no overlay takes in {sorted(map(str, pieces - taken))}; {ADVICE}"


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.yaml")), ids=lambda file: str(file.relative_to(ROOT)))
def test_no_key_is_there_twice(file: Path) -> None:
    assert list(yaml.load_all(file.read_text(encoding="utf-8"), Loader=_NoTwice))


def test_a_key_that_is_there_twice_is_seen() -> None:
    with pytest.raises(AssertionError, match="a key twice"):
        yaml.load("spec: {replicas: 1, replicas: 2}", Loader=_NoTwice)  # noqa: S506 - a safe one


def test_what_does_not_fit_is_refused(manifest_tools: ManifestTools, tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [gone.yaml]\n", encoding="utf-8")
    with pytest.raises(NotRendered, match=r"gone\.yaml") as refused:
        render(manifest_tools.kustomize, tmp_path)
    assert refused.value.folder == tmp_path
