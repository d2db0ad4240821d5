"""The programs of a next image, whose fold counts the time spent in whole seconds, and rounds down each report's.

    python -m tests.real.next_fold projector    # the service
    python -m tests.real.next_fold replay ...   # the `learnflow` command

The change is made when this module is imported, which the worker processes of a replay do too: whoever starts them by
`spawn` has them import its main module before anything else.
"""

import sys
from typing import Final

from events.contracts import ProgressUpdated
from events.envelope import RecordedEvent
from projector import fold, learner_fold
from read_models.documents import LessonEntry, Totals

VERSION: Final = str(int(fold.FOLD_VERSION) + 1)
MILLISECONDS: Final = 1000

_fold_progress = learner_fold._fold_progress


def _in_whole_seconds(entry: LessonEntry, event: RecordedEvent, data: ProgressUpdated, delta: Totals) -> None:
    spent = data.time_spent_ms // MILLISECONDS * MILLISECONDS
    _fold_progress(entry, event, data.model_copy(update={"time_spent_ms": spent}), delta)


def _change() -> None:
    late = [name for name, module in sys.modules.items() if "FOLD_VERSION" in vars(module) and module is not fold]
    assert not late, f"{late} know the fold version of before"
    vars(fold)["FOLD_VERSION"] = VERSION
    vars(learner_fold)["_fold_progress"] = _in_whole_seconds


_change()


def main() -> None:
    """Run what the arguments name."""
    from learnflow import entry, services, serving  # noqa: PLC0415 - only now, when the fold is the next one

    if sys.argv[1:] == ["projector"]:
        serving.main([services.Service.PROJECTOR])
    else:
        entry.run()


if __name__ == "__main__":
    main()
