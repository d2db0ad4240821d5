"""What a replay is asked for, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Protocol

from learnflow.replaying.worker import SLOTS
from projector.replay.builder import BuildLimits
from projector.replay.shares import Share
from projector.verification.acceptance import Acceptance

MEBIBYTE: Final = 1024 * 1024
BYTES_A_BYTE: Final = 12
"""What a worker may take for each byte of documents that it has not written yet: folded, encoded, as a message, on its
way. A generous estimate."""
WORKER_BYTES: Final = 150 * MEBIBYTE
"""What a worker takes besides."""


class Begin(Enum):
    """Where a replay begins."""

    ANEW = auto()
    RESUMED = auto()
    RESUMED_OR_ANEW = auto()


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How a replay is done.

    Attributes:
        workers: processes that fold, from 1.
        batch: records that are read from the log at once, from 1.
        memory_mib: about the most that all workers together may take.
        begin: whether to begin a generation, or to go on with one that was left unfinished.
        switch: let the new generation serve in the end.
        verify: compare it with the one that serves, before.
        acceptance: differences that are as they should be.
        accept_parked: let the generation take over although it has parked what was retried in the one that serves.
        follow: where the fold version changes, go on folding until projectors of the new one do.
        share: that is built here, where others build the rest; `None` for all of it.
        job: names all that work on one replay, so that none of them works on another's, or begins it a second time;
            empty for none.
    """

    workers: int = 2
    batch: int = 2000
    memory_mib: int = 1024
    begin: Begin = Begin.ANEW
    switch: bool = True
    verify: bool = True
    acceptance: Acceptance = field(default_factory=Acceptance)
    accept_parked: bool = False
    follow: bool = True
    share: Share | None = None
    job: str = ""

    @property
    def least_memory_mib(self) -> int:
        """What so many workers need to get on."""
        return self.workers * (WORKER_BYTES + SLOTS * BYTES_A_BYTE * MEBIBYTE) // MEBIBYTE

    def limits(self, message_bytes: int) -> BuildLimits:
        """What each partition under way may take at once, within the memory and within the sidecar's messages."""
        a_worker = max(self.memory_mib * MEBIBYTE // self.workers - WORKER_BYTES, MEBIBYTE)
        flush_bytes = min(a_worker // SLOTS // BYTES_A_BYTE, message_bytes * 3 // 4)
        return BuildLimits(batch_records=self.batch, flush_bytes=max(flush_bytes, 64 * 1024))


class Observer(Protocol):
    """Is told how a replay goes. Nothing here blocks for long."""

    def begun(self, plan: "ReplayPlan") -> None:
        """It is known what is to be done."""

    def phase(self, name: str) -> None:
        """Another part of the work begins: building, comparing, switching, following."""

    def scanned(self, positions: int, of: int) -> None:
        """So many positions of the log have been gone through in this phase."""

    def waiting(self, trouble: str | None) -> None:
        """Something is away, in words; `None` when it is over."""

    def following(self, left: Mapping[int, int]) -> None:
        """Partitions that no projector of this fold version has taken over yet, and by how many offsets."""


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What a replay does.

    Attributes:
        generation: that is built.
        active: that serves meanwhile.
        partitions: of the log.
        positions: of the log, when it began.
        done: of these, how many were accounted for before it began.
        fold: its fold version.
        active_fold: that of the generation that serves.
    """

    generation: int
    active: int
    partitions: int
    positions: int
    done: int
    fold: str
    active_fold: str
