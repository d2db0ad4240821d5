"""The control document: which generation serves, which log it was folded from, and whether both still fit."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from projector.errors import (
    AccountsBroken,
    BeginningGone,
    CheckpointBeyondLog,
    ForeignFold,
    HistoryGone,
    LogMismatch,
    LogRewritten,
)
from projector.fold import FOLD_VERSION
from read_models import codec, keys
from read_models.control import ControlDocument, LogIdentityDocument
from read_models.documents import PartitionDocument
from read_models.seals import seal
from sidecar.errors import StateConflict
from sidecar.log_reader import LogReader
from sidecar.records import LogIdentity, PartitionBounds, Put, StoredDocument
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter


async def ensure_control(log: LogReader, reader: StateReader, writer: StateWriter) -> ControlDocument:
    """Return the control document, which is one of this log.

    On an empty state store generation 1 is made, with a document for every partition, in one transaction; of two that
    do so at once one succeeds and both go on with its work.

    Raises:
        LogMismatch: the documents were folded from another log.
        HistoryGone: there are no documents, and the log has lost records.
        AccountsBroken: control was there and is gone.
        SidecarUnavailable: log or state store do not answer.
    """
    identity = await log.identity()
    stored = await reader.read([keys.CONTROL])
    if keys.CONTROL not in stored:
        bounds = await log.bounds()
        # Somebody else may be first; what they wrote is then checked like any other.
        with suppress(StateConflict):
            await writer.transact(_first_generation(identity, bounds))
        stored = await reader.read([keys.CONTROL])
    control, _ = control_of(stored)
    check_log(control, identity)
    return control


def control_of(stored: Mapping[str, StoredDocument]) -> tuple[ControlDocument, str]:
    """The control document among what was read, and its etag.

    Raises:
        AccountsBroken: there is none.
        UnreadableDocument: it is no such document.
    """
    control = stored.get(keys.CONTROL)
    if control is None:
        raise AccountsBroken(keys.CONTROL)
    return codec.decode(control.value, ControlDocument), control.etag


async def read_control(reader: StateReader) -> ControlDocument:
    """The control document as it is now.

    Raises:
        AccountsBroken: there is none.
        SidecarUnavailable: the state store does not answer.
        UnreadableDocument: it is no such document.
    """
    control, _ = control_of(await reader.read([keys.CONTROL]))
    return control


async def check_kept(log: LogReader, partition: int, offset: int) -> None:
    """Check that the log has removed nothing from an offset on; then what is not there never was.

    Raises:
        HistoryGone: it has.
        SidecarUnavailable: the log does not answer.
    """
    start = (await log.bounds())[partition].start
    if start > offset:
        raise HistoryGone(partition=partition, wanted=offset, start=start)


async def check_accounts(log: LogReader, reader: StateReader, control: ControlDocument, generation: int) -> None:
    """Check that the log still is the one that a generation accounts for.

    Raises:
        HistoryGone: the log has lost records that were never folded.
        CheckpointBeyondLog: the log was cut or restored to before what was folded.
        LogRewritten: it was, and has grown again.
        AccountsBroken: a partition's document is missing.
        SidecarUnavailable: log or state store do not answer.
    """
    # Read before the bounds are asked for: then no checkpoint is beyond them because time has passed.
    partitions = [keys.partition(generation, number) for number in range(control.log.partitions)]
    stored = await reader.read(partitions)
    bounds = await log.bounds()
    for accounts in accounts_of(stored, partitions):
        _check_checkpoint(accounts, bounds[accounts.partition])
        await check_seal(log, accounts)


def check_log(control: ControlDocument, identity: LogIdentity) -> None:
    """Check that the documents were folded from this log.

    Raises:
        LogMismatch: if they were not.
    """
    expected, found = control.log, LogIdentityDocument(identity.topic_id, identity.partitions)
    if expected != found:
        raise LogMismatch(
            expected=f"{expected.topic_id} ({expected.partitions} partitions)",
            found=f"{found.topic_id} ({found.partitions} partitions)",
        )


async def check_seal(log: LogReader, accounts: PartitionDocument) -> None:
    """Check that the last record folded is still the one that the log holds there; one that was removed is not missed.

    Raises:
        CheckpointBeyondLog: the log ends before it.
        LogRewritten: it is another.
        SidecarUnavailable: the log does not answer.
    """
    if accounts.as_of is None:
        return
    offset = accounts.as_of.offset
    found = await log.read(accounts.partition, offset, offset + 1, max_records=1, max_bytes=1)
    if found.next_offset == offset:
        end = (await log.bounds())[accounts.partition].end
        raise CheckpointBeyondLog(partition=accounts.partition, checkpoint=accounts.checkpoint, end=end)
    for record in found.records:
        if seal(record.offset, record.appended_at_ms, record.value) != accounts.seal:
            raise LogRewritten(partition=accounts.partition, offset=offset)


def check_fold(control: ControlDocument, generation: int) -> None:
    """Check that a generation is one that our folds may write.

    Raises:
        ForeignFold: if it is not.
    """
    theirs = control.folds.get(str(generation), "unknown")
    if theirs != FOLD_VERSION:
        raise ForeignFold(generation=generation, theirs=theirs, ours=FOLD_VERSION)


def _first_generation(identity: LogIdentity, bounds: Mapping[int, PartitionBounds]) -> list[Put]:
    check_whole(bounds)
    control = ControlDocument(
        active=1, log=LogIdentityDocument(identity.topic_id, identity.partitions), folds={"1": FOLD_VERSION}
    )
    return [Put(keys.CONTROL, codec.encode(control), None), *empty_partitions(1, identity.partitions)]


def empty_partitions(generation: int, partitions: int) -> list[Put]:
    """What makes the documents of all partitions of a generation that has folded nothing yet, in key order."""
    documents = {
        keys.partition(generation, number): PartitionDocument(partition=number, log_start=0, checkpoint=-1)
        for number in range(partitions)
    }
    return [Put(key, codec.encode(document), None) for key, document in sorted(documents.items())]


def check_whole(bounds: Mapping[int, PartitionBounds]) -> None:
    """Check that the log has everything from the first offset on.

    Raises:
        BeginningGone: it has not.
    """
    for number, bound in bounds.items():
        if bound.start > 0:
            raise BeginningGone(partition=number, start=bound.start)


def accounts_of(stored: Mapping[str, StoredDocument], partitions: Sequence[str]) -> list[PartitionDocument]:
    """The documents under the keys of these partitions, among what was read.

    Raises:
        AccountsBroken: one is missing.
        UnreadableDocument: one is no such document.
    """
    for key in partitions:
        if key not in stored:
            raise AccountsBroken(key)
    return [codec.decode(stored[key].value, PartitionDocument) for key in partitions]


def _check_checkpoint(accounts: PartitionDocument, bounds: PartitionBounds) -> None:
    number, checkpoint = accounts.partition, accounts.checkpoint
    if checkpoint >= bounds.end:
        raise CheckpointBeyondLog(partition=number, checkpoint=checkpoint, end=bounds.end)
    if checkpoint + 1 < bounds.start:
        raise HistoryGone(partition=number, wanted=checkpoint + 1, start=bounds.start)
