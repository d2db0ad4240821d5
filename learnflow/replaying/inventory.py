"""Which generations there are."""

from collections.abc import Mapping
from dataclasses import dataclass

from learnflow.sidecar import ToolPorts
from projector.generations import check_log, read_control
from projector.replay.runs import Runner, is_alive, partition_keys
from read_models import codec, keys
from read_models.control import BuildingDocument, ControlDocument
from read_models.documents import PartitionDocument
from sidecar.records import PartitionBounds, StoredDocument


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation, and how far it is.

    Attributes:
        generation: its number.
        state: serves, building, unfinished, kept, or being pruned.
        fold: the fold version it belongs to.
        behind: positions of the log that it does not account for; `None` where its accounts are not there, as with the
            four that follow.
        applied: events that changed a document.
        duplicate: events that had been counted before.
        parked: values that could not be folded.
        missing: offsets without a record.
        note: what else there is to say; empty for nothing.
    """

    generation: int
    state: str
    fold: str
    behind: int | None
    applied: int | None
    duplicate: int | None
    parked: int | None
    missing: int | None
    note: str


async def inventory(ports: ToolPorts) -> list[Generation]:
    """All generations, by number. Each is as of one moment.

    Raises:
        AccountsBroken: nothing was projected yet.
        LogMismatch: the documents were folded from another log.
        SidecarError: log or state store do not answer.
        UnreadableDocument: the store holds something that is no document of ours.
    """
    control = await read_control(ports.state_reader)
    check_log(control, await ports.log_reader.identity())
    alive = control.building is not None and await is_alive(ports.state_reader, control.building)
    numbers = sorted(map(int, control.folds))
    stored = [
        await ports.state_reader.read([*partition_keys(control, number), keys.prune(number)]) for number in numbers
    ]
    # Asked for last, so that what is behind is never made little of.
    bounds = await ports.log_reader.bounds()
    return [_described(control, *one, bounds, alive=alive) for one in zip(numbers, stored, strict=True)]


def _described(
    control: ControlDocument,
    number: int,
    stored: Mapping[str, StoredDocument],
    bounds: Mapping[int, PartitionBounds],
    *,
    alive: bool,
) -> Generation:
    wanted = partition_keys(control, number)
    parts = [codec.decode(stored[key].value, PartitionDocument) for key in wanted if key in stored]
    building = control.building if control.building and control.building.generation == number else None
    whole = len(parts) == len(wanted)
    return Generation(
        generation=number,
        state=_state(control, number, building, alive=alive, pruning=keys.prune(number) in stored),
        fold=control.folds[str(number)],
        behind=sum(max(0, bounds[one.partition].end - one.checkpoint - 1) for one in parts) if whole else None,
        applied=sum(one.applied for one in parts) if whole else None,
        duplicate=sum(one.duplicate for one in parts) if whole else None,
        parked=sum(one.parked for one in parts) if whole else None,
        missing=sum(one.missing for one in parts) if whole else None,
        note=_note(building, alive=alive),
    )


def _state(
    control: ControlDocument, number: int, building: BuildingDocument | None, *, alive: bool, pruning: bool
) -> str:
    if number == control.active:
        return "serves"
    if building is not None:
        return "building" if alive else "unfinished"
    return "being pruned" if pruning else "kept"


def _note(building: BuildingDocument | None, *, alive: bool) -> str:
    if building is None:
        return ""
    runner = Runner(building.host, building.pid)
    if alive:
        return f"Generation {building.generation} is being built by {runner}."
    gone = f"Generation {building.generation} was being built by {runner}, which gives no sign of life:"
    if building.reopened:
        return f"{gone} `learnflow generations activate {building.generation}` goes on."
    number = building.generation
    return f"{gone} `learnflow replay --resume` goes on, `learnflow generations prune {number}` throws it away."
