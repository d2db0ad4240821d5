"""Real server processes: `learnflow up`, started, killed and stopped by tests."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LEARNFLOW: Final = Path(sys.executable).with_name("learnflow")
END_SECONDS: Final = 30
_URL: Final = re.compile(r"https?://\S+:\d+")


@dataclass(frozen=True)
class Server:
    """A server that took requests when it was handed over.

    Attributes:
        url: its base URL, without a slash at the end.
        process: what runs it.
        log: the file that holds what it wrote on stderr; a restart on the same data folder adds to it.
    """

    url: str
    process: subprocess.Popen[str]
    log: Path

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """End it with SIGKILL, as a power failure would; returns when it is gone."""
        self.process.kill()
        self.process.wait(END_SECONDS)

    def stop(self) -> int:
        """End it with SIGTERM; returns its exit status (negative: the signal that ended it) when it is gone."""
        self.process.terminate()
        return self.process.wait(END_SECONDS)


@contextmanager
def running_server(data_dir: Path, *, port: int = 0, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Serve from a data folder until the end of the block, where it is killed if it still runs.

    Args:
        data_dir: of the server; need not exist.
        port: to listen on; 0 takes a free one.
        env: variables besides those of this process, whose own `LEARNFLOW_*` are left out.

    Raises:
        AssertionError: it ended before it took requests; with what it wrote.
    """
    log = data_dir.with_name(f"{data_dir.name}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [str(LEARNFLOW), "up", "--port", str(port), "--data-dir", str(data_dir)]
    with (
        log.open("a", encoding="utf-8") as stderr,
        subprocess.Popen(
            command, env=environment(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            url = _URL.search(said)
            assert url, f"the server did not start: {said}{log.read_text(encoding='utf-8')}"
            yield Server(url[0], process, log)
        finally:
            process.kill()


def learnflow(
    *arguments: str | Path, env: Mapping[str, str] | None = None, timeout: float = 100
) -> subprocess.CompletedProcess[str]:
    """Run a `learnflow` command to its end, without a terminal; the caller looks at its exit status."""
    return subprocess.run(
        [LEARNFLOW, *map(str, arguments)],
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of this process without its own `LEARNFLOW_*`, and these."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("LEARNFLOW_")}
    return {**ours, **(env or {})}
