"""Reading documents of the generation that serves."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from read_models import codec, keys
from read_models.codec import UnreadableDocument
from read_models.control import ControlDocument
from read_models.documents import Document, PartitionDocument
from sidecar.records import StoredDocument
from sidecar.state_reader import StateReader
from web.problems import NOT_READY, ProblemError

D = TypeVar("D", bound=Document)

ATTEMPTS: Final = 5
"""How often an answer is begun anew because another generation took over."""
_SOON: Final = {"Retry-After": "1"}
_LATER: Final = {"Retry-After": "30"}


class Snapshot:
    """Documents of one generation, read at one moment.

    Attributes:
        generation: whose documents these are.
        partitions: how many the log has.
    """

    def __init__(self, control: ControlDocument, stored: Mapping[str, StoredDocument]) -> None:
        self.generation = control.active
        self.partitions = control.log.partitions
        self._stored = stored

    def find(self, key: str, shape: type[D]) -> D | None:
        """The document under `key`, which must have been asked for; `None` if there is none.

        Raises:
            ProblemError: it is not of this shape.
        """
        stored = self._stored.get(key)
        if stored is None:
            return None
        try:
            return codec.decode(stored.value, shape)
        except UnreadableDocument as unreadable:
            raise ProblemError(NOT_READY, f"A document can't be read: {key}.", headers=_LATER) from unreadable

    def partition_documents(self) -> list[PartitionDocument]:
        """The documents of all partitions that have one; those of all must have been asked for.

        Raises:
            ProblemError: one is not of this shape.
        """
        found = (
            self.find(keys.partition(self.generation, number), PartitionDocument) for number in range(self.partitions)
        )
        return [one for one in found if one is not None]


def keeps_changing() -> ProblemError:
    """The problem of an answer that was begun anew `ATTEMPTS` times."""
    return ProblemError(NOT_READY, "The active generation keeps changing.", headers=_SOON)


class Projections:
    """Reads documents together with `control`, so that a snapshot never mixes generations.

    An answer made of several snapshots has to compare theirs.
    """

    def __init__(self, reader: StateReader) -> None:
        self._reader = reader
        self._generation = 1
        self._partitions = 0

    async def read(self, named: Callable[[int, int], Iterable[str]]) -> Snapshot:
        """Read the documents that `named` gives for a generation and a number of partitions.

        It is asked again if another generation has become active meanwhile.

        Raises:
            ProblemError: nothing was projected yet.
            SidecarError: the state store does not answer.
        """
        for _ in range(ATTEMPTS):
            # Kept here, because another request may learn of another generation while this one waits for its answer.
            asked_for = self._generation, self._partitions
            stored = await self._reader.read({keys.CONTROL, *named(*asked_for)})
            found = stored.get(keys.CONTROL)
            if found is None:
                raise ProblemError(NOT_READY, "Nothing was projected yet.", headers=_SOON)
            try:
                control = codec.decode(found.value, ControlDocument)
            except UnreadableDocument as unreadable:
                detail = f"A document can't be read: {keys.CONTROL}."
                raise ProblemError(NOT_READY, detail, headers=_LATER) from unreadable
            if (control.active, control.log.partitions) == asked_for:
                return Snapshot(control, stored)
            self._generation, self._partitions = control.active, control.log.partitions
        raise keeps_changing()
