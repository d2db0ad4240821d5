"""What can be wrong with teaching material."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override


@dataclass(frozen=True, slots=True, order=True)
class PackFault:
    """One thing that is wrong in a pack.

    Attributes:
        file: the file it is in, or the folder where a file is missing.
        line: from 1; 1 also where it concerns all of the file.
        wrong: what is wrong, without a full stop.
        expected: what would be right.
    """

    file: Path
    line: int
    wrong: str
    expected: str

    @override
    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.wrong}; expected {self.expected}"


class PackFaults(Exception):
    """Packs can't be used; carries every fault that was found.

    Attributes:
        faults: at least one, by file and line.
    """

    def __init__(self, faults: Sequence[PackFault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(map(str, self.faults)))
