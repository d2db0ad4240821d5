"""A request repeated under one key is one event; any other request is another event."""

import asyncio
import json
import uuid

import pytest

from tests.http.harness import JSON, Api, Json

LESSON: tuple[str, Json] = ("/generate-lesson", {"learner_id": "ada", "topic": "Fractions", "duration_minutes": 30})
PROGRESS: tuple[str, Json] = (
    "/update-progress",
    {
        "learner_id": "ada",
        "lesson_id": "loops",
        "completion": 1,
        "score": 0.5,
        "time_spent_seconds": 60,
        "achievements": ["done"],
        "occurred_at": "2024-02-29T12:00:00Z",
    },
)
BOTH = [pytest.param(*LESSON, id="generate-lesson"), pytest.param(*PROGRESS, id="update-progress")]
KEY = {"Idempotency-Key": "key-1"}


async def counted(api: Api, learner_id: str = "ada") -> Json:
    """The learner's status, with one report more, which shows that all before it have been folded."""
    last = await api.progress(learner_id, "last", completion=0)
    return await api.get("/status", after=last, learner_id=learner_id)


@pytest.mark.parametrize(("path", "command"), BOTH)
async def test_a_repeat_is_the_same_event_and_counts_once(api: Api, path: str, command: Json) -> None:
    first = await api.accepted(path, command, KEY)
    second = await api.accepted(path, command, KEY)

    assert uuid.UUID(first["event_id"]).version == 5
    for header in ("Location", "Consistency-Token"):
        assert first["headers"][header] == second["headers"][header]
    assert first["event_id"] == second["event_id"]
    if "lesson" in first:
        varying = {"requested_at"}
        assert {name: value for name, value in first["lesson"].items() if name not in varying} == {
            name: value for name, value in second["lesson"].items() if name not in varying
        }
    status = await counted(api)
    assert status["events"] == 2
    assert status["time_spent_seconds"] == command.get("time_spent_seconds", 0)
    assert (
        len((await api.get("/lessons"))["lessons"]) == status["lessons_requested"] == (1 if "topic" in command else 0)
    )


@pytest.mark.parametrize(("path", "command"), BOTH)
async def test_twenty_at_once_are_one(api: Api, path: str, command: Json) -> None:
    answers = await asyncio.gather(*(api.accepted(path, command, KEY) for _ in range(20)))

    assert len({answer["event_id"] for answer in answers}) == 1
    assert len({answer["headers"]["Location"] for answer in answers}) == 1
    assert (await counted(api))["events"] == 2


@pytest.mark.parametrize(("path", "command"), BOTH)
async def test_without_a_key_every_request_is_an_event(api: Api, path: str, command: Json) -> None:
    answers = [await api.accepted(path, command) for _ in range(3)]

    ids = [answer["event_id"] for answer in answers]
    assert len(set(ids)) == 3
    assert {uuid.UUID(event_id).version for event_id in ids} == {7}
    assert (await counted(api))["events"] == 4


@pytest.mark.parametrize(
    ("path", "command", "written"),
    [
        (*LESSON, json.dumps(LESSON[1], indent=3)),
        (*LESSON, json.dumps({**LESSON[1], "duration_minutes": 30.0})),
        (*LESSON, json.dumps(dict(reversed(LESSON[1].items())))),
        (*LESSON, json.dumps({**LESSON[1], "level": "beginner", "objectives": []})),
        (*LESSON, '{"learner_id": "\\u0061da", "topic": "  Fractions ", "duration_minutes": 30}'),
        (*PROGRESS, json.dumps(PROGRESS[1]).replace('"completion": 1,', '"completion": 1.0,').replace("0.5", "5e-1")),
        (*PROGRESS, json.dumps({**PROGRESS[1], "occurred_at": "2024-02-29T14:00:00.000+02:00"})),
    ],
)
async def test_how_the_body_is_written_does_not_matter(api: Api, path: str, command: Json, written: str) -> None:
    first = await api.accepted(path, command, KEY)
    response = await api.client.post(path, content=written, headers={**JSON, **KEY})

    assert response.status_code == 202, response.text
    assert response.json()["event_id"] == first["event_id"]


@pytest.mark.parametrize(
    ("path", "command", "change"),
    [
        (*LESSON, {"topic": "Sets"}),
        (*LESSON, {"learner_id": "ben"}),
        (*LESSON, {"level": "advanced"}),
        (*LESSON, {"duration_minutes": 31}),
        (*LESSON, {"objectives": ["Add fractions"]}),
        (*PROGRESS, {"lesson_id": "sets"}),
        (*PROGRESS, {"learner_id": "ben"}),
        (*PROGRESS, {"completion": 0.5}),
        (*PROGRESS, {"score": None}),
        (*PROGRESS, {"time_spent_seconds": 61}),
        (*PROGRESS, {"achievements": []}),
        (*PROGRESS, {"occurred_at": "2024-02-29T12:00:01Z"}),
        (*PROGRESS, {"occurred_at": None}),
    ],
)
async def test_a_key_used_for_something_else_hides_nothing(api: Api, path: str, command: Json, change: Json) -> None:
    first = await api.accepted(path, command, KEY)
    second = await api.accepted(path, {**command, **change}, KEY)

    assert first["event_id"] != second["event_id"]
    await api.everything(events=2)


async def test_a_key_used_at_both_endpoints_is_two_events(api: Api) -> None:
    first = await api.accepted(*LESSON, KEY)
    second = await api.accepted(*PROGRESS, KEY)

    assert first["event_id"] != second["event_id"]
    await api.everything(events=2)


@pytest.mark.parametrize("key", ["!", "~" * 255, '"quoted"', "a,b", "\\", "0190a8f0-0000-7000-8000-000000000000"])
async def test_any_visible_key_is_one(api: Api, key: str) -> None:
    first = await api.accepted(*LESSON, {"Idempotency-Key": key})
    second = await api.accepted(*LESSON, {"Idempotency-Key": key})
    other = await api.accepted(*LESSON, {"Idempotency-Key": "x"})

    assert first["event_id"] == second["event_id"] != other["event_id"]
