"""The port that writes documents."""

from collections.abc import Sequence
from typing import Protocol

from sidecar.records import Delete, Put


class StateWriter(Protocol):
    """Writes documents of the state store."""

    async def transact(self, operations: Sequence[Put | Delete]) -> None:
        """Carry out all operations, or none: each only if its document is still the version named by the etag.

        On return all is durable. Of two transactions that both saw a document absent and put it, one fails. Operations
        lock in the order given: give shared documents in one order. No key may come twice.

        Raises:
            StateConflict: a document is another version, or was put or deleted meanwhile; nothing was written.
            MessageTooLarge: the operations together exceed what the sidecar carries; nothing was written.
            SidecarUnavailable: it is not known whether it was written, also where the store is damaged. Read again to
                find out.
            ValueError: a key is empty, over 1,000 characters, holds `||` or NUL, or comes twice, or a value is empty;
                nothing was written.
        """
        ...
