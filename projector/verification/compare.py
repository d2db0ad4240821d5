"""Two generations compared, or one with a fresh fold of the log; under traffic as well."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from projector.errors import UnknownGeneration
from projector.generations import check_log, read_control
from projector.verification.acceptance import Acceptance
from projector.verification.enumeration import BATCH, Counts, Progress, counted_names, names_in_log
from projector.verification.findings import Comparison, Findings, Hashed, OnHash
from projector.verification.fresh_fold import FoldedPairs, FreshFold
from projector.verification.json_paths import Change
from projector.verification.judging import Judge, Verdict
from projector.verification.looseness import Looseness, is_order_only
from projector.verification.names import DocumentName, Kind, Roll
from projector.verification.pairs import Pair, Pairs, StoredPairs
from projector.verification.pool import Pool
from projector.verification.sums import Sums
from read_models.control import ControlDocument
from sidecar.halving import in_halves
from sidecar.log_reader import LogReader
from sidecar.state_reader import StateReader

CatchUp = Callable[[], Awaitable[None]]
_COUNTED: Final = (Kind.CATALOGUE, Kind.PARKED, Kind.PARTITION)


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """How to compare.

    Attributes:
        differences: how many to keep in full.
        acceptance: which differences are no fault.
        attempts: how often documents are read again that traffic keeps from being comparable.
        pause_seconds: before each of these, where nobody catches up.
        progress: is told how the log is gone through.
        on_hash: is told of every document of a side that was compared.
        hash_new: whether that is the new side; else the old one.
    """

    differences: int = 10
    acceptance: Acceptance = field(default_factory=Acceptance)
    attempts: int = 5
    pause_seconds: float = 0.2
    progress: Progress | None = None
    on_hash: OnHash | None = None
    hash_new: bool = False


async def compare_generations(
    log: LogReader,
    reader: StateReader,
    old: int,
    new: int,
    *,
    options: CompareOptions | None = None,
    catch_up: CatchUp | None = None,
) -> Comparison:
    """Compare two stored generations, whichever versions of the folds wrote them, while both may go on.

    No difference is reported that is only one of time: what was never seen as of the same offsets on both sides is
    counted as unsettled. Documents that come to be after this began may be left out.

    Args:
        log: from which the names of the documents are found.
        reader: of documents.
        old: a generation.
        new: another one, or the same.
        options: how to compare.
        catch_up: is awaited before documents are read again that were not comparable; it should bring both
            generations to the same offsets as nearly as it can.

    Raises:
        UnknownGeneration: there is no such generation.
        LogMismatch: they were folded from another log.
        AccountsBroken: there is no `control`.
        SidecarError: log or state store do not answer.
    """
    control = await control_for(log, reader, old, new)
    options = options or CompareOptions()
    pairs = StoredPairs(reader, old, new, control.log.partitions)
    roll = Roll()
    comparer = _Comparer(pairs, roll, control, options)

    async def counts() -> Mapping[int, Counts]:
        return _counts(control, await pairs.read(()))

    await comparer.take(names_in_log(log, roll, counts, options.progress))
    return await comparer.finish(catch_up)


async def compare_with_log(
    log: LogReader, reader: StateReader, generation: int, *, options: CompareOptions | None = None
) -> Comparison:
    """Compare a stored generation with a fresh fold of the log in memory, exactly, while it may go on.

    All its documents are held in memory. Documents that come to be after this began may be left out.

    Raises:
        UnknownGeneration: there is no such generation.
        LogMismatch: it was folded from another log.
        HistoryGone: the log has lost what it was folded from.
        AccountsBroken: there is no `control`.
        SidecarError: log or state store do not answer.
    """
    control = await control_for(log, reader, generation)
    options = options or CompareOptions()
    roll = Roll()
    fresh = FreshFold(log, roll)
    await fresh.begin()
    pairs = FoldedPairs(reader, generation, control.log.partitions, fresh)
    first = await pairs.read((), options.progress)
    names = [*fresh.names, *counted_names(_counts(control, first), await log.bounds())]
    comparer = _Comparer(pairs, roll, control, options)
    comparer.knows_all_strays()
    await comparer.take(_batches(names))
    comparison = await comparer.finish(None)
    return replace(comparison, unequal_sums=Sums.of(fresh.values).unequal())


async def control_for(log: LogReader, reader: StateReader, *generations: int) -> ControlDocument:
    """The control document, having checked that there are these generations and that they were folded from this log.

    Raises:
        UnknownGeneration: one is not there.
        LogMismatch: they were folded from another log.
        AccountsBroken: there is no `control`.
        SidecarError: log or state store do not answer.
    """
    control = await read_control(reader)
    known = {int(number) for number in control.folds}
    for generation in generations:
        if generation not in known:
            raise UnknownGeneration(generation, sorted(known))
    check_log(control, await log.identity())
    return control


class _Comparer:
    def __init__(self, pairs: Pairs, roll: Roll, control: ControlDocument, options: CompareOptions) -> None:
        self._pairs = pairs
        self._roll = roll
        self._options = options
        self._partitions = control.log.partitions
        self._looseness = Looseness(roll)
        self._judge = Judge(self._looseness, exact=pairs.exact)
        self._findings = Findings(
            keep=options.differences, acceptance=options.acceptance, on_hash=options.on_hash, hash_new=options.hash_new
        )
        self._counted: list[DocumentName] = []
        self._doubtful: list[tuple[DocumentName, Sequence[Change]]] = []
        self._later: list[DocumentName] = []

    def knows_all_strays(self) -> None:
        """From here on every learner in several partitions is known."""
        self._judge.all_read = True

    async def take(self, batches: AsyncIterator[list[DocumentName]]) -> None:
        """Compare what can be compared while the log is read; the rest waits for `finish`."""
        async for batch in batches:
            self._counted += [name for name in batch if name.kind in _COUNTED]
            await self._compare([name for name in batch if name.kind not in _COUNTED])
        self.knows_all_strays()

    async def finish(self, catch_up: CatchUp | None) -> Comparison:
        """Compare the rest, what is not comparable again and again, and say what was found."""
        for name, changes in self._doubtful:
            self._found(name, self._looseness.remaining(name, changes))
        self._looseness.note(await self._pairs.read(()))
        await self._compare_counted(self._counted, last=False)
        for attempt in range(1, self._options.attempts + 1):
            if not self._later:
                break
            await (catch_up() if catch_up is not None else asyncio.sleep(self._options.pause_seconds))
            again, self._later = self._later, []
            await self._compare([name for name in again if name.kind not in _COUNTED])
            counted = [name for name in again if name.kind in _COUNTED]
            await self._compare_counted(counted, last=attempt == self._options.attempts)
        for name in self._later:
            self._findings.unsettled(name)
        return self._findings.result(self._pairs.old, self._pairs.new)

    async def _compare_counted(self, names: Sequence[DocumentName], *, last: bool) -> None:
        catalogues, late = self._looseness.catalogues, self._looseness.late
        for kind, loose in ((Kind.CATALOGUE, catalogues), (Kind.PARKED, late)):
            pooled = [name for name in names if name.kind is kind and name.partition in loose]
            if pooled:
                await self._compare_pool(pooled, last=last)
        rest = [
            name
            for name in names
            if name.kind is Kind.PARTITION
            or name.partition not in (catalogues if name.kind is Kind.CATALOGUE else late)
        ]
        await self._compare(rest)

    async def _compare(self, names: Sequence[DocumentName]) -> None:
        waiting = list(names)
        while waiting:
            batch, waiting = waiting[:BATCH], waiting[BATCH:]
            for part, pair in await self._read(batch):
                for name in part:
                    waiting += self._told(name, pair)
                    self._settle(name, pair)

    async def _read(self, names: Sequence[DocumentName]) -> list[tuple[Sequence[DocumentName], Pair]]:
        async def read(some: Sequence[DocumentName]) -> tuple[Sequence[DocumentName], Pair]:
            suffixes = list(dict.fromkeys(suffix for name in some for suffix in (name.suffix, name.head)))
            pair = await self._pairs.read(suffixes)
            self._looseness.note(pair)
            return some, pair

        return await in_halves(names, read)

    def _told(self, name: DocumentName, pair: Pair) -> list[DocumentName]:
        return [
            further
            for side in (pair.old, pair.new)
            if (value := side.values.get(name.suffix)) is not None
            for further in self._roll.told_by(name, value)
        ]

    def _settle(self, name: DocumentName, pair: Pair) -> None:
        verdict = self._judge.judge(name, pair)
        if verdict is Verdict.LATER:
            self._later.append(name)
        elif not isinstance(verdict, Verdict):
            self._findings.seen(name.suffix, pair.old.values.get(name.suffix), pair.new.values.get(name.suffix))
            if not self._judge.all_read and verdict and all(is_order_only(name, change) for change in verdict):
                self._doubtful.append((name, verdict))
            else:
                self._found(name, verdict)

    def _found(self, name: DocumentName, changes: Sequence[Change]) -> None:
        if changes:
            self._findings.different(name, changes)
        else:
            self._findings.same(name)

    async def _compare_pool(self, names: Sequence[DocumentName], *, last: bool) -> None:
        """Compare documents whose elements may be in any order, and in any of these documents."""
        before = await self._pairs.read(())
        pool = Pool(_cuts(before), self._looseness)
        seen: list[Hashed] = []
        for start in range(0, len(names), BATCH):
            for part, pair in await self._read(names[start : start + BATCH]):
                for name in part:
                    await self._compare(self._told(name, pair))
                    pool.add(name, pair)
                    values = (side.values.get(name.suffix) for side in (pair.old, pair.new))
                    seen.append(self._findings.hashed(name.suffix, *values))
        level = (
            self._pairs.exact
            or not self._looseness.strays
            or all(before.old.checkpoint(number) == before.new.checkpoint(number) for number in self._looseness.strays)
        )
        moved = _retried(before) != _retried(await self._pairs.read(()))
        comparable = not pool.differs or (level and not moved)
        if comparable:
            await self._look_again(pool)
        # What is not there any more when it is read again was changed meanwhile.
        if not comparable or pool.unmatched:
            if last:
                for name in pool.names:
                    self._findings.unsettled(name)
            else:
                self._later += names
            return
        for hashed in seen:
            self._findings.count_in(hashed)
        for name, changes in pool.differences().items():
            self._found(name, changes)

    async def _look_again(self, pool: Pool) -> None:
        names = pool.unmatched
        for start in range(0, len(names), BATCH):
            for part, pair in await self._read(names[start : start + BATCH]):
                for name in part:
                    pool.look_again(name, pair)


def _cuts(pair: Pair) -> dict[int, int]:
    numbers = pair.old.accounts.keys() & pair.new.accounts.keys()
    return {
        number: min(pair.old.accounts[number].checkpoint, pair.new.accounts[number].checkpoint) for number in numbers
    }


def _retried(pair: Pair) -> list[tuple[int, int]]:
    return [(number, one.retried) for side in (pair.old, pair.new) for number, one in sorted(side.accounts.items())]


def _counts(control: ControlDocument, pair: Pair) -> dict[int, Counts]:
    counts: dict[int, Counts] = {}
    for number in range(control.log.partitions):
        found = [side.accounts[number] for side in (pair.old, pair.new) if number in side.accounts]
        counts[number] = Counts(
            max((one.catalogue for one in found), default=0), max((one.parkings for one in found), default=0)
        )
    return counts


async def _batches(names: Sequence[DocumentName]) -> AsyncIterator[list[DocumentName]]:
    for start in range(0, len(names), BATCH):
        yield list(names[start : start + BATCH])
