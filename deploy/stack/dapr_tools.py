"""daprd and placement: those of the machine if they fit, else built from their Go modules."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.stack import cache, go
from deploy.stack.programs import dotted, on_path, version_of

VERSION: Final = "1.18.1"
FITS: Final = (1, 18)
MODULE: Final = Path(__file__).parent / "dapr"
FLAGS: Final = (
    "-mod=readonly",
    "-tags=stablecomponents",
    f"-ldflags=-X github.com/dapr/dapr/pkg/buildinfo.version={VERSION}",
)
PROGRAMS: Final = ("./daprd", "github.com/dapr/dapr/cmd/placement")


@dataclass(frozen=True)
class DaprTools:
    """Where Dapr's programs are.

    Attributes:
        daprd: the sidecar.
        placement: the service that knows which sidecar hosts which actors.
    """

    daprd: Path
    placement: Path


def check() -> None:
    """Look whether there is Dapr here, or it can be built.

    Raises:
        ToolMissing: neither.
    """
    if _of_machine() is None and not _place().is_dir():
        _go()


def provide() -> DaprTools:
    """Dapr's programs; builds them if need be, which takes minutes, once.

    `LEARNFLOW_DAPR=source` leaves out of account what the machine has.

    Raises:
        ToolMissing: they are not here, and no Go to build them with.
        InstallFailed: they could not be built.
    """
    ours = _of_machine()
    if ours is not None:
        return ours
    place = _place()
    if not place.is_dir():
        builder = _go()
        cache.installed(
            place,
            f"building daprd and placement {VERSION} from source, about five minutes, once (into {place})",
            lambda folder: _build(builder, folder),
        )
    return DaprTools(place / "daprd", place / "placement")


def _place() -> Path:
    sources = [MODULE / "go.mod", MODULE / "go.sum", MODULE / "daprd" / "main.go"]
    return cache.place_of(f"dapr-{VERSION}", [*sources, *FLAGS, *PROGRAMS])


def _of_machine() -> DaprTools | None:
    if os.environ.get("LEARNFLOW_DAPR") == "source":
        return None
    # Where the dapr command puts them.
    folder = Path.home() / ".dapr" / "bin"
    daprd, placement = on_path("daprd", folder), on_path("placement", folder)
    if daprd is None or placement is None:
        return None
    version = version_of([daprd, "--version"])
    return DaprTools(daprd, placement) if version is not None and version[: len(FITS)] == FITS else None


def _go() -> Path:
    return go.find("Dapr", MODULE, f"daprd and placement {dotted(FITS)}.x on PATH, or ")


def _build(builder: Path, folder: Path) -> None:
    cache.run(f"daprd and placement {VERSION}", [builder, "build", *FLAGS, "-o", f"{folder}/", *PROGRAMS], cwd=MODULE)
