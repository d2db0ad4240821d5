"""Which teaching material is installed."""

import os
from functools import lru_cache
from pathlib import Path

from curriculum.material import Curriculum
from curriculum.reading import BUNDLED, read_curriculum


@lru_cache(maxsize=8)
def installed(folders: str) -> Curriculum:
    """The packs that come with LearnFlow, and those in further folders.

    Read once: packs that change while a service runs are read when it is started again.

    Args:
        folders: with packs, separated as `PATH` is; may be empty.

    Raises:
        PackFaults: a pack can't be used; it names every fault.
    """
    further = [Path(folder) for folder in folders.split(os.pathsep) if folder]
    return read_curriculum([BUNDLED, *further])
