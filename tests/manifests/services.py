"""Which services there are, and which of them are deployed, by what the skill that makes them has written down."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

KUSTOMIZATION: Final = "kustomization.yaml"
ADVICE: Final = "what to add for a service, and where: skills/fastapi-dapr-agent/references/kubernetes.md"


@dataclass(frozen=True, slots=True)
class Made:
    """A service, as its `.copier-answers.yml` has it.

    Attributes:
        name: its folder, app-id and Deployment.
        port: where its app listens.
        serves: members of LearnFlow that it serves; none if it has code of its own.
    """

    name: str
    port: int
    serves: frozenset[str]


def services(root: Path) -> tuple[Made, ...]:
    """All of a folder of services, by name."""
    read = [(file.parent.name, _read(file)) for file in sorted(root.glob("*/.copier-answers.yml"))]
    return tuple(Made(name, one["app_port"], frozenset(one.get("serves") or ())) for name, one in read)


def deployed(root: Path) -> tuple[Made, ...]:
    """Those of which some other folder takes in a piece: these have to be taken in whole.

    A service that nobody takes in is not meant to be deployed, or not yet: its author runs it alone.
    """
    wanted = {
        piece.relative_to(root).parts[0]
        for file in root.rglob(KUSTOMIZATION)
        for piece in taken_in(file.parent)
        if piece.is_relative_to(root) and piece.relative_to(root).parts[:1] != file.relative_to(root).parts[:1]
    }
    return tuple(service for service in services(root) if service.name in wanted)


def taken_in(folder: Path) -> set[Path]:
    """The files and folders that a kustomization takes in."""
    return {(folder / name).resolve() for name in _named(_read(folder / KUSTOMIZATION))}


def _named(read: dict[str, Any]) -> Iterator[str]:
    yield from read.get("resources") or []
    yield from read.get("components") or []
    yield from (patch["path"] for patch in read.get("patches") or [] if "path" in patch)
    for generator in read.get("configMapGenerator") or []:
        yield from generator.get("envs") or []
        yield from (file.partition("=")[2] or file for file in generator.get("files") or [])


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found
