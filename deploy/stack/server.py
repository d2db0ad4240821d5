"""What all servers of the stack have in common."""

from abc import ABC, abstractmethod
from typing import ClassVar

from deploy.stack.process import Process


class Server(ABC):
    """A process that serves; it keeps its ports and data when it is started again."""

    start_seconds: ClassVar[float] = 60.0

    def __init__(self, process: Process) -> None:
        self.process = process

    @abstractmethod
    def trouble(self) -> str | None:
        """What is missing until it serves, in a few words; `None` for nothing. Answers within some seconds."""

    def prepare(self) -> None:  # noqa: B027 - most have nothing to prepare
        """Make ready what the process expects to find; done before each start."""

    @property
    def name(self) -> str:
        """For messages."""
        return self.process.name

    @property
    def running(self) -> bool:
        """Whether the process is there; a paused one is."""
        return self.process.running

    def launch(self) -> None:
        """Start the process if it isn't there, and don't wait until it serves."""
        if not self.running:
            self.prepare()
            self.process.start()

    def start(self) -> None:
        """Start it if it isn't there, and wait until it serves.

        Raises:
            NotStarted: it ended, or doesn't serve in time. What runs of it is left to look at; `stop` ends it.
        """
        self.launch()
        self.process.wait_ready(self.trouble, self.start_seconds)

    def stop(self) -> None:
        """End it in order; returns when it is gone."""
        self.process.stop()

    def kill(self) -> None:
        """End it as a power failure would; returns when it is gone."""
        self.process.kill()

    def pause(self) -> None:
        """Let it hang: connections stay open and nobody answers, until `resume`."""
        self.process.pause()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self.process.resume()

    def restart(self) -> None:
        """Stop it in order and start it again, with the same ports and data.

        Raises:
            NotStarted: see `start`.
        """
        self.stop()
        self.start()
