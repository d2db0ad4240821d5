"""A generation that several processes or machines build, each a share of the partitions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from projector.errors import AccountsBroken, ProjectorError
from projector.fold import FOLD_VERSION
from projector.generations import read_control
from projector.replay.runs import Run, run_of
from read_models import keys
from sidecar.state_reader import StateReader

MOST_SHARES: Final = 1024
"""As many as a log may have partitions."""
_SHARE: Final = re.compile(r"([0-9]{1,9})/([0-9]{1,9})", re.ASCII)


class NotAShare(ProjectorError):
    """Text that names no share."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is no share: I/N, with N from 1 to {MOST_SHARES} and I from 0 to N-1, such as 0/4")


@dataclass(frozen=True, slots=True)
class Share:
    """One of so many shares of the partitions, which differ by one partition at most.

    Attributes:
        index: which one, from 0; share 0 leads: it begins the generation, and compares and switches in the end.
        count: of shares, from 1 to `MOST_SHARES`.

    Raises:
        NotAShare: the index is none of so many.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count <= MOST_SHARES:
            raise NotAShare(str(self))

    @classmethod
    def parse(cls, text: str) -> "Share":
        """The share that is written as `I/N`.

        Raises:
            NotAShare: none is.
        """
        found = _SHARE.fullmatch(text)
        if found is None:
            raise NotAShare(text)
        return cls(int(found[1]), int(found[2]))

    @property
    def leads(self) -> bool:
        """Whether it is the one that all others wait for."""
        return self.index == 0

    def has(self, partition: int) -> bool:
        """Whether a partition belongs to it."""
        return partition % self.count == self.index

    def partitions(self, total: int) -> range:
        """Its partitions, of so many that there are; none where there are more shares than partitions."""
        return range(self.index, total, self.count)

    @override
    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def lacking(run: Run, reached: Mapping[int, int]) -> dict[int, int]:
    """By partition the offset up to which shares have to build it, of those that are not there yet.

    Args:
        run: that builds.
        reached: by partition the last offset that its generation accounts for; one that is not named lacks all.
    """
    return {number: end for number, end in enumerate(run.ends) if reached.get(number, -1) + 1 < end}


async def run_to_help(reader: StateReader) -> Run | None:
    """The run that builds a new generation of our fold version now, whoever's it is; `None` if none does.

    Raises:
        SidecarUnavailable: the state store does not answer.
        UnreadableDocument: it holds something that is no `control`.
    """
    try:
        control = await read_control(reader)
    except AccountsBroken as broken:
        if broken.key != keys.CONTROL:
            raise
        return None  # nothing was ever projected: share 0 begins with that, too
    building = control.building
    if building is None or building.reopened or control.folds.get(str(building.generation)) != FOLD_VERSION:
        return None
    return run_of(control, building)
