"""Which documents a piece of the log needs."""

from collections.abc import Iterable, Sequence

from events.contracts import LessonAuthored, LessonRequested
from projector import learner_growth
from projector.items import Happened, Item, Refused
from projector.workspace import Workspace
from read_models import keys
from read_models.documents import CATALOGUE_PAGE, PartitionDocument


def named_keys(generation: int, item: Item) -> Iterable[str]:
    """The documents that an item names by itself."""
    match item:
        case Happened(event=event):
            yield keys.learner(generation, event.data.learner_id)
            if isinstance(event.data, LessonRequested):
                yield keys.lesson(generation, event.data.lesson_id)
            elif isinstance(event.data, LessonAuthored):
                yield keys.authored(generation, event.data.lesson_id, event.data.learner_id)
        case Refused(rejection=rejection) if rejection.fingerprint is not None:
            yield keys.parked_event(generation, rejection.fingerprint)
        case _:
            pass


def needed_keys(workspace: Workspace, generation: int, partition: int, items: Sequence[Item]) -> set[str]:
    """The keys that folding `items` will ask for and that are not known yet.

    Some are only told by documents: ask again after loading, until nothing is needed.
    """
    partition_key = keys.partition(generation, partition)
    wanted = {partition_key}
    for item in items:
        wanted.update(named_keys(generation, item))
    unknown = workspace.unknown(wanted)
    if partition_key in unknown:
        return unknown
    accounts = workspace.find(partition_key, PartitionDocument)
    for item in items:
        if isinstance(item, Happened):
            if keys.learner(generation, item.event.data.learner_id) not in unknown:
                wanted.update(learner_growth.split_keys(workspace, generation, item.event))
            if accounts is not None and isinstance(item.event.data, LessonRequested):
                wanted.add(keys.catalogue(generation, partition, accounts.catalogue // CATALOGUE_PAGE))
    return workspace.unknown(wanted)
