"""The switch: one generation takes over from another in one transaction.

A batch that a live engine has in hand at that moment was folded onto a document of the old generation that the switch
has re-written: its transaction fails, it reads `control` again, and goes to the new generation, which has everything
that the old one had. No clock is part of the argument.
"""

import uuid
from collections.abc import Sequence

import msgspec

from projector.errors import RunReplaced
from projector.generations import accounts_of, control_of
from projector.replay.amending import amend, rewritten
from projector.replay.runs import Run, partition_keys
from read_models import codec, keys
from read_models.documents import ControlDocument
from sidecar.errors import StateConflict
from sidecar.records import Put
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter


async def try_switch(reader: StateReader, writer: StateWriter, run: Run) -> Sequence[int]:
    """Let the run's generation take over, if it has reached the one that serves in every partition. May be repeated.

    Returns:
        The partitions in which it is not that far yet; none means that it serves.

    Raises:
        StateConflict: a live engine wrote at that moment; nothing has changed, try again.
        RunReplaced: the generation is no longer this run's.
        AccountsBroken: a document of the run's generation is missing. One that the generation before has lost is no
            obstacle, as without it no engine writes that partition.
        SidecarUnavailable: the state store does not answer; whether it was done, the next attempt finds out.
    """
    control, _ = control_of(await reader.read([keys.CONTROL]))
    old, new = partition_keys(control, control.active), partition_keys(control, run.generation)
    stored = await reader.read([keys.CONTROL, *old, *new])
    now, etag = control_of(stored)
    if now.active == run.generation:
        return ()
    if now.building is None or now.building.run != run.identity:
        raise RunReplaced(run.generation)
    if now != control:
        raise StateConflict("control has just changed")
    reached = {one.partition: one.checkpoint for one in accounts_of(stored, new)}
    there = [key for key in old if key in stored]
    wanted = {one.partition: one.checkpoint for one in accounts_of(stored, there)}
    behind = [number for number, checkpoint in wanted.items() if reached[number] < checkpoint]
    if behind:
        return sorted(behind)
    after = msgspec.structs.replace(now, active=run.generation, building=None, hold="")
    await writer.transact([Put(keys.CONTROL, codec.encode(after), etag), *rewritten(stored, there)])
    return ()


async def checkpoints(reader: StateReader, generation: int) -> dict[int, int]:
    """By partition the last offset that a generation accounts for, as of one moment; without those it has lost.

    Raises:
        AccountsBroken: there is no `control`.
        SidecarUnavailable: the state store does not answer.
    """
    control, _ = control_of(await reader.read([keys.CONTROL]))
    wanted = partition_keys(control, generation)
    stored = await reader.read(wanted)
    there = [key for key in wanted if key in stored]
    return {one.partition: one.checkpoint for one in accounts_of(stored, there)}


async def ask_for_quiet(reader: StateReader, writer: StateWriter, run: Run) -> None:
    """Ask live engines to let the switch go first for a moment; it is over with the switch, or by itself.

    Raises:
        RunReplaced: the generation is no longer this run's.
        StateConflict: others keep writing `control`.
        SidecarUnavailable: the state store does not answer.
    """
    hold = str(uuid.uuid4())

    def change(control: ControlDocument, _: object) -> tuple[ControlDocument, list[Put]] | None:
        if control.active == run.generation:
            return None
        if control.building is None or control.building.run != run.identity:
            raise RunReplaced(run.generation)
        return msgspec.structs.replace(control, hold=hold), []

    await amend(reader, writer, lambda _: (), change)
