"""What a replay and its worker processes say to each other, besides `projector.replay.builder.Progress`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assignment:
    """Build a partition.

    Attributes:
        partition: which one.
        until: every offset before this one is to be accounted for.
    """

    partition: int
    until: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something is away.

    Attributes:
        partition: that waits.
        trouble: what for, in words; `None` when it is over.
    """

    partition: int
    trouble: str | None


@dataclass(frozen=True, slots=True)
class Finished:
    """A partition is built."""

    partition: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """The generation is no longer the run's to build, which ends the building of all its partitions."""

    generation: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A partition can't be built.

    Attributes:
        partition: which one.
        trouble: why, in words.
    """

    partition: int
    trouble: str
