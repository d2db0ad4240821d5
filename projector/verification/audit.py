"""The accounts of a generation audited: is every offset of the log in them once, and is what they tell of there?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from projector.errors import CheckpointBeyondLog, LogRewritten
from projector.generations import check_seal
from projector.verification.accounts import Accounts
from projector.verification.compare import control_for
from projector.verification.enumeration import Counts, Progress, names_in_log
from projector.verification.names import Kind, Roll, parked_name, partition_name
from projector.verification.pairs import Side, read_side, values_of
from projector.verification.sums import GROWING, add_totals, unequal
from read_models.control import ControlDocument
from sidecar.halving import in_halves
from sidecar.log_reader import LogReader
from sidecar.records import PartitionBounds
from sidecar.state_reader import StateReader

PARKED_AT_ONCE: Final = 50
ATTEMPTS: Final = 5


class FaultKind(StrEnum):
    """What is wrong with the accounts; stable, for programs."""

    DOCUMENT_MISSING = "document-missing"
    DOCUMENT_UNREADABLE = "document-unreadable"
    DOES_NOT_ADD_UP = "does-not-add-up"
    BEYOND_LOG = "beyond-the-log"
    HISTORY_GONE = "history-gone"
    LOG_REWRITTEN = "log-rewritten"
    PARKED_MISCOUNTED = "parked-miscounted"
    DELIVERY_AHEAD = "delivery-ahead"
    SUMS_DIFFER = "sums-differ"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong.

    Attributes:
        partition: where; `None` if it is about all of them.
        detail: what exactly, for people.
    """

    kind: FaultKind
    partition: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        generation: that was audited.
        active: whether it is the one that serves.
        partitions: the accounts that could be read.
        ends: by partition where the log ended.
        faults: what is wrong; none if the accounts are sound.
        unsettled: what traffic kept from being looked at, a sentence each; no fault.
    """

    generation: int
    active: bool
    partitions: Sequence[Accounts]
    ends: Mapping[int, int]
    faults: Sequence[Fault]
    unsettled: Sequence[str]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    @property
    def behind(self) -> int:
        """How many offsets of the log are not in the accounts yet."""
        return sum(max(0, self.ends.get(one.partition, 0) - one.checkpoint - 1) for one in self.partitions)


async def audit(
    log: LogReader, reader: StateReader, generation: int, *, sums: bool = False, progress: Progress | None = None
) -> Audit:
    """Audit the accounts of a generation, also while it goes on.

    Args:
        log: that it was folded from.
        reader: of documents.
        generation: any that there is.
        sums: whether to add up the figures of all learners as well and compare them with the partitions'. That reads
            the log and every learner's document. Under traffic they are only held between the partitions' figures
            before and after.
        progress: is told how the log is gone through for that.

    Raises:
        UnknownGeneration: there is no such generation.
        LogMismatch: it was folded from another log.
        AccountsBroken: there is no `control`.
        SidecarError: log or state store do not answer.
    """
    control = await control_for(log, reader, generation)
    # In this order traffic makes no fault: what was delivered is in the documents; they only grow, and so does the log.
    delivered = await log.delivered()
    before = await _partitions(reader, control, generation)
    bounds = await log.bounds()
    faults: list[Fault] = []
    unsettled: list[str] = []
    for number in range(control.log.partitions):
        accounts = before.accounts.get(number)
        if accounts is None:
            there = partition_name(number).suffix in before.values
            kind = FaultKind.DOCUMENT_UNREADABLE if there else FaultKind.DOCUMENT_MISSING
            faults.append(Fault(kind, number, f"g{generation}/{partition_name(number).suffix}"))
            continue
        faults += _faults_of(accounts, bounds[number])
        faults += await _seal_faults(log, accounts)
        if control.active == generation and delivered.get(number, 0) > accounts.checkpoint + 1:
            detail = f"offset {delivered[number]} is delivered next, and {accounts.checkpoint + 1} is to be folded next"
            faults.append(Fault(FaultKind.DELIVERY_AHEAD, number, detail))
        counted = await _count_parked(reader, generation, accounts, bounds[number].end)
        if counted is None:
            unsettled.append(f"partition {number}: parked values were retried while they were being counted")
        elif counted != (accounts.parked, accounts.parked):
            faults.append(_parked_fault(accounts, *counted))
    if sums:
        found = await _sum_faults(log, reader, control, generation, before, progress)
        faults += found[0]
        unsettled += found[1]
    return Audit(
        generation=generation,
        active=control.active == generation,
        partitions=tuple(one for _, one in sorted(before.accounts.items())),
        ends={number: bound.end for number, bound in bounds.items()},
        faults=tuple(faults),
        unsettled=tuple(unsettled),
    )


async def _partitions(reader: StateReader, control: ControlDocument, generation: int) -> Side:
    return await read_side(
        reader, generation, [partition_name(number).suffix for number in range(control.log.partitions)]
    )


def _faults_of(accounts: Accounts, bounds: PartitionBounds) -> list[Fault]:
    number, checkpoint = accounts.partition, accounts.checkpoint
    faults: list[Fault] = []
    if (
        accounts.accounted != checkpoint - accounts.log_start + 1
        or min(accounts.applied, accounts.duplicate, accounts.parked, accounts.missing) < 0
    ):
        detail = (
            f"applied {accounts.applied} + duplicate {accounts.duplicate} + parked {accounts.parked} + missing"
            f" {accounts.missing} is not checkpoint {checkpoint} - log start {accounts.log_start} + 1"
        )
        faults.append(Fault(FaultKind.DOES_NOT_ADD_UP, number, detail))
    if checkpoint >= bounds.end:
        detail = f"accounted for up to offset {checkpoint}, and the log ends before {bounds.end}"
        faults.append(Fault(FaultKind.BEYOND_LOG, number, detail))
    if bounds.start > accounts.log_start:
        detail = f"folded from offset {accounts.log_start} on, and the log begins at {bounds.start}"
        faults.append(Fault(FaultKind.HISTORY_GONE, number, detail))
    elif accounts.log_start > max(bounds.start, 0):
        detail = f"folded from offset {accounts.log_start} on only, and the log begins at {bounds.start}"
        faults.append(Fault(FaultKind.DOES_NOT_ADD_UP, number, detail))
    seen = accounts.applied + accounts.duplicate + accounts.parked
    if (accounts.as_of is None and seen) or (accounts.as_of is not None and accounts.as_of.offset > checkpoint):
        detail = "the last record seen is not one up to the checkpoint"
        faults.append(Fault(FaultKind.DOES_NOT_ADD_UP, number, detail))
    return faults


async def _seal_faults(log: LogReader, accounts: Accounts) -> list[Fault]:
    try:
        await check_seal(log, accounts.document())
    except CheckpointBeyondLog:
        if accounts.as_of is not None and accounts.as_of.offset <= accounts.checkpoint:
            return []  # said already
        return [Fault(FaultKind.BEYOND_LOG, accounts.partition, "the last record seen is behind the log's end")]
    except LogRewritten as rewritten:
        detail = f"the log holds another record at offset {rewritten.offset} than the one that was folded"
        return [Fault(FaultKind.LOG_REWRITTEN, accounts.partition, detail)]
    return []


async def _count_parked(reader: StateReader, generation: int, accounts: Accounts, end: int) -> tuple[int, int] | None:
    """How many parked values there are, and should be; `None` if retries went on all the time."""
    partition = partition_name(accounts.partition).suffix

    async def read(suffixes: Sequence[str]) -> Side:
        return await read_side(reader, generation, [partition, *suffixes])

    for _ in range(ATTEMPTS):
        found, retried = 0, {accounts.retried}
        expected = accounts.parkings - accounts.retried
        until = min(accounts.parkings, end)
        for first in range(0, until, PARKED_AT_ONCE):
            names = [
                parked_name(accounts.partition, index).suffix
                for index in range(first, min(first + PARKED_AT_ONCE, until))
            ]
            for side in await in_halves(names, read):
                found += sum(name in side.values for name in names)
                retried |= {one.retried for one in side.accounts.values()}
        if retried == {accounts.retried}:
            return found, expected
        side = await read(())
        accounts = side.accounts.get(accounts.partition, accounts)
    return None


def _parked_fault(accounts: Accounts, found: int, expected: int) -> Fault:
    detail = (
        f"{accounts.parked} parked values are accounted for, {accounts.parkings} were written and {accounts.retried} of"
        f" them retried, which leaves {expected}, and {found} are there"
    )
    return Fault(FaultKind.PARKED_MISCOUNTED, accounts.partition, detail)


async def _sum_faults(
    log: LogReader,
    reader: StateReader,
    control: ControlDocument,
    generation: int,
    before: Side,
    progress: Progress | None,
) -> tuple[list[Fault], list[str]]:
    learners: dict[str, int] = {}

    async def none() -> Mapping[int, Counts]:
        return {}

    async for batch in names_in_log(log, Roll(), none, progress):
        suffixes = [name.suffix for name in batch if name.kind is Kind.LEARNER]
        for value in await values_of(reader, generation, suffixes):
            add_totals(learners, value)
    after = await _partitions(reader, control, generation)
    at_first, at_last = dict[str, int](), dict[str, int]()
    for sums, side in ((at_first, before), (at_last, after)):
        for value in side.values.values():
            add_totals(sums, value)
    quiet = before.values == after.values
    wrong = (
        unequal(learners, at_first)
        if quiet
        else tuple(
            name
            for name in sorted(GROWING)
            if not at_first.get(name, 0) <= learners.get(name, 0) <= at_last.get(name, 0)
        )
    )
    faults = [
        Fault(
            FaultKind.SUMS_DIFFER,
            None,
            f"{name}: {learners.get(name, 0)} over all learners, {at_last.get(name, 0)} over all partitions",
        )
        for name in wrong
    ]
    return faults, [] if quiet else ["the sums were only held between those before and after: events were being folded"]
