"""All documents that a generation may have, found by reading the log from end to end."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from projector.items import decode_record
from projector.verification.names import DocumentName, Roll, catalogue_name, parked_name, partition_name
from read_models.documents import CATALOGUE_PAGE
from sidecar.log_reader import LogReader
from sidecar.records import PartitionBounds

SLICE_RECORDS: Final = 1000
SLICE_BYTES: Final = 4 * 1024 * 1024
BATCH: Final = 100
"""Names in a batch, at most."""

Progress = Callable[[int, int], None]
"""Is told how many positions of the log were gone through, and of how many."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many documents of a partition can only be counted.

    Attributes:
        catalogue: length of its catalogue.
        parkings: documents of parked values ever written.
    """

    catalogue: int
    parkings: int


async def names_in_log(
    log: LogReader,
    roll: Roll,
    counts: Callable[[], Awaitable[Mapping[int, Counts]]],
    progress: Progress | None = None,
) -> AsyncIterator[list[DocumentName]]:
    """Names of the documents that the log tells of, each once, `BATCH` at a time at most.

    The log is read as it is when this begins, whatever can be decoded in it or not. Learners, lessons and identities
    of parked events come first, partition by partition; when all is read, and `roll` knows of every stray, catalogue
    pages, parked values and partitions. What only documents tell of, `roll.told_by` tells when one was read.

    Args:
        log: that is read.
        roll: says which names are new.
        counts: by partition; asked when the log was read.
        progress: is told about every slice of the log.

    Raises:
        SidecarError: the log does not answer.
    """
    bounds = await log.bounds()
    total = sum(bound.end - bound.start for bound in bounds.values())
    done = 0
    names: list[DocumentName] = []
    for number, bound in sorted(bounds.items()):
        first = bound.start
        while first < bound.end:
            found = await log.read(number, first, bound.end, max_records=SLICE_RECORDS, max_bytes=SLICE_BYTES)
            if found.next_offset == first:
                break
            for record in found.records:
                names += roll.note(decode_record(record))
            done += found.next_offset - first
            first = found.next_offset
            if progress is not None:
                progress(done, total)
            while len(names) >= BATCH:
                yield names[:BATCH]
                names = names[BATCH:]
    names += counted_names(await counts(), await log.bounds())
    for start in range(0, len(names), BATCH):
        yield names[start : start + BATCH]


def counted_names(counts: Mapping[int, Counts], bounds: Mapping[int, PartitionBounds]) -> list[DocumentName]:
    """Catalogue pages and parked values, one of each more than there should be; then the partitions themselves.

    A count that is more than the log has offsets is damaged, and taken for that many.
    """
    names: list[DocumentName] = []
    for number, count in sorted(counts.items()):
        most = bounds[number].end if number in bounds else 0
        names += [catalogue_name(number, page) for page in range(min(count.catalogue, most) // CATALOGUE_PAGE + 2)]
        names += [parked_name(number, index) for index in range(min(count.parkings, most) + 1)]
    return names + [partition_name(number) for number in sorted(counts)]
