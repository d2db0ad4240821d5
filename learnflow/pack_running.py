"""Runs the programs of a pack, each in a process and an empty folder of its own, and compares with what it says."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from curriculum.errors import PackFault
from curriculum.material import Concept, Example, Exercise, Pack

TIMEOUT_SECONDS: Final = 10
"""Programs are to end within a second; the rest is for a busy machine and for starting Python."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program, and what it is to do.

    Attributes:
        file: the file of its concept.
        heading: of its section, without `## `.
        name: of the program, for people.
        code: Python.
        output: what it is to print, without space at the end of lines and without empty lines at its end; `None` for
            anything.
        raises: it is to end with an exception.
    """

    file: Path
    heading: str
    name: str
    code: str
    output: str | None = None
    raises: bool = False


def programs_of(pack: Pack, folder: Path) -> tuple[Program, ...]:
    """All that can be run in a pack: examples, and each exercise's check after its solution and after its start.

    Args:
        pack: as it was read.
        folder: from here.
    """
    found: list[Program] = []
    for concept in pack.concepts:
        items: tuple[Example | Exercise, ...] = (*concept.examples, *concept.exercises)
        for item in items:
            found.extend(_programs(concept, item, folder))
    return tuple(found)


def run_all(programs: tuple[Program, ...]) -> list[PackFault]:
    """Run programs, as many at a time as there are processors; gives what is wrong with them, in their order.

    The programs can do whatever this process may: it is for packs whose authors one trusts.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return [fault for fault in pool.map(run, programs) if fault is not None]


def run(program: Program) -> PackFault | None:
    """Run a program in an empty folder; gives what is wrong with it, or `None`."""
    with tempfile.TemporaryDirectory() as place:
        source = Path(place, "program.py")
        source.write_text(program.code + "\n", encoding="utf-8")
        folder = Path(place, "empty")
        folder.mkdir()
        try:
            ended = subprocess.run(  # noqa: S603 - to run it is what was asked for
                [sys.executable, "-I", "-X", "utf8", str(source)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _fault(program, f"{program.name} doesn't end", f"an end within {TIMEOUT_SECONDS} seconds")
    if program.raises:
        return None if ended.returncode else _fault(program, f"{program.name} passes", "a check that a start fails")
    if ended.returncode:
        *_, last = ["no message", *ended.stderr.decode(errors="replace").strip().splitlines()]
        return _fault(program, f"{program.name} fails: {last}", "a program that ends without an exception")
    printed = ended.stdout.decode(errors="replace")
    if program.output is not None and _trimmed(printed) != program.output:
        return _fault(program, f"{program.name} prints {_trimmed(printed)!r}", repr(program.output))
    return None


def _programs(concept: Concept, item: Example | Exercise, folder: Path) -> Iterator[Program]:
    file = folder / "concepts" / f"{concept.id.partition('/')[2]}.md"
    match item:
        case Example(title=title, code=code, output=output) if code:
            yield Program(file, f"Example: {title}", "the example", code, output=output)
        case Exercise(title=title, check_code=check) if check:
            heading = f"Exercise: {title}"
            yield Program(file, heading, "the solution with its check", f"{item.solution_code}\n\n{check}")
            yield Program(file, heading, "the start with the check", f"{item.start}\n\n{check}", raises=True)
        case _:
            pass


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip()


def _fault(program: Program, wrong: str, expected: str) -> PackFault:
    lines = program.file.read_text(encoding="utf-8-sig").splitlines()
    heading = f"## {program.heading}"
    line = next((at for at, text in enumerate(lines, start=1) if text.strip() == heading), 1)
    return PackFault(program.file, line, f"{program.heading}: {wrong}", expected)
