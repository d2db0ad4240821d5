"""Changing `control` together with other documents, all or nothing."""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from projector.generations import control_of, read_control
from read_models import codec, keys
from read_models.control import ControlDocument
from sidecar.errors import StateConflict
from sidecar.records import Delete, Put, StoredDocument
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter

ATTEMPTS: Final = 10

Stored = Mapping[str, StoredDocument]
Change = Callable[[ControlDocument, Stored], tuple[ControlDocument, Sequence[Put | Delete]] | None]
"""Gives the new control and what else to write, in key order; `None` where nothing is left to do."""


async def amend(
    reader: StateReader,
    writer: StateWriter,
    named: Callable[[ControlDocument], Iterable[str]],
    change: Change,
    *,
    more: int = 0,
) -> ControlDocument:
    """Read `control` and the documents that it lets us name, as of one moment, and write what `change` makes of them.

    Where others write the same documents it is tried again, `ATTEMPTS` times, and so many more as are expected to do
    so. It may be repeated after a failure that leaves open whether it was written, if `change` then finds that nothing
    is left to do.

    Raises:
        AccountsBroken: there is no `control`.
        StateConflict: others keep writing the same documents.
        SidecarError: the state store does not answer.
        Exception: whatever `change` raises.
    """
    attempts = ATTEMPTS + more
    for attempt in range(1, attempts + 1):
        first = await read_control(reader)
        stored = await reader.read([keys.CONTROL, *named(first)])
        control, etag = control_of(stored)
        if control != first:
            continue
        amended = change(control, stored)
        if amended is None:
            return control
        new, operations = amended
        try:
            await writer.transact([Put(keys.CONTROL, codec.encode(new), etag), *operations])
        except StateConflict:
            if attempt == attempts:
                raise
            await asyncio.sleep(random.uniform(0, 0.02) * attempt)  # noqa: S311 - spreads rivals, no secret
            continue
        return new
    raise StateConflict(f"control changed {attempts} times in a row")


def rewritten(stored: Stored, wanted: Iterable[str]) -> list[Put]:
    """Writes documents as they are, in key order: whoever read them before can't write them any more."""
    return [Put(key, stored[key].value, stored[key].etag) for key in sorted(wanted)]
