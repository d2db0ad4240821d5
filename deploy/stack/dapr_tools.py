"""daprd and placement: those of the machine if they fit, else built from their Go modules."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.stack import cache
from deploy.stack.errors import ToolMissing
from deploy.stack.programs import answer, dotted, on_path, version_of

VERSION: Final = "1.18.1"
FITS: Final = (1, 18)
# Where its own installer puts it; not everybody has that on PATH.
GO_FOLDER: Final = Path("/usr/local/go/bin")
MODULE: Final = Path(__file__).parent / "dapr"
FLAGS: Final = (
    "-mod=readonly",
    "-tags=stablecomponents",
    f"-ldflags=-X github.com/dapr/dapr/pkg/buildinfo.version={VERSION}",
)
PROGRAMS: Final = ("./daprd", "github.com/dapr/dapr/cmd/placement")
_GO_LINE: Final = re.compile(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", re.MULTILINE)


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
        go = _go()
        cache.installed(
            place,
            f"building daprd and placement {VERSION} from source, about five minutes, once (into {place})",
            lambda folder: _build(go, folder),
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
    wanted = _wanted_go()
    needs = f"daprd and placement {dotted(FITS)}.x on PATH, or Go {dotted(wanted)} or newer to build them"
    go = on_path("go", GO_FOLDER)
    if go is None:
        raise ToolMissing("Dapr", f"{needs} (neither is here)")
    version = version_of([go, "version"])
    if version is None:
        raise ToolMissing("Dapr", f"{needs} ({go} does not answer)")
    if version < wanted and not _fetches_toolchains(go, version):
        raise ToolMissing("Dapr", f"{needs} ({go} is {dotted(version)})")
    return go


def _wanted_go() -> tuple[int, ...]:
    line = _GO_LINE.search((MODULE / "go.mod").read_text(encoding="utf-8"))
    if line is None:
        raise ToolMissing("Dapr", f"a go line in {MODULE / 'go.mod'}")
    return tuple(int(part) for part in line.groups() if part is not None)


def _fetches_toolchains(go: Path, version: tuple[int, ...]) -> bool:
    from_which_on = (1, 21)
    policy = answer([go, "env", "GOTOOLCHAIN"])
    return version >= from_which_on and policy is not None and policy.strip() != "local"


def _build(go: Path, folder: Path) -> None:
    cache.run(f"daprd and placement {VERSION}", [go, "build", *FLAGS, "-o", f"{folder}/", *PROGRAMS], cwd=MODULE)
