"""A lesson is fitted to what its learner knows, and under one key there is one lesson."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from events.contracts import AuthoredPart, LessonAuthored, LessonRequested
from events.envelope import EventMetadata, decode, encode
from learnflow.sidecar import Sidecar
from sidecar.errors import SidecarUnavailable
from sidecar.invocation import InvocationResponse
from sidecar.records import NewRecord
from tests.http.fakes import AnsweringInvoker, BrokenInvoker, BrokenReader, HangingInvoker, HangingReader
from tests.http.harness import WAIT_SECONDS, WITHOUT_PROJECTOR, Api, Json, serving
from tests.strategies import TRACE

KEY = {"Idempotency-Key": "one"}
WISH: Json = {"learner_id": "ada", "topic": "Python for loops", "duration_minutes": 40}


async def recorded_lessons(api: Api) -> list[LessonRequested]:
    """Every lesson in the log, in the order of partitions and offsets."""
    found = []
    for partition, bounds in (await api.bounds()).items():
        records = await api.ports.log_reader.read(
            partition, bounds.start, bounds.end, max_records=1000, max_bytes=10_000_000
        )
        events = [decode(record.value).data for record in records.records]
        found += [data for data in events if isinstance(data, LessonRequested)]
    return found


async def test_who_is_not_known_gets_a_lesson_for_somebody_new(api: Api) -> None:
    lesson = (await api.accepted("/generate-lesson", WISH))["lesson"]

    assert lesson["standing"] == "new"
    assert lesson["concepts"]
    assert all(concept.startswith("python/") for concept in lesson["concepts"])
    assert lesson["packs"] == [f"python@{lesson['packs'][0].partition('@')[2]}"]
    assert sum(element["minutes"] for element in lesson["elements"]) == WISH["duration_minutes"]


async def test_what_went_badly_is_taken_up_and_the_lesson_says_why(api: Api) -> None:
    first = (await api.accepted("/generate-lesson", WISH))["lesson"]
    last = await api.progress(lesson_id=first["lesson_id"], completion=1, score=0.4)
    await api.get("/status", after=last, learner_id="ada")

    lesson = (await api.accepted("/generate-lesson", WISH))["lesson"]

    assert lesson["standing"] == "known"
    assert any("40 %" in (element["why"] or "") for element in lesson["elements"])


async def test_where_the_standing_cant_be_had_the_lesson_is_made_without_and_says_so(ports: Sidecar) -> None:
    async with serving(replace(ports, invoker=BrokenInvoker())) as api:
        lesson = (await api.accepted("/generate-lesson", WISH))["lesson"]

    assert lesson["standing"] == "unavailable"
    opening = lesson["elements"][0]
    assert opening["kind"] == "objectives"
    assert lesson["concepts"]


async def test_a_repeat_is_answered_with_the_lesson_that_was_recorded(api: Api) -> None:
    first = await api.accepted("/generate-lesson", WISH, KEY)
    await api.progress(lesson_id=first["lesson"]["lesson_id"], completion=1, score=0.1)
    last = await api.progress(lesson_id=first["lesson"]["lesson_id"], completion=1, score=0.2)
    await api.get("/status", after=last, learner_id="ada")

    second = await api.accepted("/generate-lesson", WISH, KEY)
    other = await api.accepted("/generate-lesson", WISH)

    assert second["lesson"] == first["lesson"]
    assert other["lesson"]["elements"] != first["lesson"]["elements"]
    one = await api.get(first["headers"]["Location"], after=other)
    assert [element["content"] for element in one["elements"]] == [
        element["content"] for element in first["lesson"]["elements"]
    ]


async def test_a_repeat_is_answered_as_composed_also_where_a_model_has_written_since(api: Api) -> None:
    first = await api.accepted("/generate-lesson", WISH, KEY)
    lesson = first["lesson"]
    data = LessonAuthored(
        learner_id="ada",
        lesson_id=lesson["lesson_id"],
        author="a model",
        parts=tuple(AuthoredPart(element=place, content="Said anew.") for place in range(len(lesson["elements"]))),
    )
    metadata = EventMetadata("authored-1", "/tests", datetime.now(UTC), TRACE, "authored-1")
    await api.ports.appender.append([NewRecord("ada", encode(metadata, data))], timeout_seconds=10)
    last = await api.progress()
    read = await api.get(first["headers"]["Location"], after=last)
    repeated = await api.accepted("/generate-lesson", WISH, KEY)

    assert repeated["lesson"] == lesson
    # A model never takes the place of what is asked and answered, whatever an event says.
    for composed, shown in zip(lesson["elements"], read["elements"], strict=True):
        written = composed["kind"] in {"objectives", "explanation", "example", "reflection"}
        assert shown["content"] == ("Said anew." if written else composed["content"])
        assert shown["author"] == ("a model" if written else None)


async def test_many_at_once_under_one_key_see_one_lesson(api: Api) -> None:
    answers = await asyncio.gather(*(api.accepted("/generate-lesson", WISH, KEY) for _ in range(20)))

    lessons = [answer["lesson"] for answer in answers]
    assert lessons[0] is not None
    assert all(lesson == lessons[0] for lesson in lessons)


async def test_what_is_answered_is_what_is_in_the_log(api: Api) -> None:
    answer = await api.accepted("/generate-lesson", WISH)

    (data,) = await recorded_lessons(api)
    assert data.model_dump(mode="json") == {
        name: value for name, value in answer["lesson"].items() if name != "requested_at"
    }


async def test_while_nothing_is_projected_a_keyed_request_is_answered_without_a_lesson(ports: Sidecar) -> None:
    async with serving(ports) as api:  # so that there are documents
        await api.progress()
    async with serving(ports, WITHOUT_PROJECTOR, repeat_seconds=0.2) as api:
        began = time.monotonic()
        keyed = await api.accepted("/generate-lesson", WISH, KEY)
        took = time.monotonic() - began
        free = await api.accepted("/generate-lesson", WISH)
    assert keyed["lesson"] is None
    assert took < WAIT_SECONDS
    assert free["lesson"] is not None

    async with serving(ports) as api:
        lesson = await api.get(keyed["headers"]["Location"], after=keyed)
        repeated = await api.accepted("/generate-lesson", WISH, KEY)
    assert repeated["lesson"]["lesson_id"] == lesson["lesson_id"]


@pytest.mark.parametrize(
    ("status", "body", "standing"),
    [
        (404, b'{"type": "urn:learnflow:problem:unknown-learner"}', "new"),
        # Another program answers, such as one of before: it says nothing of the learner.
        (404, b'{"type": "about:blank", "title": "Not Found"}', "unavailable"),
        (404, b"not found", "unavailable"),
        (503, b"{}", "unavailable"),
        (200, b"{}", "unavailable"),
        (200, b'{"mastery": [], "pace": null, "as_of": {"time": null}}', "new"),
    ],
)
async def test_only_who_is_said_to_be_unknown_is_new(ports: Sidecar, status: int, body: bytes, standing: str) -> None:
    async with serving(replace(ports, invoker=AnsweringInvoker(InvocationResponse(status, {}, body)))) as api:
        assert (await api.accepted("/generate-lesson", WISH))["lesson"]["standing"] == standing


async def test_documents_and_services_that_hang_hold_a_request_up_together_and_not_for_long(ports: Sidecar) -> None:
    hanging = replace(ports, state_reader=HangingReader(), invoker=HangingInvoker())
    async with serving(hanging, WITHOUT_PROJECTOR, standing_seconds=0.3, repeat_seconds=WAIT_SECONDS) as api:
        async with asyncio.timeout(WAIT_SECONDS):
            keyed = await api.accepted("/generate-lesson", WISH, KEY)
        assert keyed["lesson"] is None
        assert await api.recorded() == 1


async def test_documents_that_cant_be_read_keep_nothing_from_being_recorded(ports: Sidecar) -> None:
    async with serving(
        replace(ports, state_reader=BrokenReader(SidecarUnavailable("state store", "it is away"))), WITHOUT_PROJECTOR
    ) as api:
        keyed = await api.accepted("/generate-lesson", WISH, KEY)
        assert keyed["lesson"] is None
        assert await api.recorded() == 1


@pytest.mark.parametrize("topic", ["French Revolution", "Rust lifetimes"])
async def test_what_no_pack_knows_gets_an_outline_that_says_so(api: Api, topic: str) -> None:
    lesson = (await api.lesson(topic=topic))["lesson"]

    assert (lesson["concepts"], lesson["packs"], lesson["suggestions"]) == ([], [], [])
    assert lesson["composer"].startswith("outline/")


async def test_a_near_miss_is_offered_by_name(api: Api) -> None:
    lesson = (await api.lesson(topic="Python decoraters"))["lesson"]

    assert lesson["composer"].startswith("outline/")
    assert "Decorators" in lesson["suggestions"]
    assert "Decorators" in lesson["elements"][0]["content"]
