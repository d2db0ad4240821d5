"""GET /metrics: what Prometheus is told, also while log or documents are away."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from learnflow.metrics import LagMetrics, exposition
from learnflow.services import Service
from learnflow.sidecar import Sidecar, ports_of
from projector.lag import measure
from projector.lag_judging import LagReport, TroubleKind, judge
from sidecar.errors import SidecarUnavailable
from tests.http.fakes import BrokenLog, BrokenReader
from tests.http.harness import WITHOUT_PROJECTOR, Api, open_sidecar, serving
from tests.lag.sources import ChangingState, FailingLog
from tests.projector.harness import REPORT, World
from tests.strategies import value_of

PARTITIONS = 4
STALE = ("learnflow_lag_events", "learnflow_lag_seconds")
PAGE = (Path(__file__).parents[2] / "docs" / "lag.md").read_text(encoding="utf-8")


@pytest.fixture
async def ports(tmp_path: Path) -> AsyncIterator[Sidecar]:
    embedded = open_sidecar(tmp_path / "data", partitions=PARTITIONS)
    yield ports_of(embedded)
    await embedded.close()


def samples_of(text: str) -> list[Sample]:
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def by_partition(samples: list[Sample], name: str) -> dict[str, float]:
    return {sample.labels["partition"]: sample.value for sample in samples if sample.name == name}


def value(samples: list[Sample], name: str, **labels: str) -> float | None:
    """The one sample of this name and these labels; `None` if there is none."""
    found = [sample.value for sample in samples if sample.name == name and sample.labels == labels]
    assert len(found) <= 1
    return found[0] if found else None


async def scrape(api: Api, accept: str = "") -> httpx2.Response:
    response = await api.client.get("/metrics", headers={"Accept": accept})
    assert response.status_code == 200, response.text
    return response


async def scraped(api: Api) -> list[Sample]:
    return samples_of((await scrape(api)).text)


async def test_all_that_was_posted_is_told_as_folded(ports: Sidecar) -> None:
    async with serving(ports) as api:
        for number in range(5):
            await api.progress(f"learner-{number}")
        await api.everything(5)
        samples = await scraped(api)
        ends = {str(number): bound.end for number, bound in (await api.bounds()).items()}
    assert by_partition(samples, "learnflow_log_end_offset") == ends
    assert by_partition(samples, "learnflow_checkpoint_offset") == {number: end - 1 for number, end in ends.items()}
    for name in ("learnflow_lag_events", "learnflow_lag_seconds"):
        assert by_partition(samples, name) == dict.fromkeys(ends, 0)
    for partition, end in ends.items():
        assert value(samples, "learnflow_partition_state", partition=partition, state="current") == 1
        assert value(samples, "learnflow_offsets", partition=partition, outcome="applied") == end
        assert value(samples, "learnflow_offsets", partition=partition, outcome="parked") == 0
    states = [sample for sample in samples if sample.name == "learnflow_partition_state"]
    documented = set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, flags=re.MULTILINE))
    assert {(sample.labels["partition"], sample.labels["state"]) for sample in states} == {
        (number, state) for number in ends for state in documented
    }
    assert sum(sample.value for sample in states) == PARTITIONS
    for name, expected in (
        ("learnflow_log_readable", 1),
        ("learnflow_documents_readable", 1),
        ("learnflow_active_generation", 1),
        ("learnflow_building_generation", 0),
    ):
        assert value(samples, name) == expected


async def test_the_page_names_what_there_is_and_nothing_else(ports: Sidecar) -> None:
    async with serving(ports) as api:
        told = {family.name for family in text_string_to_metric_families((await scrape(api)).text)}
    assert set(re.findall(r"learnflow_[a-z_]+", PAGE)) == told
    for kind in TroubleKind:
        assert f"`{kind.value}`" in PAGE


async def test_with_its_log_away_it_says_so_and_keeps_the_checkpoints(ports: Sidecar) -> None:
    async with serving(ports) as api:
        await api.progress()
        await api.everything(1)
    broken = replace(ports, log_reader=BrokenLog(ports.log_reader, SidecarUnavailable("log", "down")))
    async with serving(broken, [Service.PROJECTOR]) as api:
        samples = await scraped(api)
    assert value(samples, "learnflow_log_readable") == 0
    assert value(samples, "learnflow_documents_readable") == 1
    assert sum(by_partition(samples, "learnflow_checkpoint_offset").values()) == 1 - PARTITIONS
    assert not {sample.name for sample in samples} & {*STALE}


async def test_with_its_documents_away_it_says_so_and_keeps_the_ends(ports: Sidecar) -> None:
    async with serving(ports) as api:
        await api.progress()
        await api.everything(1)
    broken = replace(ports, state_reader=BrokenReader(SidecarUnavailable("state store", "down")))
    async with serving(broken, [Service.PROJECTOR]) as api:
        samples = await scraped(api)
    assert value(samples, "learnflow_log_readable") == 1
    assert value(samples, "learnflow_documents_readable") == 0
    assert sum(by_partition(samples, "learnflow_log_end_offset").values()) == 1
    names = {sample.name for sample in samples}
    assert not names & {*STALE, "learnflow_checkpoint_offset", "learnflow_offsets", "learnflow_active_generation"}


async def test_only_a_projector_has_it_and_no_description_names_it(ports: Sidecar) -> None:
    async with serving(ports, WITHOUT_PROJECTOR) as api:
        assert (await api.client.get("/metrics")).status_code == 404
    async with serving(ports) as api:
        description = (await api.client.get("/openapi.json")).json()
        assert (await api.client.head("/metrics")).status_code == 200
    assert "/healthz" in description["paths"]
    assert "/metrics" not in description["paths"]


@pytest.mark.parametrize(
    "accept", ["", "*/*", "text/html", "text/plain;version=0.0.4;q=0.5", "text/plain;version=cat", "application/json"]
)
async def test_the_text_format_for_whoever_asks_for_nothing_else(ports: Sidecar, accept: str) -> None:
    async with serving(ports) as api:
        response = await scrape(api, accept)
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert samples_of(response.text)


async def test_openmetrics_for_whoever_asks_for_it(ports: Sidecar) -> None:
    async with serving(ports) as api:
        response = await scrape(api, "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    families = parse_openmetrics(response.text)  # type: ignore[no-untyped-call]
    found = {sample.name for family in families for sample in family.samples}
    assert {"learnflow_lag_seconds", "learnflow_log_readable"} <= found


async def sick_world() -> tuple[FailingLog, ChangingState]:
    """Both partitions made and nothing folded, one value waiting in partition 1."""
    log, state = FailingLog(), ChangingState()
    world = World()
    world.log, world.state = log, state
    await world.new_engine().establish()
    log.append(1, value_of(REPORT), "ada")
    return log, state


async def test_scrapes_at_the_same_time_share_one_look() -> None:
    log, state = await sick_world()
    reads = 0

    def count() -> None:
        nonlocal reads
        reads += 1

    state.between = count
    metrics = LagMetrics(log, state)
    alone = await metrics.report()
    for_one, reads = reads, 0
    reports = await asyncio.gather(*(metrics.report() for _ in range(20)))
    assert reads == for_one
    assert {report.partitions for report in map(_known, reports)} == {_known(alone).partitions}


def _known(report: LagReport) -> LagReport:
    """Without what is not hashable, or moves with the clock."""
    return replace(report, partitions=tuple(replace(part, accounts=None, seconds=None) for part in report.partitions))


async def test_one_that_goes_away_does_not_take_the_answer_from_others() -> None:
    metrics = LagMetrics(*await sick_world())
    impatient, patient = asyncio.create_task(metrics.report()), asyncio.create_task(metrics.report())
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).events == 1


async def test_a_scrape_during_a_hang_ends_in_time() -> None:
    log, state = await sick_world()
    log.failing, log.hangs, state.hangs = "bounds", True, True
    async with asyncio.timeout(6):
        content, _ = exposition(await LagMetrics(log, state).report())
    samples = samples_of(content.decode())
    assert (value(samples, "learnflow_log_readable"), value(samples, "learnflow_documents_readable")) == (0, 0)
    assert len(samples) == 2


async def test_a_checkpoint_beyond_the_log_has_no_lag_value() -> None:
    log, state = await sick_world()
    world = World()
    world.log, world.state = log, state
    await world.new_engine().handle(log.records(1))
    log.contents[1].clear()
    samples = samples_of(exposition(judge(None, await measure(log, state)))[0].decode())
    assert value(samples, "learnflow_partition_state", partition="1", state="beyond-log") == 1
    assert by_partition(samples, "learnflow_lag_events").keys() == {"0"}
