"""What can go wrong between a checkout and images of its services."""

from collections.abc import Mapping
from pathlib import Path


class ImagesError(Exception):
    """The images, or one of them, are not to be had."""


class NoBuilder(ImagesError):
    """Nothing on this machine can build images.

    Attributes:
        reasons: for each program that could, why it can't.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        told = "".join(f"\n  {name}: {reason}" for name, reason in reasons.items())
        super().__init__(f"nothing here can build images; one of these is enough:{told}")
        self.reasons = dict(reasons)


class CannotPass(ImagesError):
    """The builder can't be given something that was asked for.

    Attributes:
        builder: its name.
        what: it can't be given.
    """

    def __init__(self, builder: str, what: str) -> None:
        super().__init__(f"{builder} can't be given {what}")
        self.builder = builder
        self.what = what


class CommandFailed(ImagesError):
    """A builder's command ended with an error.

    Attributes:
        command: its words.
        status: that it ended with.
        output: the end of what it wrote.
    """

    def __init__(self, command: tuple[str, ...], status: int, output: str) -> None:
        super().__init__(f"{' '.join(command)}\nended with status {status}: {output or 'no reason given'}")
        self.command = command
        self.status = status
        self.output = output


class UnusableContext(ImagesError):
    """The checkout lacks something that images are made from, or has something that can't go into one.

    Attributes:
        path: of what is wrong.
    """

    def __init__(self, path: Path, trouble: str) -> None:
        super().__init__(f"{path}: {trouble}")
        self.path = path


class UnreadableArchive(ImagesError):
    """A file is no archive of one image, or lacks what was looked for.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path, trouble: str) -> None:
        super().__init__(f"{path}: {trouble}")
        self.path = path
