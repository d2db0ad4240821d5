"""What a service says it waits for."""

from dataclasses import replace

import pytest

from learnflow.services import Service
from learnflow.sidecar import Sidecar
from read_models import keys
from sidecar.errors import SidecarUnavailable
from tests.http.fakes import BrokenLog, BrokenReader
from tests.http.harness import WITHOUT_PROJECTOR, serving


async def test_without_its_state_store_a_service_is_alive_and_not_ready(ports: Sidecar) -> None:
    async with serving(
        replace(ports, state_reader=BrokenReader(SidecarUnavailable("state store", "down"))), WITHOUT_PROJECTOR
    ) as api:
        assert (await api.client.get("/healthz")).status_code == 200
        response = await api.client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["ready"] is False
    assert response.json()["waiting_for"].keys() == {"state store"}
    assert "down" in response.json()["waiting_for"]["state store"]


async def test_without_its_log_a_projector_is_alive_and_not_ready(ports: Sidecar) -> None:
    broken = replace(ports, log_reader=BrokenLog(ports.log_reader, SidecarUnavailable("log", "down")))
    async with serving(broken, [Service.PROJECTOR]) as api:
        assert (await api.client.get("/healthz")).status_code == 200
        response = await api.client.get("/readyz")

    assert response.status_code == 503
    waiting_for = response.json()["waiting_for"]
    assert waiting_for.keys() == {"log", "projector", "state store"}
    assert "down" in waiting_for["log"]
    assert "down" in waiting_for["projector"]


@pytest.mark.parametrize("service", [Service.COURSE_AGENT, Service.USER_PROGRESS])
async def test_a_service_that_appends_does_not_look_at_the_log(ports: Sidecar, service: Service) -> None:
    async with serving(ports):
        pass  # the projector makes the first generation
    broken = replace(ports, log_reader=BrokenLog(ports.log_reader, SidecarUnavailable("log", "down")))
    async with serving(broken, [service]) as api:
        assert (await api.client.get("/readyz")).status_code == 200


@pytest.mark.parametrize("service", [Service.COURSE_AGENT, Service.USER_PROGRESS, Service.PROJECTOR])
async def test_what_is_amiss_with_the_sidecar_itself_is_named(ports: Sidecar, service: Service) -> None:
    async def away() -> str:
        return "nothing answers"

    async with serving(replace(ports, checks={"sidecar": away}), [service]) as api:
        response = await api.client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["waiting_for"]["sidecar"] == "nothing answers"


@pytest.mark.parametrize("faults", [(), ("topic x has retention.ms=1, and must have -1",)])
async def test_a_projector_folds_no_log_that_would_lose_what_it_holds(
    ports: Sidecar, faults: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def found() -> tuple[str, ...]:
        return faults

    monkeypatch.setattr(ports.log_reader, "faults", found)
    async with serving(ports) as api:
        response = await api.client.get("/readyz")
        assert response.status_code == (503 if faults else 200)
        if faults:
            assert faults[0] in response.json()["waiting_for"]["projector"]
            assert keys.CONTROL not in await ports.state_reader.read([keys.CONTROL])


async def test_before_the_first_projection_a_service_is_not_ready(ports: Sidecar) -> None:
    async with serving(ports, WITHOUT_PROJECTOR) as api:
        response = await api.client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["waiting_for"].keys() == {"state store"}


async def test_a_part_that_is_excluded_is_not_looked_at(ports: Sidecar) -> None:
    down = BrokenReader(SidecarUnavailable("state store", "down"))
    async with serving(replace(ports, state_reader=down), WITHOUT_PROJECTOR) as api:
        response = await api.client.get("/readyz", params={"exclude": "state store"})

    assert (response.status_code, response.json()) == (200, {"ready": True, "waiting_for": {}})


async def test_what_else_is_amiss_counts_all_the_same(ports: Sidecar) -> None:
    async def away() -> str:
        return "nothing answers"

    async with serving(replace(ports, checks={"sidecar": away}), WITHOUT_PROJECTOR) as api:
        response = await api.client.get("/readyz", params={"exclude": ["state store", "process"]})

    assert response.status_code == 503
    assert response.json()["waiting_for"] == {"sidecar": "nothing answers"}


async def test_a_part_that_does_not_exist_can_not_be_excluded(ports: Sidecar) -> None:
    async with serving(ports) as api:
        response = await api.client.get("/readyz", params={"exclude": ["state store", "state-store"]})

    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "exclude"
    assert "state store" in response.json()["errors"][0]["detail"]
