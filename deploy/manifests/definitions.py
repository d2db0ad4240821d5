"""What Dapr and KEDA define: their CustomResourceDefinitions, and the annotations that Dapr's injector reads.

Taken from the Go modules of the very versions that are deployed; the checksums are those of Go's checksum database.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.manifests import kustomize_tools
from deploy.stack import cache, dapr_tools, go
from deploy.stack.errors import InstallFailed
from deploy.stack.programs import answer

KEDA_VERSION: Final = "2.21.0"


@dataclass(frozen=True, slots=True)
class Source:
    """A Go module, of which a few files are wanted.

    Attributes:
        name: for the folder that keeps the files.
        module: path and version, joined by "@".
        checksum: of the module's files ("h1:...", as in a go.sum).
        files: pattern of the files, within the module, by the folder that they are put in.
    """

    name: str
    module: str
    checksum: str
    files: tuple[tuple[str, str], ...]


DAPR: Final = Source(
    name="dapr",
    module=f"github.com/dapr/dapr@v{dapr_tools.VERSION}",
    checksum="h1:Ra9AE9ekBva6Dqc5nz71aA+I8DEdjllFqyn+Z/mBSow=",
    files=(("charts/dapr/crds/*.yaml", "crds"), ("pkg/injector/patcher/sidecar.go", "injector")),
)
KEDA: Final = Source(
    name="keda",
    module=f"github.com/kedacore/keda/v2@v{KEDA_VERSION}",
    checksum="h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
    files=(
        ("config/crd/bases/keda.sh_scaledobjects.yaml", "crds"),
        ("config/crd/bases/keda.sh_triggerauthentications.yaml", "crds"),
    ),
)
SOURCES: Final = (DAPR, KEDA)


@dataclass(frozen=True, slots=True)
class Definitions:
    """Where the definitions are.

    Attributes:
        crds: files that hold a CustomResourceDefinition each.
        injector: the Go source that names the annotations, each as the tag of a typed field.
    """

    crds: tuple[Path, ...]
    injector: Path


def check() -> None:
    """Look whether the definitions are here, or can be fetched.

    Raises:
        ToolMissing: they are not, and there is no Go to fetch them with.
    """
    if not _place().is_dir():
        _go()


def provide() -> Definitions:
    """The definitions; fetches them if need be, once.

    Raises:
        ToolMissing: they are not here, and no Go to fetch them with.
        InstallFailed: a module could not be fetched, is not the one that is pinned, or lacks a file.
    """
    place = _place()
    if not place.is_dir():
        fetcher = _go()
        cache.installed(
            place,
            f"fetching the definitions of Dapr {dapr_tools.VERSION} and KEDA {KEDA_VERSION}, once (into {place})",
            lambda folder: _fill(fetcher, folder),
        )
    crds = [file for source in SOURCES for file in sorted((place / source.name / "crds").iterdir())]
    return Definitions(tuple(crds), place / DAPR.name / "injector" / "sidecar.go")


def _place() -> Path:
    return cache.place_of(f"definitions-dapr-{dapr_tools.VERSION}-keda-{KEDA_VERSION}", [repr(SOURCES)])


def _go() -> Path:
    return go.find("CRDs", kustomize_tools.MODULE)


def _fill(fetcher: Path, folder: Path) -> None:
    for source in SOURCES:
        module = _fetched(fetcher, source, folder)
        for pattern, into in source.files:
            found = sorted(module.glob(pattern))
            if not found:
                raise InstallFailed(source.module, f"there is no {pattern} in it")
            target = folder / source.name / into
            target.mkdir(parents=True, exist_ok=True)
            for file in found:
                # Not its mode: Go's module cache is read-only.
                shutil.copyfile(file, target / file.name)


def _fetched(fetcher: Path, source: Source, nowhere: Path) -> Path:
    # In a folder without a go.mod, so that none is changed.
    download: list[str | Path] = [fetcher, "-C", nowhere, "mod", "download"]
    cache.run(source.module, [*download, source.module])
    said = answer([*download, "-json", source.module])
    if said is None:
        raise InstallFailed(source.module, "Go does not say where it put it")
    found = json.loads(said)
    if found["Sum"] != source.checksum:
        raise InstallFailed(source.module, f"its checksum is {found['Sum']}, and not {source.checksum}")
    return Path(found["Dir"])
