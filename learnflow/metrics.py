"""GET /metrics of the projector: how far it is behind, as Prometheus reads it (docs/lag.md).

Each scrape asks log and documents anew. The one thing remembered between scrapes is since when a partition that is
behind has stood still, which is what tells stuck from lagging.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from fastapi import Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder

from projector.lag import measure
from projector.lag_judging import LagReport, PartitionState, TroubleKind, Watcher
from read_models.documents import OUTCOMES
from sidecar.log_reader import LogReader
from sidecar.state_reader import StateReader

Labelled = Mapping[tuple[str, ...], float | None]


class LagMetrics:
    """Answers scrapes of one process; scrapes at the same time share one look.

    A scrape is bounded: documents and log have two seconds each, and what has not answered then is told as unreadable.
    """

    def __init__(self, log: LogReader, reader: StateReader) -> None:
        self._log = log
        self._reader = reader
        self._watcher = Watcher()
        self._looking: asyncio.Task[LagReport] | None = None

    async def report(self) -> LagReport:
        """What is so now, in the light of what earlier scrapes have seen."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="lag")
        # Who goes away before the answer must not take it from the others.
        return await asyncio.shield(self._looking)

    async def scrape(self, request: Request) -> Response:
        """The endpoint: the text format 0.0.4, or what else the request accepts."""
        content, media_type = exposition(await self.report(), request.headers.get("accept", ""))
        return Response(content, headers={"Content-Type": media_type, "Cache-Control": "no-store"})

    async def _look(self) -> LagReport:
        return self._watcher.judge(await measure(self._log, self._reader))


def metrics_endpoint(log: LogReader, reader: StateReader) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint that a service of the projector's serves at /metrics, with a memory of its own."""
    return LagMetrics(log, reader).scrape


def exposition(report: LagReport, accept: str = "") -> tuple[bytes, str]:
    """A report as text for Prometheus, and its media type.

    Args:
        report: to tell.
        accept: the header of that name; what it can't be understood by gets the text format 0.0.4.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(report))
    try:
        encode, media_type = choose_encoder(accept)
        return encode(registry), media_type
    except (TypeError, ValueError):  # the client does not look whether a version is made of numbers
        return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


class _Told:
    """One report as metrics; what is not known is left out, never told as 0."""

    def __init__(self, report: LagReport) -> None:
        self._report = report

    def collect(self) -> Iterable[Metric]:
        """All metrics, as a registry asks for them."""
        report = self._report
        parts = {(str(part.partition),): part for part in report.partitions}
        yield _gauge(
            "learnflow_log_readable",
            "Whether the log said all that it was asked, 1 or 0.",
            {(): not report.has(TroubleKind.LOG_UNREADABLE)},
        )
        yield _gauge(
            "learnflow_documents_readable",
            "Whether the documents of all partitions could be read, 1 or 0.",
            {(): not report.has(TroubleKind.DOCUMENTS_UNREADABLE)},
        )
        if not report.has(TroubleKind.DOCUMENTS_UNREADABLE) or report.active is not None:
            yield _gauge(
                "learnflow_active_generation", "The generation that serves; 0 for none.", {(): report.active or 0}
            )
            yield _gauge(
                "learnflow_building_generation",
                "The generation that a replay builds; 0 for none.",
                {(): report.building or 0},
            )
        yield _gauge(
            "learnflow_log_end_offset",
            "The next offset that the log gives.",
            {key: part.end for key, part in parts.items()},
            "partition",
        )
        yield _gauge(
            "learnflow_checkpoint_offset",
            "The last offset accounted for in the generation looked at; -1 before the first.",
            {key: None if part.accounts is None else part.accounts.checkpoint for key, part in parts.items()},
            "partition",
        )
        yield _gauge(
            "learnflow_lag_events",
            "Offsets of the log that are not accounted for yet.",
            {key: part.events for key, part in parts.items()},
            "partition",
        )
        yield _gauge(
            "learnflow_lag_seconds",
            "How long the first record not folded yet has been in the log; 0 if none waits.",
            {key: part.seconds for key, part in parts.items()},
            "partition",
        )
        yield _gauge(
            "learnflow_partition_state",
            "1 for the state that the partition is in, 0 for all others.",
            {(*key, state.value): part.state is state for key, part in parts.items() for state in PartitionState},
            "partition",
            "state",
        )
        yield _gauge(
            "learnflow_offsets",
            "Offsets accounted for, by what became of them.",
            {
                (*key, outcome): getattr(part.accounts, outcome)
                for key, part in parts.items()
                for outcome in OUTCOMES
                if part.accounts is not None
            },
            "partition",
            "outcome",
        )


def _gauge(name: str, meaning: str, values: Labelled, *labels: str) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for key, value in values.items():
        if value is not None:
            family.add_metric(list(key), float(value))
    return family
