"""A replica of a service: its app and the sidecar beside it."""

import http
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from typing_extensions import override

from deploy.stack import http_probe
from deploy.stack.daprd import Daprd
from deploy.stack.ports import HOST
from deploy.stack.process import Process
from deploy.stack.server import Server

CHECKOUT: Final = Path(__file__).parents[2]
COURSE_AGENT: Final = "course-agent"
USER_PROGRESS: Final = "user-progress"
PROJECTOR: Final = "projector"
SERVICES: Final = (PROJECTOR, COURSE_AGENT, USER_PROGRESS)
READY_SECONDS: Final = 90.0


class App(Server):
    """An app alone."""

    def __init__(self, process: Process, port: int) -> None:
        super().__init__(process)
        self.port = port

    @property
    def url(self) -> str:
        """Of its API."""
        return f"http://{HOST}:{self.port}"

    @override
    def trouble(self) -> str | None:
        answer = http_probe.status(self.port, "/readyz")
        if answer == http.HTTPStatus.OK:
            return None
        return "it does not answer" if answer is None else f"/readyz answers {answer}"


@dataclass(frozen=True)
class Replica:
    """An app with its sidecar. Each can be killed, paused and started by itself.

    Attributes:
        service: the folder of its program, which is also its app-id.
        name: its own; also of its log files.
        app: the service's program.
        daprd: its sidecar.
    """

    service: str
    name: str
    app: App
    daprd: Daprd

    @property
    def url(self) -> str:
        """Of the app's API."""
        return self.app.url

    def launch(self) -> None:
        """Start both, and don't wait until the service is ready.

        Raises:
            NotStarted: the sidecar can't load its components.
        """
        self.daprd.start()
        self.app.launch()

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until the app says it is ready, and the sidecar that it serves with its app.

        Raises:
            NotStarted: one of them ended, or that takes too long.
        """
        self.app.process.wait_ready(self.app.trouble, seconds)
        self.daprd.wait_with_app(seconds)

    def start(self) -> None:
        """Start both and wait until they are ready.

        Raises:
            NotStarted: see `launch` and `wait_ready`.
        """
        self.launch()
        self.wait_ready()

    def stop(self) -> None:
        """End both in order: the sidecar first, because it hands what it has taken from Kafka to its app yet."""
        self.daprd.stop()
        self.app.stop()

    def kill(self) -> None:
        """End both as a power failure would."""
        self.daprd.kill()
        self.app.kill()


def program(service: str) -> list[str | Path]:
    """The command that runs a service's app.

    Raises:
        ValueError: there is no such service.
    """
    main = CHECKOUT / "phase-3-backend-services" / service / "main.py"
    if not main.is_file():
        raise ValueError(f"there is no service {service!r}: {main} does not exist")
    return [sys.executable, main]
