"""What can keep LearnFlow from running on a Minikube."""

from collections.abc import Sequence
from typing import Final

_LONGEST_SAID: Final = 2000


class MinikubeError(Exception):
    """It could not be done; what was done until then stays, and is found done at the next try."""


class Lacking(MinikubeError):
    """Something that only the user can provide is not there.

    Attributes:
        what: each thing that is missing, with what to do about it.
    """

    def __init__(self, what: Sequence[str]) -> None:
        super().__init__("this is missing:" + "".join(f"\n  {one}" for one in what))
        self.what = tuple(what)


class CommandFailed(MinikubeError):
    """A program ended with another status than 0.

    Attributes:
        command: that was run.
        status: that it ended with.
        said: the end of what it wrote.
    """

    def __init__(self, command: Sequence[str], status: int, said: str) -> None:
        said = said.strip()[-_LONGEST_SAID:] or "it gave no reason"
        super().__init__(f"`{' '.join(command)}` ended with status {status}: {said}")
        self.command = tuple(command)
        self.status = status
        self.said = said


class NotReady(MinikubeError):
    """What was deployed does not get ready.

    Attributes:
        what: was waited for.
        seconds: how long.
        looks: how it looks instead.
    """

    def __init__(self, what: str, seconds: float, looks: str) -> None:
        super().__init__(f"{what} is not ready after {seconds:g} s:\n{looks}")
        self.what = what
        self.seconds = seconds
        self.looks = looks
