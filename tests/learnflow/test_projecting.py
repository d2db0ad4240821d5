"""A projector beside its deliveries: beginning, watching, telling what is wrong."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from learnflow.projecting import Projection
from learnflow.sidecar import ports_of
from projector.engine import Engine
from read_models import codec, keys
from read_models.documents import LearnerDocument
from sidecar.delivery import Verdict
from sidecar.embedded import EmbeddedSidecar
from sidecar.errors import SidecarUnavailable
from sidecar.records import Delete
from tests.deadlines import until
from tests.strategies import START, Report, value_of

REPORTS = [Report(f"e-{number}", "ada", START, "l1", 500_000, None, 1000, ()) for number in range(20)]


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[EmbeddedSidecar]:
    opened = EmbeddedSidecar.open(tmp_path, partitions=2)
    yield opened
    await opened.close()


def projection_of(sidecar: EmbeddedSidecar) -> Projection:
    engine = Engine(log=sidecar.log_reader, reader=sidecar.state, writer=sidecar.state)
    return Projection(engine, ports_of(sidecar), watch_seconds=0.02)


async def counted(sidecar: EmbeddedSidecar) -> int:
    key = keys.learner(1, "ada")
    stored = await sidecar.state.read([key])
    return codec.decode(stored[key].value, LearnerDocument).totals.events if key in stored else 0


async def test_documents_thrown_away_while_it_serves_are_folded_again_without_a_new_event(
    sidecar: EmbeddedSidecar,
) -> None:
    async def all_counted() -> bool:
        return await counted(sidecar) == len(REPORTS)

    projection = projection_of(sidecar)
    async with projection.running():
        for report in REPORTS:
            await sidecar.log.append_to(1, "ada", value_of(report))
        await until(all_counted)
        everything = [keys.CONTROL, keys.partition(1, 0), keys.partition(1, 1), keys.learner(1, "ada")]
        stored = await sidecar.state.read(everything)
        await sidecar.state.transact([Delete(key, document.etag) for key, document in stored.items()])
        assert await counted(sidecar) == 0
        await until(all_counted)

        async def healthy() -> bool:
            return await projection.trouble() is None

        await until(healthy)


async def test_a_delivery_that_does_not_start_is_shown_and_tried_again(
    sidecar: EmbeddedSidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = 0
    start = sidecar.delivery.start

    async def reluctant(handler: object) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise SidecarUnavailable("log", "not yet")
        await start(handler)  # type: ignore[arg-type]

    monkeypatch.setattr("learnflow.projecting.PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(sidecar.delivery, "start", reluctant)
    projection = projection_of(sidecar)
    async with projection.running():
        assert await projection.trouble() == "log unavailable: not yet"
        await sidecar.log.append_to(0, "ada", value_of(REPORTS[0]))

        async def one_counted() -> bool:
            return await counted(sidecar) == 1

        await until(one_counted)
        assert await projection.trouble() is None


async def test_it_ends_at_once_while_it_still_waits(sidecar: EmbeddedSidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: object) -> None:
        raise ConnectionError("not yet")

    monkeypatch.setattr(sidecar.delivery, "start", never)
    async with asyncio.timeout(5):
        async with projection_of(sidecar).running():
            pass


async def test_a_delivery_that_brings_nothing_is_told_and_made_up_for(
    sidecar: EmbeddedSidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deaf(_: object) -> None:
        """Begin, and never bring anything."""

    monkeypatch.setattr(sidecar.delivery, "start", deaf)
    projection = projection_of(sidecar)
    accepted = 0

    async def told() -> bool:
        nonlocal accepted
        await sidecar.log.append_to(1, "ada", value_of(Report(f"e-{accepted}", "ada", START, "l1", 1, None, 1, ())))
        accepted += 1
        return "delivery brings nothing of partitions 1" in str(await projection.trouble())

    async def all_counted() -> bool:
        return await counted(sidecar) == accepted

    async def healthy() -> bool:
        return await projection.trouble() is None

    async with projection.running():
        await until(told)
        await until(all_counted)
        await until(healthy)


async def test_settings_that_turn_bad_while_it_folds_are_told_and_it_goes_on(
    sidecar: EmbeddedSidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def found() -> tuple[str, ...]:
        return ("topic x has retention.ms=1, and must have -1",)

    async def told() -> bool:
        return "retention.ms=1" in str(await projection.trouble())

    async def one_counted() -> bool:
        return await counted(sidecar) == 1

    projection = projection_of(sidecar)
    async with projection.running():
        assert await projection.trouble() is None
        monkeypatch.setattr(sidecar.log_reader, "faults", found)
        await until(told)
        await sidecar.log.append_to(0, "ada", value_of(REPORTS[0]))
        await until(one_counted)


async def test_what_another_projector_has_folded_is_no_trouble_any_more(
    sidecar: EmbeddedSidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def idle(_: object) -> None:
        """Begin, and leave the partition to others."""

    monkeypatch.setattr(sidecar.delivery, "start", idle)
    engine = Engine(log=sidecar.log_reader, reader=sidecar.state, writer=sidecar.state)
    projection = Projection(engine, ports_of(sidecar), watch_seconds=0.02)
    other = Engine(log=sidecar.log_reader, reader=sidecar.state, writer=sidecar.state)

    async def healthy() -> bool:
        return await projection.trouble() is None

    async with projection.running():
        await until(healthy)
        await sidecar.log.append_to(1, "ada", value_of(REPORTS[0]))
        with monkeypatch.context() as outage:
            outage.setattr(sidecar.state, "transact", _refuse)
            part = await sidecar.log_reader.read(1, 0, 1, max_records=1, max_bytes=1_000_000)
            assert await engine.handle(part.records) is Verdict.RETRY
        assert "not now" in str(engine.trouble)
        await other.establish()
        assert await other.handle(part.records) is Verdict.SETTLED
        await until(healthy)
        assert engine.trouble is None


async def _refuse(_: object) -> None:
    raise SidecarUnavailable("state store", "not now")


async def test_what_is_wrong_with_one_partition_leaves_no_other_behind(
    sidecar: EmbeddedSidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def idle(_: object) -> None:
        """Begin, and never bring anything."""

    monkeypatch.setattr(sidecar.delivery, "start", idle)
    engine = Engine(log=sidecar.log_reader, reader=sidecar.state, writer=sidecar.state)
    catch_up = engine.catch_up

    async def all_but_the_first(partition: int) -> None:
        if partition == 0:
            raise SidecarUnavailable("log", "partition 0 is away")
        await catch_up(partition)

    async def one_counted() -> bool:
        return await counted(sidecar) == 1

    async def told() -> bool:
        return "partition 0 is away" in str(await projection.trouble())

    monkeypatch.setattr(engine, "catch_up", all_but_the_first)
    projection = Projection(engine, ports_of(sidecar), watch_seconds=0.02)
    await sidecar.log.append_to(0, "bob", value_of(Report("e-b", "bob", START, "l1", 1, None, 1, ())))
    await sidecar.log.append_to(1, "ada", value_of(REPORTS[0]))
    async with projection.running():
        await until(one_counted)
        await until(told)
