"""What can go wrong between wanting a stack and having one."""

from pathlib import Path


class StackError(Exception):
    """The stack, or a part of it, is not to be had."""


class ToolMissing(StackError):
    """A program is not on this machine, and can't be had with what is.

    Attributes:
        tool: what is missing.
        needs: what to install, as the end of a sentence that begins with "needs".
    """

    def __init__(self, tool: str, needs: str) -> None:
        super().__init__(f"{tool} needs {needs}")
        self.tool = tool
        self.needs = needs


class InstallFailed(StackError):
    """A program could not be put into the cache.

    Attributes:
        tool: what was being installed.
        output: the end of what its installation wrote.
    """

    def __init__(self, tool: str, output: str) -> None:
        super().__init__(f"could not install {tool}: {output or 'no reason given'}")
        self.tool = tool
        self.output = output


class DataUnusable(StackError):
    """A data folder can't serve: it is of another version, or the account that Postgres runs as can't reach it."""


class NotStarted(StackError):
    """A process ended, or did not become ready in time.

    Attributes:
        name: of the process.
        log: the file that holds all it wrote.
        tail: the end of that.
    """

    def __init__(self, name: str, why: str, log: Path, tail: str) -> None:
        super().__init__(f"{name} {why}; the end of {log}:\n{tail}")
        self.name = name
        self.log = log
        self.tail = tail


class PortTaken(NotStarted):
    """A process ended because another one listens on a port of its own."""


class GuardianGone(StackError):
    """The process that ends the others when we are killed has itself ended, so nothing more is started."""
