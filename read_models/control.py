"""The documents that belong to no generation: which there are, who works on them, and what was decided.

Times ending in `_ms` are milliseconds since 1970 UTC.
"""

from msgspec import Struct


class LogIdentityDocument(Struct, frozen=True):
    """Which log a store was folded from."""

    topic_id: str
    partitions: int


class BuildingDocument(Struct, frozen=True):
    """The generation that a replay builds, and which replay that is.

    Attributes:
        generation: that is built.
        run: names one start or resumption of a replay; whoever finds another here has been replaced.
        host: the name of the machine, or container, where it runs.
        pid: its process there.
        space: what tells apart where process numbers mean the same; empty where that is not known.
        reopened: whether the generation was there before this run, which only brings it to the end of the log.
        ends: by partition the offset behind the last that the log had when the generation was made. So far the shares
            of a replay go, each with partitions of its own. Empty where a program did not know of shares.
        shares: how many there are; 0 where the run does not count on any.
        job: names all starts and resumptions of one replay, on all machines; empty for none.
        taking: whether the run is only about to take over: the partitions' documents may still be written by the run
            before. Nobody helps it meanwhile.
    """

    generation: int
    run: str
    host: str
    pid: int
    space: str = ""
    reopened: bool = False
    ends: tuple[int, ...] = ()
    shares: int = 0
    job: str = ""
    taking: bool = False


class RolloutDocument(Struct, frozen=True):
    """A generation of another fold version took over, and projectors of that version have yet to.

    Attributes:
        generation: that serves since.
        before: the one that served until then.
    """

    generation: int
    before: int


class ControlDocument(Struct, frozen=True, omit_defaults=True):
    """What all others are read by.

    Attributes:
        active: the generation that serves.
        log: which log the generations were folded from.
        folds: fold version by generation (as text, JSON's keys), of all generations that there are.
        latest: the highest number that a generation was ever given, so that no number is given twice; 0 for the
            highest in `folds`.
        building: the generation that a replay builds now, or has not finished.
        hold: names a request to all engines to wait for a moment, so that a switch gets through; empty for none.
        rollout: what a replay has to go on folding until projectors do.
        last_job: the last replay with a name (`BuildingDocument.job`) that has come to its end: its generation took
            over, or is kept because no more was asked for; empty for none.
    """

    active: int
    log: LogIdentityDocument
    folds: dict[str, str]
    latest: int = 0
    building: BuildingDocument | None = None
    hold: str = ""
    rollout: RolloutDocument | None = None
    last_job: str = ""


class RunDocument(Struct, frozen=True):
    """A replay's sign of life; by its changing others see that it lives.

    Attributes:
        run: as `BuildingDocument` has it.
        beat: counts up while it lives.
    """

    run: str
    beat: int


class PruneDocument(Struct, frozen=True):
    """What is needed to find the documents of a generation whose partitions' documents are gone already.

    Attributes:
        catalogues: length of the catalogue by partition (as text, JSON's keys).
        parkings: documents of parked values ever written, by partition.
    """

    catalogues: dict[str, int]
    parkings: dict[str, int]


class DecisionDocument(Struct, frozen=True):
    """That a parked value needs nobody's attention any more. It outlives the generations, which park it again.

    Folds are pure and know nothing of it: one that can make something of the value does.

    Attributes:
        sha256: of the value, in hexadecimal.
        reason: why, in the words of whoever decided.
        decided_by: who, as far as is known.
        decided_at_ms: when, by the clock of the machine where it was decided.
    """

    partition: int
    offset: int
    sha256: str
    reason: str
    decided_by: str
    decided_at_ms: int
