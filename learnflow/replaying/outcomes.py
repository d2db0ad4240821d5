"""What a replay came to."""

from collections.abc import Sequence
from dataclasses import dataclass

from learnflow.replaying.options import ReplayPlan
from projector.errors import ProjectorError
from projector.verification.audit import Fault
from projector.verification.findings import Comparison


class Unsound(ProjectorError):
    """The accounts of the generation that was built do not add up, which they always must.

    Attributes:
        faults: what is wrong.
    """

    def __init__(self, generation: int, faults: Sequence[Fault]) -> None:
        super().__init__(
            f"the accounts of generation {generation} are not sound, it does not take over:"
            f" {'; '.join(fault.detail for fault in faults)}"
        )
        self.faults = tuple(faults)


class DifferencesFound(ProjectorError):
    """The generation that was built differs from the one that serves in what was not to be accepted. It is kept.

    Attributes:
        generation: that was built.
        comparison: with the one that serves.
    """

    def __init__(self, generation: int, comparison: Comparison, given: Sequence[str]) -> None:
        options = " ".join([*(f"--accept-differences '{pattern}'" for pattern in given), comparison.accepting])
        super().__init__(
            f"{comparison.rejected:,} of {comparison.documents:,} documents differ: generation {generation} does not"
            f" take over, and is kept. If that is as it should be: `learnflow replay --resume {options}`;"
            f" if not: `learnflow generations prune {generation}`"
        )
        self.generation = generation
        self.comparison = comparison


@dataclass(frozen=True, slots=True)
class FinishedBefore:
    """There was nothing to do: the replay of this name has come to its end already.

    Attributes:
        job: its name.
        active: the generation that serves now.
    """

    job: str
    active: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a replay came to.

    Attributes:
        plan: what was to be done.
        accounts: over all partitions of the generation built: applied, duplicate, parked, missing.
        seconds: that building took.
        switched: whether it serves now.
        comparison: with the generation that served; `None` where none was asked for.
    """

    plan: ReplayPlan
    accounts: dict[str, int]
    seconds: float
    switched: bool
    comparison: Comparison | None
