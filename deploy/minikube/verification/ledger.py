"""What clients sent, what was accepted, and how every request ended."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from deploy.minikube.verification.cluster import COURSE_AGENT, USER_PROGRESS

GENERATE: Final = "/generate-lesson"
UPDATE: Final = "/update-progress"
_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class Command:
    """Something a client wants to be recorded, once.

    Attributes:
        body: that is sent.
        key: the Idempotency-Key under which it is repeated.
    """

    path: str
    learner: str
    body: Mapping[str, Any]
    key: str

    @property
    def service(self) -> str:
        """That takes it."""
        return COURSE_AGENT if self.path == GENERATE else USER_PROGRESS


@dataclass(frozen=True, slots=True)
class Accepted:
    """A command that was answered 202.

    Attributes:
        lesson: that it is about; of a lesson asked for, the one that was made.
        token: by which a GET includes it.
        sent: how often it was sent until then.
    """

    command: Command
    event_id: str
    lesson: str
    token: str
    sent: int


class Ending(StrEnum):
    """How a request ended."""

    FINE = "fine"
    UNAVAILABLE = "503"
    NO_ANSWER = "no answer"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and how it ended.

    Attributes:
        said: the answer in a few words.
        began: when it was sent, ended: when it was answered or given up, both by `time.monotonic`.
    """

    service: str
    method: str
    ending: Ending
    said: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, by `time.monotonic`."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.ended - self.began

    def of(self, exchanges: Iterable[Exchange]) -> list[Exchange]:
        """Those that overlap with it: a request sent before may well fail within."""
        return [one for one in exchanges if one.began <= self.ended and one.ended >= self.began]


def chosen(exchanges: Iterable[Exchange], *, service: str | None = None, method: str | None = None) -> list[Exchange]:
    """Those of a service, of a method, or both."""
    return [one for one in exchanges if service in (None, one.service) and method in (None, one.method)]


def not_fine(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """Those that did not end as they would on a good day."""
    return [one for one in exchanges if one.ending is not Ending.FINE]


def counted(exchanges: Sequence[Exchange]) -> str:
    """What was said how often, the most frequent first, in a line."""
    counts = Counter(one.said for one in exchanges)
    return ", ".join(f"{number} x {said}" for said, number in counts.most_common()) or "none"


def latencies(exchanges: Sequence[Exchange]) -> str:
    """Median, 99th percentile and slowest, of those that ended well, in milliseconds."""
    took = sorted((one.ended - one.began) * 1000 for one in exchanges if one.ending is Ending.FINE)
    if not took:
        return "none ended well"
    return f"median {took[len(took) // 2]:.0f} ms, p99 {_percentile(took, 99):.0f} ms, slowest {took[-1]:.0f} ms"


def _percentile(took: Sequence[float], percent: int) -> float:
    return took[min(len(took) - 1, len(took) * percent // _PERCENT)]
