"""Looks at a log and documents that never were, made by tests and by Hypothesis."""

from dataclasses import dataclass

from hypothesis import strategies as st

from projector.lag_judging import DocumentsSaid, LogSaid, Look
from read_models.control import ControlDocument, LogIdentityDocument
from read_models.documents import PartitionDocument
from sidecar.records import LogIdentity, PartitionBounds

NOW_MS = 1_900_000_000_000
LOG = LogIdentity("topic-1", 1)


@dataclass(frozen=True)
class Scene:
    """One partition at one moment, in the terms of the test: what is where, and since when.

    Attributes:
        at: seconds, of whatever clock.
        waited_ms: how long the first record not folded has been in the log; negative where the log's clock is ahead;
            `None` if there is none.
    """

    at: float = 0.0
    start: int = 0
    end: int = 10
    checkpoint: int = 9
    waited_ms: int | None = None
    log: LogIdentity = LOG
    folded_from: str = "topic-1"
    generation: int = 1
    log_down: bool = False
    documents_down: bool = False

    def look(self) -> Look:
        """What `measure` would have brought of it."""
        said = LogSaid(unreadable="down") if self.log_down else self._log()
        documents = DocumentsSaid(unreadable="down") if self.documents_down else self._documents()
        return Look(self.at, NOW_MS, said, documents)

    def _log(self) -> LogSaid:
        waiting: dict[int, int | None] = {}
        if self.checkpoint + 1 < self.end:
            waiting[0] = None if self.waited_ms is None else NOW_MS - self.waited_ms
        return LogSaid(identity=self.log, bounds={0: PartitionBounds(self.start, self.end)}, waiting=waiting)

    def _documents(self) -> DocumentsSaid:
        control = ControlDocument(
            self.generation, LogIdentityDocument(self.folded_from, 1), {str(self.generation): "1"}
        )
        accounts = PartitionDocument(partition=0, log_start=0, checkpoint=self.checkpoint)
        return DocumentsSaid(control=control, generation=self.generation, accounts={0: accounts})


@st.composite
def scenes(draw: st.DrawFn, *, at: float = 0.0) -> Scene:
    """Any moment of a partition, small numbers so that they meet."""
    start = draw(st.integers(0, 3))
    return Scene(
        at=at,
        start=start,
        end=start + draw(st.integers(0, 4)),
        checkpoint=draw(st.integers(-1, 7)),
        waited_ms=draw(st.none() | st.integers(-30_000, 60_000)),
        log=draw(st.sampled_from([LOG, LOG, LOG, LogIdentity("topic-2", 1)])),
        generation=draw(st.sampled_from([1, 1, 1, 2])),
        log_down=draw(st.sampled_from([False, False, False, True])),
        documents_down=draw(st.sampled_from([False, False, False, True])),
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Scene]:
    """Moments of one partition in turn, at most a minute apart."""
    at, found = 0.0, []
    for _ in range(draw(st.integers(1, 8))):
        at += draw(st.integers(1, 60)) / 2
        found.append(draw(scenes(at=at)))
    return found
