"""What a service's image is made from, read once, and the tag that names it."""

import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.images.errors import UnusableContext
from deploy.images.ignoring import Ignore, paths_of

SERVICES: Final = "phase-3-backend-services"
DOCKERFILE: Final = "Dockerfile"
TAG_DIGITS: Final = 12
EPOCH: Final = 315_532_800
"""The time of every file in an image: 1980, the earliest that all formats can hold. Unix time, in seconds."""


@dataclass(frozen=True, slots=True)
class Context:
    """All that decides what is in a service's image, but for the base image itself.

    Attributes:
        service: its folder's name.
        dockerfile: the instructions.
        files: contents by path.
    """

    service: str
    dockerfile: bytes
    files: Mapping[str, bytes]

    def tag(self, base: str) -> str:
        """Name the content: 12 hex digits that are others as soon as an instruction, a file or the base's name is.

        The same everywhere and at any time. A base that is named by a tag may change without its name.
        """
        digest = hashlib.sha256()
        for part in (base.encode(), self.dockerfile, *(p for path in sorted(self.files) for p in self._file(path))):
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()[:TAG_DIGITS]

    def write(self, folder: Path, *, secrets: bool = True) -> None:
        """Put all of it into an empty folder, with the same modes and times wherever it came from.

        Args:
            folder: to write into; `Dockerfile` is there afterwards as well.
            secrets: whether instructions may ask for the optional secret; without, the classic builder takes them.
        """
        mount = b"--mount=type=secret,id=ca "
        instructions = self.dockerfile if secrets else self.dockerfile.replace(mount, b"")
        for path, content in {DOCKERFILE: instructions, **self.files}.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        for parent, folders, files in os.walk(folder):
            for name in (*files, *folders):
                Path(parent, name).chmod(0o755 if name in folders else 0o644)
                os.utime(Path(parent, name), (EPOCH, EPOCH))

    def _file(self, path: str) -> tuple[bytes, bytes]:
        return path.encode(), self.files[path]


def contexts(root: Path) -> tuple[Context, ...]:
    """Read what the image of each service is made from: of each folder of services that has a Dockerfile, by name.

    Raises:
        UnusableContext: there is no such folder, or a file of it can't be read or used.
    """
    dockerfiles = sorted((root / SERVICES).glob(f"*/{DOCKERFILE}"))
    if not dockerfiles:
        raise UnusableContext(root / SERVICES, f"no folder in here has a {DOCKERFILE}; skills/*/scripts/scaffold --all")
    try:
        contents = {path: (root / path).read_bytes() for path in Ignore.read(root / ".dockerignore").files(root)}
        return tuple(_context(dockerfile, contents) for dockerfile in dockerfiles)
    except OSError as error:
        raise UnusableContext(Path(str(error.filename)), str(error.strerror)) from error


def _context(dockerfile: Path, contents: Mapping[str, bytes]) -> Context:
    service = dockerfile.parent.name
    paths = paths_of(service, tuple(contents), SERVICES)
    return Context(service, dockerfile.read_bytes(), {path: contents[path] for path in paths})


def version(root: Path) -> str:
    """LearnFlow's version, as pyproject.toml has it.

    Raises:
        UnusableContext: it has none.
    """
    path = root / "pyproject.toml"
    try:
        project: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return str(project["project"]["version"])
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise UnusableContext(path, f"tells no version: {error}") from error
