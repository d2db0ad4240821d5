"""Collects what is wrong in one file, so that an author sees all of it at once."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from rapidfuzz import fuzz, process, utils

from curriculum.errors import PackFault

_NEAR: Final = 70.0  # percent: one or two slips in a word of usual length


class FaultList:
    """The faults of one file, in the order in which they were found."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.faults: list[PackFault] = []

    def add(self, line: int, wrong: str, expected: str) -> None:
        """Note a fault at a line, counted from 1."""
        self.faults.append(PackFault(self.file, line, wrong, expected))

    def check_length(self, line: int, name: str, text: str, limit: int) -> None:
        """Note a fault where a text is empty or has more characters than the limit."""
        if not text:
            self.add(line, f"{name} is empty", f"1 to {limit:,} characters")
        elif len(text) > limit:
            self.add(line, f"{name} has {len(text):,} characters", f"at most {limit:,}, so that a lesson can hold it")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, or `None` where none is near; case and punctuation don't matter."""
    found = process.extractOne(
        name, list(known), scorer=fuzz.ratio, processor=utils.default_process, score_cutoff=_NEAR
    )
    return None if found is None else found[0]
