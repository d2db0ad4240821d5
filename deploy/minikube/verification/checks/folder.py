"""Where it comes from: the skill made the folders, and what runs in the cluster is what the folder says."""

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from deploy.minikube.verification.check import Check
from deploy.minikube.verification.cluster import APP, SERVICES
from deploy.minikube.verification.errors import CommandFailed, CommandHangs
from deploy.minikube.verification.findings import Notebook
from deploy.minikube.verification.scene import Scene

FOLDER: Final = Path("phase-3-backend-services")
SKILL: Final = Path("skills/fastapi-dapr-agent")
OVERLAY: Final = FOLDER / "overlays/minikube"
ANSWERS: Final = ".copier-answers.yml"
_SCAFFOLD_SECONDS: Final = 120.0
_KINDS_LEFT_OUT: Final = ("Job",)
"""A Job is gone some time after it has done its work."""
_IMAGE: Final = re.compile(r"(?P<name>learnflow/[a-z-]+):\S+")
_SHOWN: Final = 12


def _scaffolded(scene: Scene, see: Notebook) -> None:
    for app in SERVICES:
        answers = scene.checkout / FOLDER / app / ANSWERS
        text = answers.read_text(encoding="utf-8") if answers.is_file() else ""
        see.holds(f"_src_path: {SKILL}\n" in text, f"{FOLDER}/{app}/{ANSWERS} says that {SKILL} made it")
    with TemporaryDirectory() as folder:
        _scaffold(scene.checkout, Path(folder))
        for app in SERVICES:
            made, kept = _files(Path(folder, app)), _files(scene.checkout / FOLDER / app)
            other = sorted(name for name in made.keys() | kept.keys() if made.get(name) != kept.get(name))
            see.holds(
                bool(made) and not other,
                f"{app}: scaffolded again by the skill, its {len(made)} files come out the same, byte for byte",
                else_=f"different: {', '.join(other[:_SHOWN]) or 'nothing was made'}",
            )


def _deployed(scene: Scene, see: Notebook) -> None:
    kubectl = scene.cluster.kubectl
    rendered = kubectl.run("kustomize", "--load-restrictor=LoadRestrictionsNone", str(scene.checkout / OVERLAY))
    documents = [one for one in rendered.split("\n---\n") if _kind(one) not in _KINDS_LEFT_OUT]
    images = {name: scene.cluster.a_pod(name).containers[APP].image for name in SERVICES}
    wanted = _IMAGE.sub(
        lambda found: images.get(found["name"].removeprefix("learnflow/"), found[0]), "\n---\n".join(documents)
    )
    different = kubectl.run("diff", "--filename=-", stdin=wanted, allowed=(0, 1))
    changed = re.findall(r"^diff .*/(\S+)$", different, re.MULTILINE)
    see.holds(
        not changed,
        f"the {len(documents)} resources of {OVERLAY} are in the cluster as they stand there (`kubectl diff`;"
        " image tags name the content, a Job that is done may be gone)",
        else_=f"different: {', '.join(changed[:_SHOWN])}",
    )
    for line in different.splitlines():
        if changed and re.match(r"[-+] ", line):
            see.note(line.strip())
            if len(see.statements) > _SHOWN:
                break
    for app in SERVICES:
        see.holds(
            any(_kind(one) == "Deployment" and f"\n  name: {app}\n" in one for one in documents),
            f"{OVERLAY} has the Deployment {app}",
        )


def _scaffold(checkout: Path, into: Path) -> None:
    command = [sys.executable, str(checkout / SKILL / "scripts/scaffold"), "--all", "--into", str(into)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_SCAFFOLD_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise CommandHangs(command, _SCAFFOLD_SECONDS) from error
    if ended.returncode:
        raise CommandFailed(command, ended.returncode, ended.stderr)


def _files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _kind(document: str) -> str:
    found = re.search(r"^kind: (\S+)", document, re.MULTILINE)
    return found[1] if found else ""


CHECKS: Final = (
    Check("scaffolded", "The skill fastapi-dapr-agent makes the services' folders", ("FR-009", "SC-008"), _scaffolded),
    Check("deployed", "What runs is what phase-3-backend-services says", ("FR-012", "SC-003", "SC-008"), _deployed),
)
"""See `checks`."""
