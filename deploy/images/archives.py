"""Tar files that hold one image each, as `docker save` writes them: how big it is, and what is in it."""

import json
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from deploy.images.errors import UnreadableArchive

_CHUNK: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 31


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of an image.

    Attributes:
        digest: of its content; two images share the layers of equal digests.
        member: where it is in the archive.
        size: in bytes, unpacked.
    """

    digest: str
    member: str
    size: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """How big images are, in bytes.

    Attributes:
        shared: the layers that all of them have, once.
        together: the layers of all of them, each once.
        images: each with all its layers, in the order of the archives.
        compressed: as `images`, but as a registry keeps them; approximately, because builders compress differently.
    """

    shared: int
    together: int
    images: tuple[int, ...]
    compressed: tuple[int, ...]


def layers(path: Path) -> tuple[Layer, ...]:
    """The layers of an archive's image, the lowest first.

    Raises:
        UnreadableArchive: it is none, or has several images.
    """
    with _opened(path) as archive:
        images: list[dict[str, Any]] = json.loads(_bytes(path, archive, "manifest.json"))
        if len(images) != 1:
            raise UnreadableArchive(path, f"has {len(images)} images")
        members: list[str] = images[0]["Layers"]
        digests: list[str] = json.loads(_bytes(path, archive, images[0]["Config"]))["rootfs"]["diff_ids"]
        found = zip(digests, members, strict=True)
        return tuple(Layer(digest, member, _size(path, archive, member)) for digest, member in found)


def sizes(paths: Sequence[Path]) -> Sizes:
    """How big the images of archives are.

    Raises:
        UnreadableArchive: one of them is none.
    """
    images = [layers(path) for path in paths]
    size = {layer.digest: layer.size for image in images for layer in image}
    everywhere = set[str](size).intersection(*({layer.digest for layer in image} for image in images))
    packed: dict[str, int] = {}
    for path, image in zip(paths, images, strict=True):
        with _opened(path) as archive:
            for layer in image:
                if layer.digest not in packed:
                    packed[layer.digest] = _compressed(path, archive, layer.member)
    return Sizes(
        sum(size[digest] for digest in everywhere),
        sum(size.values()),
        tuple(sum(layer.size for layer in image) for image in images),
        tuple(sum(packed[layer.digest] for layer in image) for image in images),
    )


def content(path: Path, name: str) -> bytes:
    """A file of an archive's image.

    Args:
        path: of the archive.
        name: of the file, absolute in the image.

    Raises:
        UnreadableArchive: the image has no such file.
    """
    wanted = name.lstrip("/")
    for layer in reversed(layers(path)):
        with _opened(path) as archive, tarfile.open(fileobj=_member(path, archive, layer.member), mode="r:*") as files:
            for file in files:
                if file.name.removeprefix("./").lstrip("/") == wanted and (stream := files.extractfile(file)):
                    return stream.read()
    raise UnreadableArchive(path, f"its image has no {name}")


def _opened(path: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(path)
    except (OSError, tarfile.TarError) as error:
        raise UnreadableArchive(path, str(error)) from error


def _member(path: Path, archive: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        # A layer that occurs twice is a link to its first occurrence; this follows it.
        stream = archive.extractfile(name)
    except KeyError as error:
        raise UnreadableArchive(path, f"has no {name}") from error
    if stream is None:
        raise UnreadableArchive(path, f"{name} is no file")
    return stream


def _bytes(path: Path, archive: tarfile.TarFile, name: str) -> bytes:
    return _member(path, archive, name).read()


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _size(path: Path, archive: tarfile.TarFile, name: str) -> int:
    first = next(_chunks(_member(path, archive, name)), b"")
    if not first.startswith(_GZIP):
        return sum(map(len, _chunks(_member(path, archive, name))))
    unpacking = zlib.decompressobj(_GZIP_WINDOW)
    return sum(len(unpacking.decompress(chunk)) for chunk in _chunks(_member(path, archive, name)))


def _compressed(path: Path, archive: tarfile.TarFile, name: str) -> int:
    chunks = _chunks(_member(path, archive, name))
    first = next(chunks, b"")
    if first.startswith(_GZIP):
        return len(first) + sum(map(len, chunks))
    packing = zlib.compressobj(wbits=_GZIP_WINDOW)
    return len(packing.compress(first)) + sum(len(packing.compress(chunk)) for chunk in chunks) + len(packing.flush())
