"""Runs programs that come as JSON, each in a process and an empty folder of its own, and says how each ended.

A script: `python -I program_runner.py < programs.json`. To fork is many times faster than to start Python for each.
"""

import json
import os
import runpy
import signal
import sys
import tempfile
from pathlib import Path

LONGEST_SECONDS = 20  # on a busy machine, by the clock on the wall


def run(code: str) -> dict[str, object]:
    """Run a program; gives its status, what it printed, its last line of error, and its seconds of processor time."""
    with tempfile.TemporaryDirectory() as place:
        source, printed, said = (Path(place, name) for name in ("program.py", "out", "err"))
        source.write_text(code, encoding="utf-8")
        empty = Path(place, "empty")
        empty.mkdir()
        child = os.fork()
        if child == 0:
            become(source, empty, printed, said)
        _, status, usage = os.wait4(child, 0)
        errors = said.read_text(encoding="utf-8").strip().splitlines() or [""]
        return {
            "status": status,
            "output": printed.read_text(encoding="utf-8"),
            "error": errors[-1],
            "seconds": usage.ru_utime + usage.ru_stime,
        }


def become(source: Path, folder: Path, printed: Path, said: Path) -> None:
    """Be the process of a program, and end with it."""
    status = 1
    try:
        signal.alarm(LONGEST_SECONDS)
        os.chdir(folder)
        for number, target in ((0, os.devnull), (1, printed), (2, said)):
            os.dup2(os.open(target, os.O_RDWR | os.O_CREAT), number)
        sys.argv = [str(source)]
        runpy.run_path(str(source), run_name="__main__")
        status = 0
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is how the program ended
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    json.dump([run(code) for code in json.load(sys.stdin)], sys.stdout)
