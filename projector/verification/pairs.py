"""Documents read in pairs: what one side has, and what the other, as of one moment."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from projector.verification.accounts import Accounts, readable_accounts
from projector.verification.names import key_of, partition_name
from sidecar.errors import MessageTooLarge
from sidecar.halving import in_halves
from sidecar.state_reader import StateReader

WITH_HEAD: Final = 2
"""Documents that one name needs at most: its own, and its learner's."""


@dataclass(frozen=True, slots=True)
class Side:
    """Documents of one side, all as of one moment.

    Attributes:
        values: the documents asked for that there are, and those of all partitions, by suffix.
        accounts: by partition; those that can't be read are not there.
    """

    values: Mapping[str, bytes]
    accounts: Mapping[int, Accounts]

    def checkpoint(self, partition: int) -> int | None:
        """The last offset of a partition that this side accounts for; `None` if it does not say."""
        accounts = self.accounts.get(partition)
        return None if accounts is None else accounts.checkpoint


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides, each as of one moment, which need not be the same."""

    old: Side
    new: Side


class Pairs(Protocol):
    """Reads both sides.

    Attributes:
        old: what one side is, for people.
        new: what the other is.
        exact: whether both sides of a pair always are as of the same offsets.
    """

    old: str
    new: str
    exact: bool

    async def read(self, suffixes: Collection[str]) -> Pair:
        """Read these documents of both sides, with those of all partitions.

        Raises:
            MessageTooLarge: together they are more than the sidecar carries.
            SidecarError: the state store, or the log, does not answer.
            ProjectorError: one side can't be had any more.
        """
        ...


class StoredPairs:
    """Two generations of the store.

    Attributes:
        old: for people.
        new: for people.
        exact: they are not: each goes on by itself.
    """

    exact = False

    def __init__(self, reader: StateReader, old: int, new: int, partitions: int) -> None:
        self.old, self.new = f"generation {old}", f"generation {new}"
        self._reader = reader
        self._generations = (old, new)
        self._partitions = [partition_name(number).suffix for number in range(partitions)]

    async def read(self, suffixes: Collection[str]) -> Pair:
        """See `Pairs`."""
        wanted = [*self._partitions, *suffixes]
        old, new = self._generations
        try:
            stored = await self._reader.read([key_of(one, suffix) for one in (old, new) for suffix in wanted])
        except MessageTooLarge:
            if len(suffixes) > WITH_HEAD:
                raise
            # Two documents that no message carries together. What they reflect is told by partitions read with each.
            sides = [await read_side(self._reader, one, wanted) for one in (old, new)]
            return Pair(*sides)
        return Pair(
            *(
                side_of(
                    {suffix: stored[key_of(one, suffix)].value for suffix in wanted if key_of(one, suffix) in stored}
                )
                for one in (old, new)
            )
        )


async def read_side(reader: StateReader, generation: int, suffixes: Collection[str]) -> Side:
    """Read documents of one generation as of one moment.

    Raises:
        MessageTooLarge: together they are more than the sidecar carries.
        SidecarError: the state store does not answer.
    """
    by_key = {key_of(generation, suffix): suffix for suffix in suffixes}
    stored = await reader.read(list(by_key))
    return side_of({by_key[key]: document.value for key, document in stored.items()})


async def values_of(reader: StateReader, generation: int, suffixes: Sequence[str]) -> list[bytes]:
    """The documents of a generation that there are, in as many messages as they take.

    Raises:
        SidecarError: the state store does not answer.
    """
    if not suffixes:
        return []
    sides = await in_halves(suffixes, lambda some: read_side(reader, generation, some))
    return [value for side in sides for value in side.values.values()]


def side_of(values: Mapping[str, bytes]) -> Side:
    """A side of these documents, by suffix."""
    accounts = {}
    for suffix, value in values.items():
        kind, _, number = suffix.partition("/")
        if kind == "partition" and (found := readable_accounts(int(number), value)) is not None:
            accounts[found.partition] = found
    return Side(values, accounts)
