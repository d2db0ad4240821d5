"""A generation that nobody needs any more, thrown away whole.

A store can't list keys: what is to be deleted is found by reading the log.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from projector.errors import ProjectorError, UnknownGeneration
from projector.replay.amending import Stored, amend
from projector.replay.runs import partition_keys
from projector.verification.accounts import readable_accounts
from projector.verification.enumeration import BATCH, Counts, Progress, names_in_log
from projector.verification.names import DocumentName, Kind, Roll, catalogue_name, key_of, parked_name
from read_models import codec, keys
from read_models.control import ControlDocument, PruneDocument
from read_models.documents import CATALOGUE_PAGE
from sidecar.errors import MessageTooLarge, StateConflict
from sidecar.log_reader import LogReader
from sidecar.records import Delete, Put, StoredDocument
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter

ATTEMPTS: Final = 10


class GenerationServes(ProjectorError):
    """The generation is the one that GETs are answered from.

    Attributes:
        generation: that was to be pruned.
    """

    def __init__(self, generation: int) -> None:
        super().__init__(f"generation {generation} is the one that serves; it can't be pruned")
        self.generation = generation


class GenerationInTheMaking(ProjectorError):
    """The generation is being built.

    Attributes:
        generation: that was to be pruned.
        host: where it is being built, or was.
    """

    def __init__(self, generation: int, host: str) -> None:
        super().__init__(
            f"generation {generation} is being built on {host}; `learnflow replay --resume` goes on with it; once its"
            f" process is gone, `learnflow generations prune {generation}` gives it up by itself"
        )
        self.generation = generation
        self.host = host


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What was thrown away.

    Attributes:
        generation: that is gone.
        deleted: documents deleted by this run.
        resumed: whether an earlier run had begun.
    """

    generation: int
    deleted: int
    resumed: bool


async def prune(
    log: LogReader, reader: StateReader, writer: StateWriter, generation: int, *, progress: Progress | None = None
) -> PruneReport:
    """Delete every document of a generation, and its place in `control`.

    It can be ended at any moment, and goes on when it is called again: the partitions' documents go first, in one
    transaction with a note of what they counted; then nobody can fold into the generation, or switch to it. Until the
    last transaction `control` still names it. No number is given twice.

    Args:
        log: from which the names of the documents are found.
        reader: of documents.
        writer: of documents.
        generation: neither the active one, nor one that is being built.
        progress: is told how the log is gone through.

    Raises:
        GenerationServes: it is the active one.
        GenerationInTheMaking: it is being built.
        UnknownGeneration: there is no such generation; also where it was pruned already.
        AccountsBroken: there is no `control`.
        StateConflict: others keep writing the same documents.
        SidecarError: log or state store do not answer.
    """
    deleted, resumed = await _condemn(reader, writer, generation)
    pruning = _Pruning(reader, writer, generation)
    deleted += await pruning.run(log, progress)
    deleted += await _forget(reader, writer, generation)
    return PruneReport(generation, deleted, resumed)


async def _condemn(reader: StateReader, writer: StateWriter, generation: int) -> tuple[int, bool]:
    """Write the note and delete the partitions; how many were deleted, and whether the note was there already."""
    deleted, resumed = 0, False

    def named(control: ControlDocument) -> Iterable[str]:
        return [keys.prune(generation), *partition_keys(control, generation)]

    def change(control: ControlDocument, stored: Stored) -> tuple[ControlDocument, Sequence[Put | Delete]] | None:
        nonlocal deleted, resumed
        note = stored.get(keys.prune(generation))
        _refuse(control, generation, begun=note is not None)
        partitions = [key for key in partition_keys(control, generation) if key in stored]
        resumed = note is not None
        deleted = len(partitions)
        if note is not None and not partitions:
            return None
        operations: list[Put | Delete] = [Delete(key, stored[key].etag) for key in partitions]
        if note is None:
            operations.append(Put(keys.prune(generation), codec.encode(_note(control, generation, stored)), None))
        return control, sorted(operations, key=lambda one: one.key)

    await amend(reader, writer, named, change)
    return deleted, resumed


def _refuse(control: ControlDocument, generation: int, *, begun: bool) -> None:
    if control.active == generation:
        raise GenerationServes(generation)
    if control.building is not None and control.building.generation == generation:
        raise GenerationInTheMaking(generation, control.building.host)
    if str(generation) not in control.folds and not begun:
        raise UnknownGeneration(generation, [int(number) for number in control.folds])


def _note(control: ControlDocument, generation: int, stored: Mapping[str, StoredDocument]) -> PruneDocument:
    catalogues, parkings = {}, {}
    for number in range(control.log.partitions):
        found = stored.get(keys.partition(generation, number))
        accounts = readable_accounts(number, None if found is None else found.value)
        catalogues[str(number)] = 0 if accounts is None else accounts.catalogue
        parkings[str(number)] = 0 if accounts is None else accounts.parkings
    return PruneDocument(catalogues, parkings)


async def _forget(reader: StateReader, writer: StateWriter, generation: int) -> int:
    """Delete the note, and the generation's place in `control`."""

    def named(_: ControlDocument) -> Iterable[str]:
        return [keys.prune(generation)]

    def change(control: ControlDocument, stored: Stored) -> tuple[ControlDocument, Sequence[Put | Delete]] | None:
        note = stored.get(keys.prune(generation))
        if note is None and str(generation) not in control.folds:
            return None
        latest = max(control.latest, *(int(number) for number in control.folds), generation)
        folds = {number: fold for number, fold in control.folds.items() if number != str(generation)}
        operations = [] if note is None else [Delete(keys.prune(generation), note.etag)]
        return msgspec.structs.replace(control, folds=folds, latest=latest), operations

    await amend(reader, writer, named, change)
    return 1


class _Pruning:
    """Deletes all documents of a generation that nobody writes any more."""

    def __init__(self, reader: StateReader, writer: StateWriter, generation: int) -> None:
        self._reader = reader
        self._writer = writer
        self._generation = generation
        self._roll = Roll()

    async def run(self, log: LogReader, progress: Progress | None) -> int:
        """Delete what the log and the note tell of; returns how many documents there were."""
        counts = await self._counts()

        async def noted() -> Mapping[int, Counts]:
            return counts

        deleted = 0
        async for batch in names_in_log(log, self._roll, noted, progress):
            deleted += await self._delete(batch)
        for number, count in counts.items():
            deleted += await self._delete_beyond(Kind.CATALOGUE, number, count.catalogue // CATALOGUE_PAGE)
            deleted += await self._delete_beyond(Kind.PARKED, number, count.parkings)
        return deleted

    async def _counts(self) -> dict[int, Counts]:
        key = keys.prune(self._generation)
        stored = (await self._reader.read([key])).get(key)
        if stored is None:
            return {}  # another run was faster
        note = codec.decode(stored.value, PruneDocument)
        return {
            int(number): Counts(catalogue, note.parkings.get(number, 0))
            for number, catalogue in note.catalogues.items()
        }

    async def _delete_beyond(self, kind: Kind, number: int, first: int) -> int:
        """Delete what stands behind a count, which may be damaged: until so many in a row are not there."""
        name = catalogue_name if kind is Kind.CATALOGUE else parked_name
        deleted = 0
        while found := await self._delete([name(number, index) for index in range(first, first + BATCH)]):
            deleted += found
            first += BATCH
        return deleted

    async def _delete(self, names: Sequence[DocumentName]) -> int:
        """Delete documents, those first that only they tell of: so a run that goes on later finds them too."""
        deleted = 0
        for _ in range(ATTEMPTS):
            try:
                stored = await self._reader.read([key_of(self._generation, name.suffix) for name in names])
            except MessageTooLarge:
                if len(names) == 1:
                    raise
                half = len(names) // 2
                return deleted + await self._delete(names[:half]) + await self._delete(names[half:])
            told: list[DocumentName] = []
            for name in names:
                found = stored.get(key_of(self._generation, name.suffix))
                told += [] if found is None else self._roll.told_by(name, found.value)
            for start in range(0, len(told), BATCH):
                deleted += await self._delete(told[start : start + BATCH])
            if not stored:
                return deleted
            try:
                # Nobody else but another prune writes here, and it locks in the same order.
                await self._writer.transact([Delete(key, one.etag) for key, one in sorted(stored.items())])
            except StateConflict:
                continue
            return deleted + len(stored)
        raise StateConflict(f"documents of generation {self._generation} keep changing while they are deleted")
