"""The line at the top of a section that says what it is for, as in `Objectives: 1, 2. Difficulty: 1. Minutes: 4`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from curriculum.fault_list import FaultList
from curriculum.markdown_sections import Part

OBJECTIVES: Final = "Objectives"

_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Remark:
    """What such a line says.

    Attributes:
        objectives: numbers from 1, in rising order.
        figures: what else it says, by name.
        stop: the index of the line after it.
        line: its own, from 1.
    """

    objectives: tuple[int, ...]
    figures: Mapping[str, int]
    stop: int
    line: int


def read_remark(
    part: Part, lines: Sequence[str], names: Sequence[str], objectives: int | None, faults: FaultList
) -> Remark | None:
    """Read the line at the top of a section; notes every fault, and gives `None` where there are any.

    Args:
        part: the section down to its first part.
        lines: of the file.
        names: what the line has to say, `Objectives` first.
        objectives: how many the concept has; `None` if that is not known.
        faults: where to note them.
    """
    pattern = " ".join(f"{name}: {'1, 2' if name == OBJECTIVES else '1'}." for name in names)
    shape = pattern if len(names) > 1 else pattern.rstrip(".")
    remarks = [
        block
        for block in part.blocks
        if block.kind == "paragraph" and block.tokens[1].content.startswith(f"{OBJECTIVES}:")
    ]
    for block in remarks:
        if block is not part.blocks[0]:
            faults.add(block.start + 1, "a line of objectives is not at the top of its section", "it there, once")
    if not remarks or remarks[0] is not part.blocks[0]:
        faults.add(
            part.line, f"{part.title!r} doesn't say which objectives it is for", f"a first line such as {shape!r}"
        )
        return None
    at = remarks[0].start
    said = _entries(lines[at])
    if sorted(said) != sorted(names) or not all(_numbers(value) for value in said.values()):
        faults.add(at + 1, f"this can't be read: {lines[at].strip()!r}", f"a line such as {shape!r}")
        return None
    figures = {name: _numbers(value)[0] for name, value in said.items() if name != OBJECTIVES}
    many = [name for name in figures if len(_numbers(said[name])) > 1]
    numbers = _numbers(said[OBJECTIVES])
    unknown = [] if objectives is None else [number for number in numbers if not 1 <= number <= objectives]
    for number in unknown:
        faults.add(at + 1, f"there is no objective {number}", f"a number from 1 to {objectives}")
    if len(set(numbers)) < len(numbers):
        faults.add(at + 1, "an objective is there twice", "each once")
    for name in many:
        faults.add(at + 1, f"{name} has more than one number", "one")
    if unknown or many or len(set(numbers)) < len(numbers):
        return None
    return Remark(tuple(sorted(numbers)), figures, at + 1, at + 1)


def _entries(line: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    for entry in line.split("."):
        name, colon, value = entry.strip().partition(":")
        if colon:
            entries[name] = value if name not in entries else ""
        elif name:
            entries[name] = ""
    return entries


def _numbers(value: str) -> list[int]:
    """The numbers of a list with commas; none where there is anything else."""
    items = [item.strip() for item in value.split(",")]
    if all(item.isascii() and item.isdecimal() and len(item) <= _DIGITS for item in items):
        return [int(item) for item in items]
    return []
