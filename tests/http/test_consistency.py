"""`Consistency-Token` and `Prefer: wait=N`: an answer that includes what was written, or says that it does not."""

import asyncio
import json
import time
from base64 import urlsafe_b64encode

import pytest

from events.consistency import ConsistencyToken
from events.identity import fingerprint
from learnflow.sidecar import Sidecar
from query_api import consistency
from sidecar.embedded import EmbeddedSidecar
from tests.http.harness import WITHOUT_PROJECTOR, Api, check_problem, faulty_fields, serving

READS = ["/lessons", "/lessons?learner_id=ada", "/status", "/status?learner_id=ada"]


def wanting(token: str, prefer: str | None = None) -> dict[str, str]:
    return {"Consistency-Token": token} | ({} if prefer is None else {"Prefer": prefer})


@pytest.mark.parametrize("path", READS)
async def test_the_answer_includes_the_event(api: Api, path: str) -> None:
    for number in range(1, 6):
        token = (await api.lesson())["headers"]["Consistency-Token"]
        response = await api.client.get(path, headers=wanting(token, "wait=20"))

        assert response.headers["Consistency-Status"] == "included"
        assert response.headers["Preference-Applied"] == "wait=20"
        body = response.json()
        assert (len(body["lessons"]) if "next_cursor" in body else body["lessons_requested"]) == number


async def test_an_event_that_is_included_is_not_waited_for(api: Api) -> None:
    accepted = await api.lesson()
    await api.get("/status", after=accepted)
    began = time.monotonic()
    response = await api.client.get("/status", headers=wanting(accepted["headers"]["Consistency-Token"], "wait=30"))

    assert response.headers["Consistency-Status"] == "included"
    assert time.monotonic() - began < 5


async def test_without_prefer_nobody_waits_and_the_answer_says_what_it_is(api: Api) -> None:
    accepted = await api.lesson()
    response = await api.client.get("/status", headers=wanting(accepted["headers"]["Consistency-Token"]))

    assert response.headers["Consistency-Status"] in {"included", "pending"}
    assert "Preference-Applied" not in response.headers


async def test_what_is_not_folded_in_time_is_pending(ports: Sidecar) -> None:
    async with serving(ports) as api:
        await api.get("/status", after=await api.progress(completion=0.1))
    async with serving(ports, WITHOUT_PROJECTOR) as api:
        accepted = await api.progress(completion=0.9)
        began = time.monotonic()
        response = await api.client.get(
            "/status?learner_id=ada", headers=wanting(accepted["headers"]["Consistency-Token"], "wait=1")
        )
        took = time.monotonic() - began

    assert response.status_code == 200
    assert response.headers["Consistency-Status"] == "pending"
    assert response.headers["Preference-Applied"] == "wait=1"
    assert response.json()["events"] == 1
    assert 1 <= took < 10


async def test_whoever_waits_learns_of_the_event_as_soon_as_it_is_folded(ports: Sidecar) -> None:
    async with serving(ports) as api:
        await api.get("/status", after=await api.progress())
    async with serving(ports, WITHOUT_PROJECTOR) as api:
        accepted = await api.progress()
        waiting = asyncio.create_task(
            api.client.get("/status", headers=wanting(accepted["headers"]["Consistency-Token"], "wait=25"))
        )
        async with serving(ports):
            response = await waiting

    assert response.headers["Consistency-Status"] == "included"
    assert response.json()["events"] == 2


async def test_a_problem_says_it_as_well(ports: Sidecar) -> None:
    """A learner of whom nothing was folded yet is unknown, and the client learns why."""
    async with serving(ports):
        pass
    async with serving(ports, WITHOUT_PROJECTOR) as api:
        lesson = await api.lesson()
        for path in ("/status?learner_id=ada", lesson["headers"]["Location"]):
            response = await api.client.get(path, headers=wanting(lesson["headers"]["Consistency-Token"]))

            problem = check_problem(response, 404, "unknown-learner" if "status" in path else "unknown-lesson")
            assert problem["title"]
            assert response.headers["Consistency-Status"] == "pending"


async def test_an_event_that_can_not_be_folded_is_parked(api: Api, embedded: EmbeddedSidecar) -> None:
    """Another producer wrote it; the token is what a POST would have answered."""
    event = {
        "specversion": "1.0",
        "id": "from-the-future",
        "source": "/elsewhere",
        "type": "io.learnflow.ProgressUpdated.v99",
        "subject": "ada",
        "time": "2024-02-29T12:00:00Z",
        "data": {"learner_id": "ada"},
    }
    await embedded.log.append_to(1, "ada", json.dumps(event).encode())
    token = ConsistencyToken("ada", fingerprint("/elsewhere", "from-the-future")).encode()
    began = time.monotonic()
    response = await api.client.get("/lessons", headers=wanting(token, "wait=25"))

    assert response.status_code == 200
    assert response.headers["Consistency-Status"] == "parked"
    assert time.monotonic() - began < 20, "whoever waits is told at once"


@pytest.mark.parametrize("path", [*READS, "/lessons/loops"])
@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "===",
        "not a token",
        "x" * 501,
        "x" * 50_000,
        urlsafe_b64encode(b"2 ada AAAAAAAAAAA").decode(),
        urlsafe_b64encode(b"1 ada AAAA").decode(),
        urlsafe_b64encode(b"1 a/b AAAAAAAAAAA").decode(),
        urlsafe_b64encode(b"1 ada AAAAAAAAAAA 1").decode(),
        urlsafe_b64encode("1 zoë AAAAAAAAAAA".encode()).decode(),
        urlsafe_b64encode(b"1 " + b"a" * 129 + b" AAAAAAAAAAA").decode(),
    ],
    ids=lambda token: token[:10],
)
async def test_a_token_that_is_none_is_refused(api: Api, path: str, token: str) -> None:
    response = await api.client.get(path, headers=wanting(token, "wait=1"))

    assert faulty_fields(check_problem(response, 422, "invalid-request")) == {"Consistency-Token"}


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        (["wait=30"], "wait=30"),
        (["wait=31"], "wait=30"),
        (["wait=999999999"], "wait=30"),
        (["WAIT=7"], "wait=7"),
        (['wait="7"'], "wait=7"),
        (["wait = 7"], "wait=7"),
        (["respond-async, wait=7"], "wait=7"),
        (["wait=7; x=y"], "wait=7"),
        (["respond-async", "wait=7"], "wait=7"),
        (["wait=7, wait=9"], "wait=7"),
        (["wait=0"], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=soon"], None),
        (["wait"], None),
        (["waiting=7"], None),
        (["return=minimal"], None),
        ([""], None),
        (["x" * 50_000], None),
    ],
    ids=lambda part: str(part)[:30],
)
async def test_a_preference_is_honoured_as_far_as_it_is_understood(
    api: Api, prefer: list[str], applied: str | None
) -> None:
    """RFC 7240: several lines are one list, what is not understood is ignored; 30 seconds at most."""
    accepted = await api.lesson()
    await api.get("/status", after=accepted)
    headers = [("Consistency-Token", accepted["headers"]["Consistency-Token"]), *(("Prefer", line) for line in prefer)]
    response = await api.client.get("/status", headers=headers)

    assert response.status_code == 200
    assert response.headers["Consistency-Status"] == "included"
    assert response.headers.get("Preference-Applied") == applied


@pytest.mark.parametrize("path", READS)
async def test_without_a_token_there_is_nothing_to_wait_for(api: Api, path: str) -> None:
    await api.get("/status", after=await api.lesson())
    began = time.monotonic()
    response = await api.client.get(path, headers={"Prefer": "wait=30"})

    assert response.status_code == 200
    assert "Consistency-Status" not in response.headers
    assert "Preference-Applied" not in response.headers
    assert time.monotonic() - began < 10


async def test_where_too_many_wait_one_more_is_answered_at_once(
    ports: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consistency, "MOST_WAITING", 2)
    async with serving(ports) as api:
        await api.get("/status", after=await api.progress())
    async with serving(ports, WITHOUT_PROJECTOR) as api:
        headers = wanting((await api.progress())["headers"]["Consistency-Token"], "wait=25")
        waiting = [asyncio.create_task(api.client.get("/status", headers=headers)) for _ in range(3)]
        (refused,), patient = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert refused.result().status_code == 200
        assert refused.result().headers["Consistency-Status"] == "pending"
        assert "Preference-Applied" not in refused.result().headers
        async with serving(ports):
            answers = await asyncio.gather(*patient)
        assert [answer.headers["Consistency-Status"] for answer in answers] == ["included"] * 2
        assert [answer.headers["Preference-Applied"] for answer in answers] == ["wait=25"] * 2

        # Who is answered has left their place.
        headers = wanting((await api.progress())["headers"]["Consistency-Token"], "wait=1")
        response = await api.client.get("/status", headers=headers)
        assert response.headers["Consistency-Status"] == "pending"
        assert response.headers["Preference-Applied"] == "wait=1"
