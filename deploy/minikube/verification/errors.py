"""What can keep a question from being answered, as against an answer that is not the one hoped for."""

from collections.abc import Sequence
from typing import Final

_LONGEST_SAID: Final = 600


class VerificationError(Exception):
    """Something could not be looked at, so nothing can be said about it."""


class ToolMissing(VerificationError):
    """A program is not on this machine.

    Attributes:
        tool: its name.
    """

    def __init__(self, tool: str) -> None:
        super().__init__(f"{tool} is not installed, or not on the PATH")
        self.tool = tool


class CommandFailed(VerificationError):
    """A program ended with another status than 0.

    Attributes:
        command: that was run.
        status: that it ended with.
        said: the end of what it wrote on stderr.
    """

    def __init__(self, command: Sequence[str], status: int, said: str) -> None:
        said = said.strip()[-_LONGEST_SAID:] or "it gave no reason"
        super().__init__(f"`{_shown(command)}` ended with status {status}: {said}")
        self.command = tuple(command)
        self.status = status
        self.said = said


class CommandHangs(VerificationError):
    """A program did not end in time, and was ended.

    Attributes:
        command: that was run.
        seconds: that it had.
    """

    def __init__(self, command: Sequence[str], seconds: float) -> None:
        super().__init__(f"`{_shown(command)}` did not end within {seconds:g} s")
        self.command = tuple(command)
        self.seconds = seconds


class Unexpected(VerificationError):
    """An answer that can't be read as what was asked for."""


class NotThere(VerificationError):
    """The cluster lacks what is to be looked at."""


class NoAnswer(VerificationError):
    """A request to a service got no answer.

    Attributes:
        url: that was asked.
        why: not; the kind of error and what it says.
        closed_unused: whether a kept connection was closed by the other side before a byte of an answer came.
    """

    def __init__(self, url: str, why: str, *, closed_unused: bool = False) -> None:
        super().__init__(f"{url} gives no answer: {why}")
        self.url = url
        self.why = why
        self.closed_unused = closed_unused


class NotInTime(VerificationError):
    """A condition did not come to hold.

    Attributes:
        what: was waited for.
        seconds: how long.
        trouble: what was in the way when last looked at.
    """

    def __init__(self, what: str, seconds: float, trouble: str) -> None:
        super().__init__(f"{what}: not within {seconds:g} s; {trouble}")
        self.what = what
        self.seconds = seconds
        self.trouble = trouble


def _shown(command: Sequence[str]) -> str:
    text = " ".join(command)
    return text if len(text) <= _LONGEST_SAID else f"{text[:_LONGEST_SAID]}..."
