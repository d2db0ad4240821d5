"""A service with code of its own is deployed by what the skill's reference says to add: all of it, and nothing else."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

from deploy.manifests.kustomize_tools import NotRendered
from deploy.manifests.provision import ManifestTools
from deploy.stack.service import CHECKOUT
from learnflow.services import Service
from tests.manifests.kustomizations import BASE, MINIKUBE, PRODUCTION, ROOT, rendered
from tests.manifests.rules import held
from tests.manifests.schemas import Schemas
from tests.manifests.services import KUSTOMIZATION, deployed, services, taken_in
from tests.skill.scaffolding import SKILL, script

OWN: Final = "math-agent"
PLACES: Final = (BASE, MINIKUBE, PRODUCTION)


@dataclass(frozen=True, slots=True)
class Addition:
    """One entry that is added to a list of a file.

    Attributes:
        file: within the folder of services.
        key: of the list.
        entry: itself.
    """

    file: str
    key: str
    entry: Any


def additions() -> list[Addition]:
    """What the reference says to add, for `OWN`."""
    page = (SKILL / "references/kubernetes.md").read_text(encoding="utf-8").replace("quiz-agent", OWN)
    blocks = re.findall(r"^`(\S+/kustomization\.yaml)`[^\n]*:\n\n```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == page.count("```yaml")
    return [
        Addition(file, key, entry)
        for file, block in blocks
        for key, entries in yaml.safe_load(block).items()
        for entry in entries
    ]


def checkout(top: Path) -> Path:
    """A copy of LearnFlow's deployment with the new service beside it, which nobody takes in; others have no part."""
    root = top / ROOT.name
    others = {service.name for service in services(ROOT)} - {*Service}
    shutil.copytree(CHECKOUT / "deploy/dapr", top / "deploy/dapr")
    shutil.copytree(ROOT, root, ignore=lambda folder, names: others & {*names} if Path(folder) == ROOT else set())
    for file in root.rglob(KUSTOMIZATION):
        read = yaml.safe_load(file.read_text(encoding="utf-8"))
        for key in {"resources", "components"} & read.keys():
            read[key] = [name for name in read[key] if not others & {*Path(name).parts}]
        file.write_text(yaml.safe_dump(read), encoding="utf-8")
    script().scaffold(OWN, {"summary": "Sets sums.", "title": "Math", "app_port": 8010}, root)
    return root


def add(root: Path, added: list[Addition]) -> None:
    """Add all of this."""
    for one in added:
        file = root / one.file
        read = yaml.safe_load(file.read_text(encoding="utf-8"))
        read.setdefault(one.key, []).append(one.entry)
        file.write_text(yaml.safe_dump(read), encoding="utf-8")


def faults(root: Path) -> Iterator[str]:
    """What is against any rule, in any deployment."""
    for place, rule in held():
        try:
            yield from rule(rendered(place, root))
        except NotRendered as refused:
            yield str(refused)
    taken = set().union(*(taken_in(root / place) for place in PLACES))
    for service in deployed(root):
        piece = root / service.name / "kubernetes/autoscaling"
        if piece.resolve() not in taken:
            yield f"{piece}: in no overlay"


@pytest.fixture(scope="module")
def anyway(manifest_tools: ManifestTools, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What is against a rule although nothing was left out: none of it counts here."""
    assert manifest_tools.kustomize.is_file()
    root = checkout(tmp_path_factory.mktemp("whole"))
    add(root, additions())
    return {*faults(root)}


def test_a_new_service_that_nobody_takes_in_is_no_fault(manifest_tools: ManifestTools, tmp_path: Path) -> None:
    assert manifest_tools.kustomize.is_file()
    root = checkout(tmp_path)
    assert OWN in {service.name for service in services(root)}
    assert {service.name for service in deployed(root)} == {*Service}
    assert not list(faults(root))


def test_what_the_reference_says_deploys_it(manifest_tools: ManifestTools, tmp_path: Path) -> None:
    root = checkout(tmp_path)
    add(root, additions())
    assert {service.name for service in deployed(root)} == {*Service, OWN}
    assert not list(faults(root))
    schemas = Schemas(manifest_tools.definitions.crds)
    for place in PLACES:
        whole = rendered(place, root)
        assert {("Deployment", OWN), ("Component", f"{OWN}-events"), ("Component", f"{OWN}-state")} <= {
            (thing["kind"], thing["metadata"]["name"]) for thing in whole
        }
        assert not [fault for thing in whole for fault in schemas.faults(thing)]


@pytest.mark.parametrize("left_out", additions(), ids=lambda one: f"{one.file}-{one.key}")
def test_whatever_of_it_is_left_out_is_told(anyway: set[str], tmp_path: Path, left_out: Addition) -> None:
    root = checkout(tmp_path)
    add(root, [one for one in additions() if one != left_out])
    assert any(fault not in anyway for fault in faults(root))
