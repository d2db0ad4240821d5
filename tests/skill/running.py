"""Services as programs, as a person starts them."""

import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx2

from tests.servers import environment

START_SECONDS: Final = 60
END_SECONDS: Final = 30


@contextmanager
def running(main: Path, data_dir: Path, *, end: signal.Signals = signal.SIGTERM) -> Iterator[httpx2.Client]:
    """Run a service as a program until the end of the block, and stop it in order; the client talks to it.

    Raises:
        AssertionError: it ended before it took requests, or its exit status is not 0; with what it wrote.
    """
    log = data_dir.with_name("log")
    with (
        log.open("w", encoding="utf-8") as stderr,
        subprocess.Popen(
            [sys.executable, main],
            cwd=data_dir.parent,
            env=environment({"LEARNFLOW_PORT": "0", "LEARNFLOW_DATA_DIR": str(data_dir)}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
            said = process.stdout.readline() if ready else ""
            url = re.search(r"http://\S+:\d+", said)
            assert url, f"it did not start: {said}{log.read_text(encoding='utf-8')}"
            with httpx2.Client(base_url=url[0], timeout=30) as client:
                yield client
            process.send_signal(end)
            assert process.wait(END_SECONDS) == 0, log.read_text(encoding="utf-8")
        finally:
            process.kill()
