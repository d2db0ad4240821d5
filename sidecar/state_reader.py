"""The port that reads documents."""

from collections.abc import Collection, Mapping
from typing import Protocol

from sidecar.records import StoredDocument


class StateReader(Protocol):
    """Reads documents of the state store."""

    async def read(self, keys: Collection[str], *, confirm_absence: bool = True) -> Mapping[str, StoredDocument]:
        """Read documents as of one moment; keys that have none are absent from the answer.

        All keys of one call are one snapshot: no transaction is seen in part.

        Args:
            keys: may hold one more than once.
            confirm_absence: `False` from a caller who writes what is absent by first-write and nothing else: an adapter
                may then, while it loses its connections, take for absent what is there.

        Raises:
            MessageTooLarge: the documents together exceed what the sidecar carries.
            SidecarUnavailable: the state store does not answer.
            StorageDamaged: the store can't read what it holds.
        """
        ...
