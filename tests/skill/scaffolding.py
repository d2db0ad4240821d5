"""Running the scaffold script, and looking at what it made."""

import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any, Final

from learnflow.services import Service

ROOT: Final = Path(__file__).parents[2]
SKILL: Final = ROOT / "skills/fastapi-dapr-agent"
SERVICES: Final = ROOT / "phase-3-backend-services"
SCRIPT: Final = "skills/fastapi-dapr-agent/scripts/scaffold"
KEPT: Final = ("README.md", "dapr/", "tests/")
"""What a service with code of its own is given once, besides its package."""
RUN_SECONDS: Final = 100


def script(root: Path = ROOT) -> Any:
    """The script of a checkout as a module. Here, other than in a process of its own, each warning is an error."""
    loader = SourceFileLoader("scaffold", str(root / SCRIPT))
    spec = spec_from_loader(loader.name, loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def run(
    *command: str | Path, cwd: Path = ROOT, said: bytes | None = None, seconds: float = RUN_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run a program of this environment to its end; the caller looks at its exit status.

    Args:
        command: its name and its arguments.
        cwd: where.
        said: its input.
        seconds: that it may take.
    """
    name, *arguments = command
    program = Path(sys.executable).with_name(str(name))
    return subprocess.run(
        [program, *arguments],
        cwd=cwd,
        input="" if said is None else said.decode(),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def files(folder: Path) -> dict[str, bytes]:
    """The content of every file below a folder, by its path."""
    paths = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def services() -> dict[str, bytes]:
    """What the repository has of LearnFlow's own services, by path."""
    return {path: content for path, content in files(SERVICES).items() if path.split("/")[0] in {*Service}}


def generated(found: dict[str, bytes], service: str) -> dict[str, bytes]:
    """Of a service with code of its own, what is made again whenever it is scaffolded."""
    kept = (*KEPT, f"{service.replace('-', '_')}/")
    return {path: content for path, content in found.items() if not path.startswith(kept)}


def check_style(service: str, made: dict[str, bytes]) -> None:
    """Ruff has nothing to say against the Python files of a service, as if they were in the repository."""
    for path, content in made.items():
        if path.endswith(".py"):
            name = f"phase-3-backend-services/{service}/{path}"
            for command in (["check"], ["format", "--check"]):
                result = run("ruff", *command, "--no-cache", "--stdin-filename", name, "-", said=content)
                assert result.returncode == 0, f"{name}: {result.stdout}{result.stderr}"
