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
from sidecar.records import PartitionBounds
from sidecar.state_reader import StateReader

MOST_SHARES: Final = 1024
"""As many as a log may have partitions."""
_SHARE: Final = re.compile(r"([0-9]{1,9})/([0-9]{1,9})", re.ASCII)


class NotAShare(ProjectorError):
    """Text that names no share."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is no share: I/N, with N from 1 to {MOST_SHARES} and I from 0 to N-1, such as 0/4")


class OtherShares(ProjectorError):
    """The run counts on another number of shares, so that partitions would be nobody's, or everybody's.

    Attributes:
        share: that was to be built.
        count: of shares, that the run counts on.
    """

    def __init__(self, generation: int, share: "Share", count: int) -> None:
        super().__init__(
            f"share {share} is none of generation {generation}, which is built in {count} shares: all of them have to"
            " be given the same number"
        )
        self.share = share
        self.count = count


class EndGone(ProjectorError):
    """The log ends before where it ended when the generation was begun.

    Attributes:
        partition: of the log.
        noted: the offset behind the last at that time.
        end: the one now.
    """

    def __init__(self, *, generation: int, partition: int, noted: int, end: int) -> None:
        super().__init__(
            f"partition {partition} of the log ended at offset {noted} when generation {generation} was begun, and ends"
            f" at {end} now: the log was cut or restored. Put the whole log back; or `learnflow generations prune"
            f" {generation}`, and begin anew"
        )
        self.partition = partition
        self.noted = noted
        self.end = end


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


def check_ends(run: Run, bounds: Mapping[int, PartitionBounds]) -> None:
    """Check that shares can be built so far as they have to be.

    Raises:
        EndGone: the log ends before that.
    """
    for number, noted in enumerate(run.ends):
        if number in bounds and bounds[number].end < noted:
            raise EndGone(generation=run.generation, partition=number, noted=noted, end=bounds[number].end)


async def run_to_help(reader: StateReader, job: str = "") -> Run | str:
    """The run that builds a new generation of our fold version now, and can be helped.

    Args:
        reader: of documents.
        job: only a run of this name; empty for whoever's it is.

    Returns:
        The run; or, where there is none, in words what share 0 has yet to do.

    Raises:
        SidecarUnavailable: the state store does not answer.
        UnreadableDocument: it holds something that is no `control`.
    """
    begins = "which begins a generation of this fold version"
    try:
        control = await read_control(reader)
    except AccountsBroken as broken:
        if broken.key != keys.CONTROL:
            raise
        return begins  # nothing was ever projected: share 0 begins with that, too
    building = control.building
    if building is None or building.reopened or control.folds.get(str(building.generation)) != FOLD_VERSION:
        return begins
    number = building.generation
    if job and building.job != job:
        theirs = f"job {building.job}" if building.job else "a replay without --job"
        return f"which begins a generation of job {job} (generation {number} is built by {theirs})"
    if building.taking:
        return f"which takes over generation {number}"
    if len(building.ends) != control.log.partitions:
        return f"which has to take over generation {number}, begun by a program that did not note how far shares go"
    return run_of(control, building)
