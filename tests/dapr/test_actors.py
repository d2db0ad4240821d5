"""Agents hosted as Dapr's actors: who is heard, in which turn, and under which id."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from deploy.stack.ports import free_port
from sidecar.agents import HostedAgent, Memory
from sidecar.dapr.actors import DaprActors, actor_id_of, agent_id_of
from sidecar.dapr.config import DaprConfig
from sidecar.errors import SidecarUnavailable
from tests.deadlines import until

ADDRESS = "/actors/TestAgent/ada/method/greet"


@asynccontextmanager
async def hosting(turn: Any, token: str = "") -> AsyncIterator[httpx2.AsyncClient]:
    """What a sidecar has of an app that hosts a kind of agent."""
    actors = DaprActors(DaprConfig(app_token=token, http_endpoint="http://127.0.0.1:9"))
    await actors.host({"TestAgent": HostedAgent("greet", turn)})
    app = FastAPI()

    @app.get("/healthz")
    async def healthz() -> Mapping[str, str]:
        return {"status": "ours"}

    app.router.routes.extend(actors.routes)
    try:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://app") as client:
            yield client
    finally:
        await actors.close()


async def greet(agent_id: str, body: bytes, _: Memory) -> bytes:
    return f"{agent_id}: ".encode() + body


async def test_what_is_said_arrives_as_it_is() -> None:
    async with hosting(greet) as sidecar:
        for body in (b'"2026-01-01"', b'{"a": "1h"}', b"\x00\xff"):
            answer = await sidecar.put(ADDRESS, content=body)
            assert (answer.status_code, answer.content) == (200, b"ada: " + body)


async def test_an_agent_is_called_by_its_own_id() -> None:
    async with hosting(greet) as sidecar:
        answer = await sidecar.put(f"/actors/TestAgent/{actor_id_of('a+b@c:d~e.f')}/method/greet", content=b"")
        assert answer.content == b"a+b@c:d~e.f: "


async def test_the_sidecar_learns_the_kinds_and_health_stays_ours() -> None:
    async with hosting(greet) as sidecar:
        assert "TestAgent" in (await sidecar.get("/dapr/config")).json()["entities"]
        assert (await sidecar.get("/healthz")).json() == {"status": "ours"}
        paths = (await sidecar.get("/openapi.json")).json()["paths"]
        assert not [path for path in paths if path.startswith(("/actors", "/dapr"))]


@pytest.mark.parametrize(("shown", "heard"), [(None, False), ("wrong", False), ("wröng", False), ("s3cret", True)])
async def test_where_a_token_is_set_only_the_sidecar_is_heard(shown: str | None, heard: bool) -> None:
    headers = [] if shown is None else [(b"dapr-api-token", shown.encode("latin-1"))]
    async with hosting(greet, token="s3cret") as sidecar:  # noqa: S106 - a test's
        for method, path in (("GET", "/dapr/config"), ("PUT", ADDRESS), ("DELETE", "/actors/TestAgent/ada")):
            status = (await sidecar.request(method, path, headers=headers)).status_code
            assert (status == 200) == heard
            assert heard or status == 401


async def test_another_app_that_invokes_the_route_is_not_heard() -> None:
    async with hosting(greet) as sidecar:
        invoked = {"dapr-caller-app-id": "other", "dapr-callee-app-id": "course-agent"}
        assert (await sidecar.put(ADDRESS, headers=invoked)).status_code == 401
        # What the sidecar sends with a call of an actor.
        assert (await sidecar.put(ADDRESS, headers={"dapr-caller-app-id": "course-agent"})).status_code == 200


async def test_what_is_not_there_is_a_failure() -> None:
    async with hosting(greet) as sidecar:
        for path in ("/actors/Nobody/ada/method/greet", "/actors/TestAgent/ada/method/nothing"):
            assert (await sidecar.put(path)).status_code == 500
        assert (await sidecar.put("/actors/TestAgent")).status_code == 404


async def test_a_failing_turn_says_so_and_the_next_is_taken() -> None:
    turns: list[bytes] = []

    async def fail_once(_: str, body: bytes, __: Memory) -> bytes:
        turns.append(body)
        if len(turns) == 1:
            raise ValueError("a fault")
        return b"well"

    async with hosting(fail_once) as sidecar:
        assert (await sidecar.put(ADDRESS)).status_code == 500
        assert (await sidecar.put(ADDRESS)).content == b"well"


async def test_turns_of_one_agent_never_overlap_and_others_go_on() -> None:
    now: dict[str, int] = {}
    release = asyncio.Event()
    begun: list[str] = []

    async def turn(agent_id: str, _: bytes, __: Memory) -> bytes:
        begun.append(agent_id)
        now[agent_id] = now.get(agent_id, 0) + 1
        assert now[agent_id] == 1
        await release.wait()
        now[agent_id] -= 1
        return b""

    async def both_began() -> bool:
        return len(begun) >= 2

    async with hosting(turn) as sidecar:
        asked = [
            asyncio.create_task(sidecar.put(f"/actors/TestAgent/{who}/method/greet"))
            for who in ("ada", "bob", "ada", "ada", "bob")
        ]
        await until(both_began)
        await asyncio.sleep(0.1)  # in which a third would begin
        assert sorted(begun) == ["ada", "bob"]
        release.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}
        assert sorted(begun) == ["ada", "ada", "ada", "bob", "bob"]


@pytest.mark.parametrize("listens", [False, True], ids=["absent", "silent"])
async def test_an_ask_ends_in_time_whoever_is_away(listens: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1] if listens else free_port()
        actors = DaprActors(DaprConfig(http_endpoint=f"http://127.0.0.1:{port}"))
        began = time.monotonic()
        with pytest.raises(SidecarUnavailable):
            await actors.ask("TestAgent", "ada", "greet", b"", timeout_seconds=0.3)
        assert time.monotonic() - began < 10
        await actors.close()


@given(st.text(max_size=60), st.text(max_size=60))
def test_ids_are_told_apart_and_come_back(one: str, other: str) -> None:
    assert agent_id_of(actor_id_of(one)) == one
    assert (actor_id_of(one) == actor_id_of(other)) == (one == other)
    assert httpx2.URL(f"http://a/{actor_id_of(one)}").path == f"/{actor_id_of(one)}"
    assert json.dumps(actor_id_of(one)).isascii()
