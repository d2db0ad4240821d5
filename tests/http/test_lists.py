"""`GET /lessons` page by page: every lesson once, newest first, whatever is appended meanwhile.

What is newest is told by the log itself: by (log time, partition, offset), latest first.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from learnflow.sidecar import Sidecar, ports_of
from query_api.cursor import Cursor
from query_api.lessons import MAX_CURSOR
from read_models import codec, keys
from read_models.control import ControlDocument
from read_models.documents import PartitionDocument
from sidecar.embedded import EmbeddedSidecar
from sidecar.errors import MessageTooLarge
from sidecar.records import Put
from tests.http.harness import (
    WITHOUT_PROJECTOR,
    Api,
    Json,
    check_problem,
    faulty_fields,
    open_sidecar,
    serving,
)

LEARNERS = [f"learner-{number}" for number in range(5)]
TOPICS = ["Sets", "Maps and  Filters", "Straße"]
LEVELS = ["beginner", "advanced"]
LISTED = ("lesson_id", "learner_id", "topic", "title", "level", "duration_minutes")


async def newest_first(ports: Sidecar) -> list[Json]:
    """The data of every request for a lesson that the log holds, in the order of the list."""
    found = []
    for partition, bound in (await ports.log_reader.bounds()).items():
        records = await ports.log_reader.read(partition, 0, bound.end, max_records=10_000, max_bytes=100_000_000)
        for record in records.records:
            event = json.loads(record.value)
            if "LessonRequested" in event["type"]:
                found.append((record.appended_at_ms, partition, record.offset, event["data"]))
    return [data for *_, data in sorted(found, key=lambda one: one[:3], reverse=True)]


async def ask_for(api: Api, count: int) -> None:
    """Lessons of all learners, topics and levels, some of which share an append and so their log time."""
    for start in range(0, count, 7):
        await asyncio.gather(
            *(
                api.lesson(LEARNERS[number % 5], topic=TOPICS[number % 3], level=LEVELS[number % 2])
                for number in range(start, min(start + 7, count))
            )
        )


async def next_page(api: Api, page: Json | None, **query: Any) -> Json:
    """The first page, or the one after `page`."""
    if page is not None:
        query = {**query, "cursor": page["next_cursor"]}
    answer = await api.get("/lessons", **query)
    assert answer.keys() == {"lessons", "next_cursor", "as_of"}
    return answer


async def all_pages(api: Api, **query: Any) -> list[Json]:
    """All pages of a list."""
    pages = [await next_page(api, None, **query)]
    while pages[-1]["next_cursor"] is not None:
        pages.append(await next_page(api, pages[-1], **query))
        assert len(pages) < 500, "the list has no end"
    return pages


def lessons_of(pages: list[Json]) -> list[Json]:
    return [lesson for page in pages for lesson in page["lessons"]]


def ids(lessons: list[Json]) -> list[str]:
    return [lesson["lesson_id"] for lesson in lessons]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def library(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """A service with lessons of several learners in several partitions."""
    embedded = open_sidecar(tmp_path_factory.mktemp("library") / "data")
    async with serving(ports_of(embedded)) as api:
        await ask_for(api, 61)
        await api.everything(events=61)
        yield api
    await embedded.close()


@pytest.mark.asyncio(loop_scope="module")
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    limit=st.sampled_from([1, 2, 3, 7, 20, 60, 61, 62, 100]),
    learner_id=st.sampled_from([None, *LEARNERS, "nobody"]),
    topic=st.sampled_from([None, *TOPICS, "maps AND filters", " sets ", "STRASSE", "Trees"]),
    level=st.sampled_from([None, *LEVELS, "intermediate"]),
)
async def test_all_pages_together_are_all_lessons_newest_first(
    library: Api, limit: int, learner_id: str | None, topic: str | None, level: str | None
) -> None:
    given_filters = {"learner_id": learner_id, "topic": topic, "level": level}
    query = {name: value for name, value in given_filters.items() if value is not None}
    expected = [
        lesson
        for lesson in await newest_first(library.ports)
        if learner_id in {None, lesson["learner_id"]}
        and level in {None, lesson["level"]}
        # Case and extra space in a topic make no difference.
        and (topic is None or lesson["topic"].casefold().split() == topic.casefold().split())
    ]

    pages = await all_pages(library, limit=limit, **query)

    assert ids(lessons_of(pages)) == ids(expected)
    assert all(len(page["lessons"]) <= limit for page in pages)
    for listed, lesson in zip(lessons_of(pages), expected, strict=True):
        assert {name: listed[name] for name in LISTED} == {name: lesson[name] for name in LISTED}
        assert listed.keys() == {*LISTED, "requested_at"}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_page_has_twenty_lessons_unless_told_otherwise(library: Api) -> None:
    assert len((await library.get("/lessons"))["lessons"]) == 20


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("made_for", "used_for"),
    [
        ({}, {"learner_id": "learner-1"}),
        ({"learner_id": "learner-1"}, {}),
        ({"learner_id": "learner-1"}, {"learner_id": "learner-2"}),
        ({"topic": "Sets"}, {"topic": "Straße"}),
        ({"level": "beginner"}, {"level": "advanced"}),
        ({"topic": "beginner"}, {"level": "beginner"}),
    ],
)
async def test_a_cursor_belongs_to_its_filters(library: Api, made_for: Json, used_for: Json) -> None:
    # A list that ends with its first page has no cursor; a topic of no lesson makes one all the same by hand.
    cursor = (await library.get("/lessons", limit=1, **made_for))["next_cursor"]
    if cursor is None:
        cursor = Cursor(1, {0: 1}).encode(("other",))
    response = await library.client.get("/lessons", params={**used_for, "cursor": cursor})

    assert faulty_fields(check_problem(response, 422, "invalid-request")) == {"cursor"}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_cursor_can_be_used_again_and_with_another_limit(library: Api) -> None:
    first = await library.get("/lessons", limit=5)
    again = [await library.get("/lessons", limit=limit, cursor=first["next_cursor"]) for limit in (5, 5, 9)]

    expected = ids(await newest_first(library.ports))
    assert ids(again[0]["lessons"]) == ids(again[1]["lessons"]) == expected[5:10]
    assert ids(again[2]["lessons"]) == expected[5:14]


@pytest.mark.parametrize("query", [{}, {"learner_id": "learner-1"}, {"level": "beginner"}])
async def test_what_arrives_between_pages_moves_nothing(api: Api, query: Json) -> None:
    await ask_for(api, 24)
    count = (await api.everything(events=24))["events"]
    before = ids(lessons_of(await all_pages(api, **query)))

    page = await next_page(api, None, limit=2, **query)
    listed = ids(page["lessons"])
    while page["next_cursor"] is not None:
        # Of learners known and new, so into partitions that had lessons and into some that had none.
        await asyncio.gather(api.lesson("learner-1"), api.lesson(f"new-{count}"))
        count += 2
        await api.everything(events=count)
        page = await next_page(api, page, limit=2, **query)
        listed += ids(page["lessons"])

    assert listed == before
    assert len(lessons_of(await all_pages(api, **query))) > len(before)


async def test_a_cursor_of_a_generation_that_no_longer_serves_is_gone(ports: Sidecar) -> None:
    async with serving(ports) as api:
        await ask_for(api, 10)
        await api.everything(events=10)
    async with serving(ports, WITHOUT_PROJECTOR) as api:
        cursors = [
            (query, (await next_page(api, None, limit=1, **query))["next_cursor"])
            for query in (dict[str, str](), {"learner_id": "learner-1"}, {"level": "beginner"})
        ]
        await switch_to_generation_2(ports)

        for query, cursor in cursors:
            response = await api.client.get("/lessons", params={**query, "cursor": cursor})
            check_problem(response, 410, "stale-cursor")
        assert (await api.get("/lessons"))["lessons"] == []


async def switch_to_generation_2(ports: Sidecar) -> None:
    """Have a generation serve that was folded from nothing yet, as a replay would at its end."""
    control = (await ports.state_reader.read([keys.CONTROL]))[keys.CONTROL]
    document = codec.decode(control.value, ControlDocument)
    switched = ControlDocument(active=2, log=document.log, folds={**document.folds, "2": document.folds["1"]})
    partitions = [
        Put(keys.partition(2, number), codec.encode(PartitionDocument(number, log_start=0, checkpoint=-1)), None)
        for number in range(document.log.partitions)
    ]
    await ports.state_writer.transact([Put(keys.CONTROL, codec.encode(switched), control.etag), *partitions])


@pytest.mark.parametrize("partitions", [1, 50])
async def test_a_list_comes_to_its_end_over_any_number_of_partitions(tmp_path: Path, partitions: int) -> None:
    embedded = open_sidecar(tmp_path / "data", partitions=partitions)
    async with serving(ports_of(embedded)) as api:
        await asyncio.gather(*(api.lesson(f"learner-{number}") for number in range(60)))
        await api.everything(events=60)

        assert ids(lessons_of(await all_pages(api, limit=9))) == ids(await newest_first(api.ports))
    await embedded.close()


async def test_a_list_is_read_in_as_many_messages_as_it_takes(tmp_path: Path) -> None:
    """The last pages of all partitions are more than one message carries."""
    folder = tmp_path / "data"
    embedded = open_sidecar(folder, partitions=8)
    async with serving(ports_of(embedded)) as api:
        await asyncio.gather(*(api.lesson(f"learner-{number}", topic="🎓" * 100) for number in range(64)))
        await api.everything(events=64)
        expected = ids(await newest_first(api.ports))
    await embedded.close()
    embedded = EmbeddedSidecar.open(folder, max_message_bytes=20_000)
    async with serving(ports_of(embedded), WITHOUT_PROJECTOR) as api:
        pages = [keys.catalogue(1, number, 0) for number in range(8)]
        with pytest.raises(MessageTooLarge):
            await embedded.state.read(pages)
        assert ids(lessons_of(await all_pages(api, limit=9))) == expected
    await embedded.close()
    embedded = EmbeddedSidecar.open(folder, max_message_bytes=3_000)
    async with serving(ports_of(embedded), WITHOUT_PROJECTOR) as api:
        check_problem(await api.client.get("/lessons"), 503, "not-ready")
    await embedded.close()


def test_a_cursor_of_the_largest_log_is_taken_back() -> None:
    cursor = Cursor(999, dict.fromkeys(range(1024), 10**9)).encode(("any",))

    assert len(cursor) <= MAX_CURSOR
    assert Cursor.decode(cursor, ("any",)) == Cursor(999, dict.fromkeys(range(1024), 10**9))


async def test_a_learner_of_very_many_lessons_and_events(api: Api) -> None:
    """More than one document holds: 130 lessons and 520 reports, in no particular order."""
    lessons = [(await api.lesson(topic=f"Topic {number}"))["lesson"]["lesson_id"] for number in range(130)]
    reports = [(lesson_id, number) for lesson_id in lessons for number in range(4)]
    for start in range(0, len(reports), 65):
        await asyncio.gather(
            *(
                api.progress(
                    lesson_id=lesson_id,
                    completion=[0.25, 1, 0.5, 0.75][number],
                    score=number / 4,
                    time_spent_seconds=10,
                    occurred_at=f"2024-03-0{number + 1}T12:00:00Z",
                )
                for lesson_id, number in reports[start : start + 65]
            )
        )
    repeated = await api.accepted(
        "/update-progress", {"learner_id": "ada", "lesson_id": "extra", "completion": 0}, {"Idempotency-Key": "k"}
    )
    assert (
        repeated["event_id"]
        == (
            await api.accepted(
                "/update-progress",
                {"learner_id": "ada", "lesson_id": "extra", "completion": 0},
                {"Idempotency-Key": "k"},
            )
        )["event_id"]
    )
    last = await api.lesson("ada", topic="The last one")

    status = await api.get("/status", after=last, learner_id="ada")
    assert status["events"] == 130 + 520 + 1 + 1
    assert status["lessons_requested"] == 131
    assert status["lessons_known"] == 132
    assert status["lessons_started"] == 131
    assert status["lessons_completed"] == 130
    assert status["completion_rate"] == pytest.approx(130 / 132)
    assert status["average_score"] == pytest.approx(0.75)
    assert status["time_spent_seconds"] == 5200
    assert len(status["lessons"]) == 100
    assert status["lessons"][0]["lesson_id"] == last["lesson"]["lesson_id"]
    platform = await api.everything(events=652)
    assert platform["lessons_completed"] == 130

    pages = await all_pages(api, learner_id="ada", limit=30)
    assert ids(lessons_of(pages)) == ids(await newest_first(api.ports))
    for lesson_id in (lessons[0], lessons[64], lessons[-1]):
        progress = (await api.get(f"/lessons/{lesson_id}"))["progress"]
        assert progress["reports"] == 4
        assert progress["completion"] == 0.75
        assert progress["score"] == 0.75
        assert progress["completed_at"] == "2024-03-02T12:00:00Z"
        assert progress["time_spent_seconds"] == 40
    assert (await api.get(f"/lessons/{last['lesson']['lesson_id']}"))["progress"] is None


async def test_pages_before_and_after_a_learners_documents_are_split_fit_together(api: Api) -> None:
    """The learner outgrows one document in the middle of a list."""
    for start in range(0, 90, 30):
        await asyncio.gather(*(api.lesson(topic=f"Topic {start + number}") for number in range(30)))
    await api.everything(events=90)
    before = ids(await newest_first(api.ports))
    first = await next_page(api, None, learner_id="ada", limit=40)
    await asyncio.gather(*(api.lesson(topic=f"More {number}") for number in range(30)))
    await api.everything(events=120)
    second = await next_page(api, first, learner_id="ada", limit=40)
    third = await next_page(api, second, learner_id="ada", limit=40)

    assert ids(lessons_of([first, second, third])) == before
