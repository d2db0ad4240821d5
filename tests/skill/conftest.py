"""Copies of skill and services that a test may change."""

import shutil
from pathlib import Path

import pytest

from learnflow.services import Service
from tests.skill.scaffolding import ROOT, SERVICES, SKILL, script


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of skill and services that is no git checkout; with the project's settings of its tools.

    Without services that were added: a test may give a new one whatever name it likes.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    top = tmp_path / "checkout"
    shutil.copytree(SKILL, top / "skills/fastapi-dapr-agent", ignore=ignored)
    for service in Service:
        shutil.copytree(SERVICES / service, top / SERVICES.name / service, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", top)
    return top


@pytest.fixture
def own(checkout: Path) -> Path:
    """A brand-new service with code of its own."""
    made: Path = script(checkout).scaffold(
        "quiz-agent", {"summary": "Asks learners questions."}, checkout / SERVICES.name
    )
    return made
