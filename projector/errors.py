"""Why a projector refuses to go on; each says what an operator can do.

ProjectorError
├── LogMismatch            the documents were folded from another log
├── LogUnfit               the log's settings would lose what it holds
├── NotDelivered           delivery does not bring what the log has
├── HistoryGone            the log no longer has records that were never folded
│   └── BeginningGone      nothing complete can be built
├── CheckpointBeyondLog    more was accounted for than the log ever had
├── ForeignFold            the generation belongs to another version of the folds
├── AccountsBroken         the store lacks a document that must be there
├── HoleUnread             the log did not say what is in a hole
├── LogRewritten           the log holds other records than those that were folded
├── StillBehind            a piece of a long way was gone; the rest follows
├── OnHold                 a switch of generations asks for a moment's quiet
├── RunReplaced            the generation is no longer this replay's to write
├── ReplayUnderWay         another replay builds a generation
├── NothingToResume        no replay was left unfinished
├── RolloutUnfinished      projectors of a new fold version have yet to take over
├── RetriedElsewhere       a generation lacks what was retried in the one that serves
├── UnknownGeneration      there is no generation of this number
├── UnknownKey             (in `projector.workspace`) a document was not loaded before a fold asked for it
└── FoldFault              a fold raised: the event is parked, the fold has a fault
"""

from collections.abc import Sequence
from typing import Final

_WAY_OUT: Final = (
    "and nothing is folded until somebody has put back the whole log, or documents as old as this one, or begins with"
    " an empty state store"
)


class ProjectorError(Exception):
    """Base of all errors of this room."""


class LogMismatch(ProjectorError):
    """The log is not the one that the documents were folded from: a topic made anew, or another database."""

    def __init__(self, *, expected: str, found: str) -> None:
        super().__init__(
            f"the documents were folded from log {expected}, but this is log {found}: nothing is folded until somebody"
            " has put back the right log or the right documents, or begins with an empty state store"
        )
        self.expected = expected
        self.found = found


class LogUnfit(ProjectorError):
    """The log is set up so that it would lose or disorder what it holds.

    Attributes:
        faults: what is wrong, a sentence each.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(
            f"{'; '.join(faults)}: events would be lost, and no projector begins before that is put right"
            " (`learnflow log check` looks again)"
        )
        self.faults = tuple(faults)


class NotDelivered(ProjectorError):
    """Delivery brings nothing of partitions that have grown; only looking at the log itself keeps them going.

    Attributes:
        partitions: which ones.
    """

    def __init__(self, partitions: Sequence[int]) -> None:
        super().__init__(
            f"delivery brings nothing of partitions {', '.join(map(str, partitions))}, which are folded from the log"
            " itself, and late: restart the sidecar of the projector that owns them"
        )
        self.partitions = tuple(partitions)


class HistoryGone(ProjectorError):
    """Records were removed from the log before they were folded."""

    def __init__(self, *, partition: int, wanted: int, start: int) -> None:
        super().__init__(
            f"partition {partition} of the log begins at offset {start}, but offset {wanted} was never folded:"
            " its history is gone (was the topic's retention changed?); nothing is folded until somebody has put back a"
            " log that has it, or documents that account for it"
        )
        self.partition = partition
        self.wanted = wanted
        self.start = start


class BeginningGone(HistoryGone):
    """The log no longer has its first records, so that nothing complete can be built from it."""

    def __init__(self, *, partition: int, start: int) -> None:
        super().__init__(partition=partition, wanted=0, start=start)
        text = (
            f"partition {partition} of the log begins at offset {start}: its beginning is gone (was the topic's"
            " retention changed?), and nothing complete can be built without it; what serves goes on. Put the whole log"
            " back first"
        )
        self.args = (text,)


class CheckpointBeyondLog(ProjectorError):
    """The documents account for more than the log has: the log was restored to an older copy."""

    def __init__(self, *, partition: int, checkpoint: int, end: int) -> None:
        super().__init__(
            f"partition {partition} is accounted for up to offset {checkpoint}, but the log ends before {end}:"
            f" the log was cut or restored; nothing is taken for already applied, {_WAY_OUT}"
        )
        self.partition = partition
        self.checkpoint = checkpoint
        self.end = end


class ForeignFold(ProjectorError):
    """The active generation was built by another version of the folds."""

    def __init__(self, *, generation: int, theirs: str, ours: str) -> None:
        super().__init__(
            f"generation {generation} belongs to fold version {theirs}, this program folds version {ours}: it is folded"
            f" by the program of version {theirs}; `learnflow replay` builds a generation of version {ours}"
        )
        self.generation = generation
        self.theirs = theirs
        self.ours = ours


class AccountsBroken(ProjectorError):
    """The store lacks a document without which nothing can be accounted for."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"document {key} is missing from the state store:"
            + (
                " nothing was projected into it yet, or it is another store"
                if key == "control"
                else " `learnflow replay --no-verify` builds everything anew"
            )
        )
        self.key = key


class HoleUnread(ProjectorError):
    """Offsets are missing from the delivery, and the log does not tell yet what they hold."""

    def __init__(self, *, partition: int, first: int) -> None:
        super().__init__(f"partition {partition}: offset {first} was not delivered, and the log does not reach it yet")
        self.partition = partition
        self.first = first


class LogRewritten(ProjectorError):
    """The record at a checkpoint is not the one that was folded: the log was cut and grew again, or was restored."""

    def __init__(self, *, partition: int, offset: int) -> None:
        super().__init__(
            f"partition {partition} holds another record at offset {offset} than the one that was folded: the log was"
            f" cut or restored and has grown again; nothing is taken for already applied, {_WAY_OUT}"
        )
        self.partition = partition
        self.offset = offset


class StillBehind(ProjectorError):
    """Time for one delivery ran out on a long way; what was reached is kept, and the rest follows."""

    def __init__(self, *, partition: int, checkpoint: int) -> None:
        super().__init__(f"partition {partition} is being caught up, {checkpoint} is the last offset accounted for")
        self.partition = partition
        self.checkpoint = checkpoint


class FoldFault(ProjectorError):
    """A fold raised on an event, which it must never do."""

    def __init__(self, *, offset: int, cause: Exception) -> None:
        super().__init__(f"offset {offset}: {type(cause).__name__}: {cause}")
        self.offset = offset
        self.cause = cause


class OnHold(ProjectorError):
    """A switch of generations asks for a moment's quiet; the batch comes again."""

    def __init__(self) -> None:
        super().__init__("another generation is about to take over")


class RunReplaced(ProjectorError):
    """A replay finds that its generation is no longer its own: another took it over, or it was given up."""

    def __init__(self, generation: int) -> None:
        super().__init__(
            f"generation {generation} is no longer this replay's to build: another one has taken it over, or it was"
            " finished or pruned meanwhile"
        )
        self.generation = generation


class ReplayUnderWay(ProjectorError):
    """A replay builds a generation already; there is one at a time.

    Attributes:
        generation: that it builds.
        runner: where it runs, for people.
        alive: whether it gave a sign of life.
    """

    def __init__(self, *, generation: int, runner: str, alive: bool, reopened: bool) -> None:
        if alive:
            way_out = "wait for it, or end it first"
        elif reopened:
            way_out = f"it gives no sign of life: `learnflow generations activate {generation}` goes on with it"
        else:
            way_out = (
                "it gives no sign of life: `learnflow replay --resume` goes on with it, `learnflow generations prune"
                f" {generation}` throws away what it has built"
            )
        super().__init__(f"generation {generation} is being built by {runner}: {way_out}")
        self.generation = generation
        self.runner = runner
        self.alive = alive


class RolloutUnfinished(ProjectorError):
    """A generation of this fold version took over, and no projector of this version folds it yet.

    Attributes:
        generation: that serves.
    """

    def __init__(self, generation: int) -> None:
        super().__init__(
            f"generation {generation} serves, and projectors of its fold version have yet to take over:"
            " `learnflow replay --resume` goes on folding it until they have"
        )
        self.generation = generation


class RetriedElsewhere(ProjectorError):
    """The generation that serves counts events that were parked and then retried; another one still has them parked.

    Attributes:
        generation: that has not.
        values: how many.
    """

    def __init__(self, generation: int, active: int, values: int) -> None:
        super().__init__(
            f"{values} values that were retried in generation {active} are still parked in generation {generation}:"
            " answers would lose them. Build a new generation by `learnflow replay`; or let this one take over all the"
            " same, by --accept-parked, and then `learnflow parked retry --all`"
        )
        self.generation = generation
        self.values = values


class NothingToResume(ProjectorError):
    """No replay was left unfinished.

    Attributes:
        active: the generation that serves.
    """

    def __init__(self, active: int) -> None:
        super().__init__(
            f"no replay was left unfinished, and generation {active} serves: `learnflow replay` begins a new one"
        )
        self.active = active


class UnknownGeneration(ProjectorError):
    """There is no generation of this number.

    Attributes:
        generation: that was asked for.
        known: those that there are.
    """

    def __init__(self, generation: int, known: Sequence[int]) -> None:
        super().__init__(f"there is no generation {generation}, only {', '.join(map(str, sorted(known)))}")
        self.generation = generation
        self.known = tuple(known)
