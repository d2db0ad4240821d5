"""The switch: one generation takes over from another in one transaction.

A batch that a live engine has in hand at that moment was folded onto a document of the old generation that the switch
has re-written: its transaction fails, it reads `control` again, and goes to the new generation, which has everything
that the old one had. No clock is part of the argument.
"""

import uuid
from collections.abc import Mapping

import msgspec

from projector.errors import RetriedElsewhere, RunReplaced
from projector.generations import accounts_of, control_of, read_control
from projector.replay.amending import amend, rewritten
from projector.replay.runs import Run, partition_keys
from read_models import codec, keys
from read_models.control import ControlDocument, RolloutDocument
from sidecar.errors import StateConflict
from sidecar.records import Put
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter


async def try_switch(
    reader: StateReader, writer: StateWriter, run: Run, *, follow: bool = True, accept_parked: bool = False
) -> Mapping[int, int]:
    """Let the run's generation take over, if it has reached the one that serves in every partition. May be repeated.

    Args:
        reader: of documents.
        writer: of documents.
        run: whose generation it is.
        follow: whether, where the fold version changes, it is noted that projectors have yet to take over.
        accept_parked: let it take over although it has parked what was folded late in the other.

    Returns:
        By partition in which it is not that far yet the offset that it has to reach; none means that it serves.

    Raises:
        RetriedElsewhere: it has parked what was folded late in the generation that serves.
        StateConflict: a live engine wrote at that moment; nothing has changed, try again.
        RunReplaced: the generation is no longer this run's.
        AccountsBroken: a document of the run's generation is missing. One that the generation before has lost is no
            obstacle, as without it no engine writes that partition.
        SidecarUnavailable: the state store does not answer; whether it was done, the next attempt finds out.
    """
    control = await read_control(reader)
    old, new = partition_keys(control, control.active), partition_keys(control, run.generation)
    stored = await reader.read([keys.CONTROL, *old, *new])
    now, etag = control_of(stored)
    if now.active == run.generation:
        return {}
    if now.building is None or now.building.run != run.identity:
        raise RunReplaced(run.generation)
    if now != control:
        raise StateConflict("control has just changed")
    there = {one.partition: one for one in accounts_of(stored, [key for key in old if key in stored])}
    ours = {one.partition: one for one in accounts_of(stored, new)}
    behind = {number: one.checkpoint for number, one in there.items() if ours[number].checkpoint < one.checkpoint}
    if behind:
        return behind
    lacking = sum(
        ours[number].parked - one.parked
        for number, one in there.items()
        if one.retried > ours[number].retried and ours[number].parked > one.parked
    )
    if lacking and not accept_parked:
        raise RetriedElsewhere(run.generation, now.active, lacking)
    other_fold = now.folds.get(str(now.active)) != now.folds.get(str(run.generation))
    rollout = RolloutDocument(run.generation, now.active) if follow and other_fold else None
    last_job = now.building.job or now.last_job
    after = msgspec.structs.replace(
        now, active=run.generation, building=None, hold="", rollout=rollout, last_job=last_job
    )
    rewrites = rewritten(stored, [key for key in old if key in stored])
    await writer.transact([Put(keys.CONTROL, codec.encode(after), etag), *rewrites])
    return {}


async def checkpoints(reader: StateReader, generation: int) -> dict[int, int]:
    """By partition the last offset that a generation accounts for, as of one moment; without those it has lost.

    Raises:
        AccountsBroken: there is no `control`.
        SidecarUnavailable: the state store does not answer.
    """
    control = await read_control(reader)
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
