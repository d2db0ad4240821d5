"""The Dockerfiles share what they can, and their last stage is what a cluster may run."""

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from deploy.images.build import BASE, ROOT, SBOM
from deploy.images.builders import Buildah, Docker, Podman

FOLDER: Final = ROOT / "phase-3-backend-services"
DOCKERFILES: Final = sorted(FOLDER.glob("*/Dockerfile"))
OWN: Final = "# What follows is this service's own."
EVERY: Final = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)


def instructions(text: str) -> list[str]:
    """A Dockerfile's instructions, each in one line."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [re.sub(r"\s+", " ", line) for line in "\n".join(lines).replace("\\\n", " ").split("\n")]


def last_stage(path: Path) -> list[str]:
    steps = instructions(path.read_text(encoding="utf-8"))
    start = max(number for number, step in enumerate(steps) if step.startswith("FROM "))
    return steps[start:]


def words(path: Path, keyword: str) -> list[str]:
    return [step.removeprefix(keyword).strip() for step in last_stage(path) if step.startswith(f"{keyword} ")]


def test_the_three_services_have_one() -> None:
    assert {"course-agent", "user-progress", "projector"} <= {path.parent.name for path in DOCKERFILES}


def test_they_are_the_same_down_to_the_marked_line() -> None:
    shared = {"\n".join(instructions(path.read_text(encoding="utf-8").split(OWN)[0])) for path in DOCKERFILES}
    assert len(shared) == 1
    for path in DOCKERFILES:
        own = path.read_text(encoding="utf-8").split(OWN)[1]
        assert [step.split()[0] for step in instructions(own)] == ["LABEL", "COPY"]
        assert instructions(own)[1] == f"COPY phase-3-backend-services/{path.parent.name}/ /app/"


@EVERY
def test_the_last_stage_runs_without_privileges(path: Path) -> None:
    assert words(path, "USER") == ["65532:65532"]
    steps = [step.split()[0] for step in last_stage(path)]
    assert "RUN" not in steps[steps.index("USER") :]
    assert words(path, "STOPSIGNAL") == ["SIGTERM"]
    assert words(path, "ENTRYPOINT") == ['["python", "/app/main.py"]']
    assert "/healthz" in words(path, "HEALTHCHECK")[0]


@EVERY
def test_the_last_stage_takes_no_tools_along(path: Path) -> None:
    taken = [step.split()[1:] for step in last_stage(path) if step.startswith("COPY --from")]
    assert [(source, target) for _, source, target in taken] == [
        ("/opt/learnflow/", "/opt/learnflow/"),
        ("/new/opt/learnflow/", "/opt/learnflow/"),
        ("/new/usr/share/sbom/", f"{Path(SBOM).parent}/"),
    ]
    text = path.read_text(encoding="utf-8")
    stage = text[text.index("AS base") : text.index("AS dependencies")]
    pattern = "|".join(re.findall(r"-regex '([^']*)'", stage))
    gone = (
        "/usr/local/lib/python3.11/site-packages/pip",
        "/usr/local/lib/python3.11/site-packages/pip-24.0.dist-info",
        "/usr/local/lib/python3.11/site-packages/setuptools-65.5.1.dist-info",
        "/usr/local/lib/python3.11/site-packages/distutils-precedence.pth",
        "/usr/local/lib/python3.11/ensurepip",
        "/usr/local/bin/pip3.11",
        "/usr/lib/python3/dist-packages/pip",
        "/usr/share/python-wheels",
    )
    for tool in gone:
        assert re.fullmatch(pattern, tool), tool
    for part in (
        "/usr/bin/python3",
        "/usr/lib/python3.11/pipes.py",
        "/usr/local/lib/python3.11/site-packages/pipeline",
    ):
        assert not re.fullmatch(pattern, part), part


@EVERY
def test_it_holds_no_secret(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?i)(password|token|api_key|BEGIN [A-Z ]*PRIVATE)", text)
    assert re.findall(r"--mount=type=(\w+),id=(\w+)", text) == [("secret", "ca")]
    # Neither can the secret stay in a layer of the last stage.
    assert not any("--mount" in step for step in last_stage(path))


@EVERY
def test_packages_are_pinned_by_hash(path: Path) -> None:
    installs = re.findall(r"pip\b[^;]*\binstall\b[^;]*", "\n".join(instructions(path.read_text(encoding="utf-8"))))
    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install
    assert f"ARG BASE={BASE}" in path.read_text(encoding="utf-8")


@EVERY
def test_bytecode_does_not_depend_on_times(path: Path) -> None:
    text = "\n".join(instructions(path.read_text(encoding="utf-8")))
    # What pip compiles names the time of its source, which the build changes afterwards: Python would compile it again
    # at each start.
    installs = re.findall(r"/opt/learnflow install\b[^;]*", text)
    assert all("--no-compile" in install for install in installs)
    compiles = re.findall(r"compileall\b[^;]*", text)
    assert len(compiles) == len(installs) == 2
    assert all("-f --invalidation-mode unchecked-hash" in command and "-j" not in command for command in compiles)


@EVERY
def test_the_wheel_is_built_from_every_package_of_the_project(path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    copied = re.findall(r"^COPY (\w+)/ (\w+)/$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert copied == [(package, package) for package in packages]


@EVERY
def test_labels_say_what_it_is(path: Path) -> None:
    names = set(re.findall(r"org\.opencontainers\.image\.([a-z.]+)=", " ".join(words(path, "LABEL"))))
    assert names == {"title", "description", "version", "revision", "created", "base.name", "licenses"}


def test_builders_that_take_secrets_get_the_secret() -> None:
    assert Podman().takes_secrets
    assert Buildah().takes_secrets
    assert Docker(buildkit=True).takes_secrets
    assert not Docker(buildkit=False).takes_secrets
