"""`python -m deploy.images.build`: the images of all services.

From Python: `build` makes them, `Image.archive` writes one for loading elsewhere; `archives` looks into such a file.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from deploy.images import archives
from deploy.images.builders import PROGRAMS, Builder, Order, find
from deploy.images.context import Context, contexts, version
from deploy.images.errors import ImagesError
from deploy.images.provenance import provenance

ROOT: Final = Path(__file__).parents[2]
BASE: Final = "docker.io/library/python:3.11-slim-bookworm"
REGISTRY: Final = "docker.io"
SBOM: Final = "/usr/share/sbom/learnflow.cdx.json"
_INTERRUPTED: Final = 130
_MB: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Image:
    """An image that a builder keeps.

    Attributes:
        service: that it runs.
        name: as manifests write it, without a tag: learnflow/course-agent.
        tag: names its content.
        builder: that keeps it.
    """

    service: str
    name: str
    tag: str
    builder: Builder

    @property
    def reference(self) -> str:
        """Registry, name and the tag that names its content."""
        return f"{REGISTRY}/{self.name}:{self.tag}"

    def archive(self, folder: Path) -> Path:
        """Write it into a folder, for `docker load`, `minikube image load` or `ctr images import`.

        Returns:
            The file: the service's name and `.tar`. One that is there is replaced.

        Raises:
            CommandFailed: it can't be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.service}.tar"
        self.builder.archive(self.reference, file)
        return file


def build(
    builder: Builder,
    *,
    root: Path = ROOT,
    base: str = BASE,
    tags: Sequence[str] = (),
    ca: Path | None = None,
    again: bool = True,
) -> list[Image]:
    """Build the images of all services.

    Args:
        builder: see `deploy.images.builders.find`.
        root: of the checkout.
        base: the image to build on.
        tags: further ones for each image, besides the one that names its content.
        ca: a file of certificates to trust while packages are downloaded.
        again: whether to build what the builder has already under all these tags; it is quick at that, too.

    Raises:
        ImagesError: what exactly, says the subclass.
    """
    return [_build(context, builder, root, base, tuple(tags), ca, again) for context in contexts(root)]


def _build(
    context: Context,
    builder: Builder,
    root: Path,
    base: str,
    tags: Sequence[str],
    ca: Path | None,
    again: bool,
) -> Image:
    image = Image(context.service, f"learnflow/{context.service}", context.tag(base), builder)
    references = [image.reference, *(f"{REGISTRY}/{image.name}:{tag}" for tag in tags)]
    if not again and all(builder.has(reference) for reference in references):
        _tell(f"{image.name}:{image.tag} is there already")
        return image
    _tell(f"building {image.name}:{image.tag} with {builder.name}")
    began = time.monotonic()
    with TemporaryDirectory(prefix="learnflow-image-") as folder:
        context.write(Path(folder), secrets=builder.takes_secrets)
        arguments = {"BASE": base, "VERSION": version(root), **provenance(root)}
        builder.build(Order(folder=Path(folder), references=references, arguments=arguments, ca=ca and ca.resolve()))
    _tell(f"built in {time.monotonic() - began:.1f} s")
    return image


def main() -> int:
    """Do what the command line says.

    Returns:
        0; 1 with the reason on stderr for what could not be done; 130 after Ctrl-C.
    """
    asked = _arguments()
    try:
        tags = [version(ROOT)] if asked.tag is None else asked.tag
        images = build(find(asked.builder), base=asked.base, tags=tags, ca=asked.ca, again=not asked.keep)
        with TemporaryDirectory(prefix="learnflow-archives-") as temporary:
            files = [image.archive(asked.archive or Path(temporary)) for image in images]
            if asked.sbom:
                _write_sboms(images, files, asked.sbom)
            _report(images, tags, archives.sizes(files))
    except ImagesError as error:
        print(f"deploy.images.build: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _write_sboms(images: Sequence[Image], files: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for image, file in zip(images, files, strict=True):
        (folder / f"{image.service}.cdx.json").write_bytes(archives.content(file, SBOM))


def _report(images: Sequence[Image], tags: Sequence[str], sizes: archives.Sizes) -> None:
    for image, size, compressed in zip(images, sizes.images, sizes.compressed, strict=True):
        also = "".join(f", {tag}" for tag in tags)
        print(f"{image.name}:{image.tag}{also}  {size / _MB:.1f} MB, compressed {compressed / _MB:.1f} MB")
    print(f"shared by all: {sizes.shared / _MB:.1f} MB; all together: {sizes.together / _MB:.1f} MB")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text} is no file")
    return path


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.images.build", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--tag",
        action="append",
        help="besides the tag that names the content (default: the version); repeatable",
    )
    parser.add_argument("--base", default=BASE, help="the image to build on, best by its digest (default: %(default)s)")
    parser.add_argument("--ca", type=_file, metavar="FILE", help="certificates to trust while packages are downloaded")
    parser.add_argument("--builder", choices=tuple(PROGRAMS), help="default: the first that works here")
    parser.add_argument("--keep", action="store_true", help="do not build what is there already with the same content")
    parser.add_argument("--sbom", type=Path, metavar="DIR", help="put the list of what is in each image in here")
    parser.add_argument(
        "--archive", type=Path, metavar="DIR", help="put a file of each image in here, for loading it elsewhere"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
