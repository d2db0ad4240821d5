"""A server of one's own, in a child process that never outlives its parent."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from learnflow.services import Service
from learnflow.serving import CannotListen, configure_logging, serve
from learnflow.settings import Settings, SidecarKind
from sidecar.errors import SidecarError

STOP_SECONDS: Final = 15.0


class NotServing(Exception):
    """The child process ended before it took requests.

    Attributes:
        log: what it wrote.
    """

    def __init__(self, log: str) -> None:
        super().__init__(f"the server did not start: {log.strip() or 'it gave no reason'}")
        self.log = log


@contextmanager
def background_server(folder: Path) -> Iterator[str]:
    """Serve the embedded default on a free port of this machine until the end of the block; gives its URL.

    Args:
        folder: that exists; gets the server's data and its log.

    Raises:
        NotServing: it could not be started.
    """
    log = folder / "server.log"
    # A session of its own: Ctrl-C reaches only us, and we end it in order. It ends by itself when its standard input
    # does, which is also when we are killed.
    with (
        log.open("w", encoding="utf-8") as stderr,
        subprocess.Popen(  # noqa: S603 - this interpreter, this module, and a folder of ours
            [sys.executable, "-m", "learnflow.background", str(folder / "data")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        ) as child,
    ):
        try:
            url = "" if child.stdout is None else child.stdout.readline().strip()
            if not url:
                raise NotServing(log.read_text(encoding="utf-8"))
            yield url
        finally:
            _end(child)


def _end(child: subprocess.Popen[str]) -> None:
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def _main(data_dir: Path) -> None:
    """Serve until standard input ends; print the URL once requests are taken."""
    settings = Settings(sidecar=SidecarKind.EMBEDDED, data_dir=data_dir, host="127.0.0.1", port=0, log_level="warning")
    configure_logging(settings)
    threading.Thread(target=_terminate_with_input, daemon=True).start()
    try:
        serve(list(Service), settings, lambda url: print(url, flush=True))  # noqa: T201 - the parent reads it
    except (CannotListen, SidecarError) as error:
        sys.exit(str(error))


def _terminate_with_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
