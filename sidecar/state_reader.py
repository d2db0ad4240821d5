"""The port that reads documents."""

from collections.abc import Collection, Mapping
from typing import Protocol

from sidecar.records import StoredDocument


class StateReader(Protocol):
    """Reads documents of the state store."""

    async def read(self, keys: Collection[str]) -> Mapping[str, StoredDocument]:
        """Read documents as of one moment; keys that have none are absent from the answer.

        All keys of one call are one snapshot: no transaction is seen in part.

        Raises:
            MessageTooLarge: the documents together exceed what the sidecar carries.
            SidecarUnavailable: the state store does not answer.
            StorageDamaged: the store can't read what it holds.
        """
        ...
