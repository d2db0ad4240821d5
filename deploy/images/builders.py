"""Programs that build images: docker, podman and buildah."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from typing_extensions import override

from deploy.images.context import DOCKERFILE, EPOCH
from deploy.images.errors import CannotPass, CommandFailed, NoBuilder

ANSWER_SECONDS: Final = 30
_LINES: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to build.

    Attributes:
        folder: of the context; its Dockerfile is in it.
        references: what to call the image: registry, name and tag.
        arguments: of the build.
        ca: a file of certificates to trust while packages are downloaded; `None` for the base's own.
    """

    folder: Path
    references: Sequence[str]
    arguments: Mapping[str, str]
    ca: Path | None = None


class Builder(Protocol):
    """Builds images, and keeps them until somebody asks."""

    @property
    def name(self) -> str:
        """The program's."""

    @property
    def takes_secrets(self) -> bool:
        """Whether instructions may have `--mount=type=secret`."""

    def build(self, order: Order) -> None:
        """Build an image.

        Raises:
            CommandFailed: it could not be built.
            CannotPass: the order has certificates, and the builder takes no secrets.
        """

    def has(self, reference: str) -> bool:
        """Whether it keeps an image of this name."""

    def archive(self, reference: str, file: Path) -> None:
        """Write an image into a tar file as `docker load` takes it; one that is there is replaced.

        Raises:
            CommandFailed: there is no such image, or the file can't be written.
        """


@dataclass(frozen=True, slots=True)
class Docker(Builder):
    """Docker's engine, by its client.

    Attributes:
        buildkit: whether it can build by BuildKit; otherwise it is the classic builder.
        load: whether BuildKit must be told to give the image to the engine.
    """

    buildkit: bool
    load: bool = False
    name: str = "docker"

    @property
    @override
    def takes_secrets(self) -> bool:
        return self.buildkit

    @override
    def build(self, order: Order) -> None:
        if order.ca and not self.buildkit:
            raise CannotPass("docker without BuildKit", "certificates (--ca); install its buildx plugin")
        arguments = {**order.arguments, **({"SOURCE_DATE_EPOCH": str(EPOCH)} if self.buildkit else {})}
        options = ["--load"] if self.load else []
        _run(["docker", "build", *options, *_options(order, arguments)], DOCKER_BUILDKIT=str(int(self.buildkit)))

    @override
    def has(self, reference: str) -> bool:
        return _answers(["docker", "image", "inspect", reference])

    @override
    def archive(self, reference: str, file: Path) -> None:
        _run(["docker", "save", "--output", str(file), reference])


@dataclass(frozen=True, slots=True)
class Podman(Builder):
    """Podman, on its own or by its machine."""

    name: str = "podman"
    takes_secrets: bool = True

    @override
    def build(self, order: Order) -> None:
        _run(["podman", "build", *_LAYERED, *_options(order, order.arguments)])

    @override
    def has(self, reference: str) -> bool:
        return _answers(["podman", "image", "exists", reference])

    @override
    def archive(self, reference: str, file: Path) -> None:
        file.unlink(missing_ok=True)
        _run(["podman", "save", "--format", "docker-archive", "--output", str(file), reference])


@dataclass(frozen=True, slots=True)
class Buildah(Builder):
    """Buildah. In a container, as root, it needs `BUILDAH_ISOLATION=chroot` in the environment."""

    name: str = "buildah"
    takes_secrets: bool = True

    @override
    def build(self, order: Order) -> None:
        # A network of its own would need plugins that buildah's package does not bring.
        _run(["buildah", "bud", "--network", "host", *_LAYERED, *_options(order, order.arguments)])

    @override
    def has(self, reference: str) -> bool:
        return _answers(["buildah", "inspect", "--type", "image", reference])

    @override
    def archive(self, reference: str, file: Path) -> None:
        file.unlink(missing_ok=True)
        _run(["buildah", "push", reference, f"docker-archive:{file}:{reference}"])


# The format of Docker, because the other has no health checks; a layer for each instruction, or none would be shared.
_LAYERED: Final = ("--format", "docker", "--layers", "--timestamp", str(EPOCH))


@dataclass(frozen=True, slots=True)
class _Found:
    builder: Builder | None = None
    why_not: str = ""


def find(wanted: str | None = None) -> Builder:
    """The first of docker, podman and buildah that can build here, or the one that is wanted.

    Raises:
        NoBuilder: none can, or the one that is wanted can't.
    """
    reasons = {}
    for name in (wanted,) if wanted else tuple(PROGRAMS):
        found = PROGRAMS[name]() if shutil.which(name) else _Found(why_not="is not on PATH")
        if found.builder:
            return found.builder
        reasons[name] = found.why_not
    raise NoBuilder(reasons)


def _docker() -> _Found:
    trouble = _trouble(["docker", "version", "--format", "{{.Server.Version}}"])
    if trouble:
        return _Found(why_not=f"its engine does not answer: {trouble}")
    # The client before version 23 has BuildKit in it, later ones have it in a plugin.
    told = _ask(["docker", "build", "--help"], DOCKER_BUILDKIT="1")
    usage = told.stdout if told.returncode == 0 else ""
    return _Found(Docker(buildkit="--secret" in usage, load="--load" in usage))


def _podman() -> _Found:
    trouble = _trouble(["podman", "info"])
    return _Found(why_not=f"does not work here: {trouble}") if trouble else _Found(Podman())


def _buildah() -> _Found:
    trouble = _trouble(["buildah", "info"])
    return _Found(why_not=f"does not work here: {trouble}") if trouble else _Found(Buildah())


PROGRAMS: Final[Mapping[str, Callable[[], _Found]]] = {"docker": _docker, "podman": _podman, "buildah": _buildah}
"""In the order in which they are looked for."""


def _options(order: Order, arguments: Mapping[str, str]) -> list[str]:
    secret = ["--secret", f"id=ca,src={order.ca}"] if order.ca else []
    return [
        *secret,
        *(option for name, value in arguments.items() for option in ("--build-arg", f"{name}={value}")),
        *(option for reference in order.references for option in ("--tag", reference)),
        "--file",
        str(order.folder / DOCKERFILE),
        str(order.folder),
    ]


def _run(command: Sequence[str], **environment: str) -> None:
    ended = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if ended.returncode != 0:
        raise CommandFailed(tuple(command), ended.returncode, "\n".join(ended.stdout.splitlines()[-_LINES:]))


def _ask(command: Sequence[str], **environment: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {ANSWER_SECONDS} s")


def _answers(command: Sequence[str]) -> bool:
    return _ask(command).returncode == 0


def _trouble(command: Sequence[str]) -> str | None:
    told = _ask(command)
    if told.returncode == 0:
        return None
    lines = (told.stderr or told.stdout).strip().splitlines()
    return lines[-1] if lines else f"status {told.returncode}"
