"""The services' images: built from this checkout, and put where the cluster looks for them."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from deploy.images.build import Image
from deploy.minikube.tools import Tools

LOAD_SECONDS: Final = 600.0


def load(tools: Tools, images: Sequence[Image]) -> list[Image]:
    """Load images that the cluster does not have yet; returns those. A tag names the content, so what is there fits.

    Raises:
        ImagesError: one can't be written to a file.
        CommandFailed: it can't be loaded.
    """
    there = set(tools.minikube("image", "ls").split())
    wanted = [image for image in images if image.reference not in there]
    with TemporaryDirectory(prefix="learnflow-images-") as folder:
        for image in wanted:
            tools.minikube("image", "load", str(image.archive(Path(folder))), seconds=LOAD_SECONDS)
    return wanted
