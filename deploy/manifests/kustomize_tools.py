"""kustomize: built from its Go module, one version for everybody, whatever kubectl is on PATH."""

import subprocess
from pathlib import Path
from typing import Final

from deploy.stack import cache, go
from deploy.stack.errors import StackError

VERSION: Final = "5.8.1"
MODULE: Final = Path(__file__).parent / "kustomize"
PROGRAM: Final = "sigs.k8s.io/kustomize/kustomize/v5"
FLAGS: Final = ("-mod=readonly", "-trimpath")
RENDER_SECONDS: Final = 60


class NotRendered(StackError):
    """kustomize refused a folder, or said nothing for a minute.

    Attributes:
        folder: that was to be rendered.
        output: what kustomize wrote on stderr.
    """

    def __init__(self, folder: Path, output: str) -> None:
        super().__init__(f"kustomize build {folder}: {output.strip() or 'no reason given'}")
        self.folder = folder
        self.output = output


def check() -> None:
    """Look whether kustomize is here, or can be built.

    Raises:
        ToolMissing: neither.
    """
    if not _place().is_dir():
        go.find("kustomize", MODULE)


def provide() -> Path:
    """The program; builds it if need be, which takes a minute, once.

    Raises:
        ToolMissing: it is not here, and no Go to build it with.
        InstallFailed: it could not be built.
    """
    place = _place()
    if not place.is_dir():
        builder = go.find("kustomize", MODULE)
        cache.installed(
            place,
            f"building kustomize {VERSION} from source, about a minute, once (into {place})",
            lambda folder: cache.run(
                f"kustomize {VERSION}",
                [builder, "build", *FLAGS, "-o", folder / "kustomize", PROGRAM],
                cwd=MODULE,
            ),
        )
    return place / "kustomize"


def render(program: Path, folder: Path) -> str:
    """What `kustomize build` makes of a folder, by its defaults, as `kubectl apply -k` does: YAML documents.

    Raises:
        NotRendered: the folder holds no kustomization, or one that does not fit its files.
    """
    try:
        ran = subprocess.run(
            [str(program), "build", str(folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RENDER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotRendered(folder, str(error)) from error
    if ran.returncode != 0:
        raise NotRendered(folder, ran.stderr)
    return ran.stdout


def _place() -> Path:
    return cache.place_of(f"kustomize-{VERSION}", [MODULE / "go.mod", MODULE / "go.sum", *FLAGS, PROGRAM])
