"""What HTTP answers when log or state store fail, and what it promises with it."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import msgspec
import pytest

from learnflow.sidecar import Sidecar
from read_models import codec, keys
from read_models.control import ControlDocument
from read_models.documents import LearnerDocument, LessonDocument
from sidecar.append import EventAppender
from sidecar.embedded import EmbeddedSidecar
from sidecar.errors import (
    AppendRefused,
    AppendUnconfirmed,
    MessageTooLarge,
    SidecarUnavailable,
    StorageDamaged,
)
from sidecar.records import Put
from sidecar.state_reader import StateReader
from tests.http.fakes import BrokenAppender, BrokenLog, BrokenReader, CallingReader, GarbledReader, HeldAppender
from tests.http.harness import WITHOUT_PROJECTOR, Api, Json, check_problem, serving

DEADLINE = 0.1
COMMANDS = [
    pytest.param("/generate-lesson", {"learner_id": "ada", "topic": "Fractions"}, id="generate-lesson"),
    pytest.param("/update-progress", {"learner_id": "ada", "lesson_id": "loops", "completion": 1}, id="progress"),
]
READS = ["/lessons", "/lessons?learner_id=ada", "/lessons/loops", "/status", "/status?learner_id=ada"]


@asynccontextmanager
async def appending_through(ports: Sidecar, appender: EventAppender, **settings: float) -> AsyncIterator[Api]:
    """The two services with POSTs, over this appender."""
    options = {"publish_deadline_seconds": DEADLINE, **settings}
    async with serving(replace(ports, appender=appender), WITHOUT_PROJECTOR, **options) as api:
        yield api


def check_retry_after(response: httpx2.Response) -> None:
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(("path", "command"), COMMANDS)
async def test_a_log_that_refuses_has_recorded_nothing(ports: Sidecar, path: str, command: Json) -> None:
    broken = BrokenAppender(ports.appender, AppendRefused("no space left on the device"))
    async with appending_through(ports, broken) as api:
        response = await api.client.post(path, json=command)

        problem = check_problem(response, 503, "not-recorded")
        check_retry_after(response)
        assert "idempotency_key" not in problem
        assert await api.recorded() == 0


@pytest.mark.parametrize("lands", [False, True], ids=["lost", "landed"])
@pytest.mark.parametrize("key", [None, "my-key", "retry.me"])
@pytest.mark.parametrize(("path", "command"), COMMANDS)
async def test_what_was_not_confirmed_can_be_repeated_and_counts_once(
    ports: Sidecar, path: str, command: Json, key: str | None, lands: bool
) -> None:
    """The answer can't say whether the log has it; the key in it makes a repeat safe in both cases."""
    broken = BrokenAppender(ports.appender, AppendUnconfirmed("the connection broke"), lands=lands)
    async with appending_through(ports, broken) as api:
        headers = {} if key is None else {"Idempotency-Key": key}
        response = await api.client.post(path, json=command, headers=headers)

        problem = check_problem(response, 503, "not-confirmed")
        check_retry_after(response)
        repeat_under = problem["idempotency_key"]
        assert response.headers["Idempotency-Key"] == repeat_under
        assert key in {None, repeat_under}
        assert (await api.recorded() > 0) is lands

    async with serving(ports) as api:
        first = await api.accepted(path, command, {"Idempotency-Key": repeat_under})
        second = await api.accepted(path, command, {"Idempotency-Key": repeat_under})
        assert first["event_id"] == second["event_id"]
        # One more event of the same learner: where it is counted, all before it have been folded.
        last = await api.progress(lesson_id="later")
        status = await api.get("/status", after=last, learner_id="ada")
        assert status["events"] == 2
        assert status["lessons_known"] == 2


async def test_the_key_of_an_unconfirmed_event_names_that_very_event(ports: Sidecar) -> None:
    """The first attempt had landed: the answer to the repeat is the lesson that the log has had since then."""
    command = {"learner_id": "ada", "topic": "Fractions"}
    broken = BrokenAppender(ports.appender, AppendUnconfirmed("the connection broke"), lands=True)
    async with appending_through(ports, broken) as api:
        response = await api.client.post("/generate-lesson", json=command)
    key = check_problem(response, 503, "not-confirmed")["idempotency_key"]

    async with serving(ports) as api:
        await api.everything(events=1)
        (landed,) = (await api.get("/lessons", learner_id="ada"))["lessons"]
        repeated = await api.accepted("/generate-lesson", command, {"Idempotency-Key": key})
        assert repeated["lesson"]["lesson_id"] == landed["lesson_id"]
        other = await api.accepted("/generate-lesson", {**command, "topic": "Sets"}, {"Idempotency-Key": key})
        assert other["event_id"] != repeated["event_id"]


async def test_a_moment_of_trouble_is_not_noticed(ports: Sidecar) -> None:
    """A failed append is sent again until the deadline."""
    broken = BrokenAppender(ports.appender, AppendUnconfirmed("the connection broke"))
    async with appending_through(ports, broken, publish_deadline_seconds=20) as api:
        posting = asyncio.create_task(api.progress())
        await broken.failed.wait()
        broken.failure = None
        await posting
        assert await api.recorded() == 1


@pytest.mark.parametrize("patient", [False, True], ids=["in-time", "never"])
@pytest.mark.parametrize(("path", "command"), COMMANDS)
async def test_a_log_that_does_not_answer_is_not_confirmed_by_the_deadline(
    ports: Sidecar, path: str, command: Json, patient: bool
) -> None:
    async with appending_through(ports, HeldAppender(ports.appender, patient=patient)) as api:
        async with asyncio.timeout(DEADLINE + 2):
            response = await api.client.post(path, json=command)

        check_problem(response, 503, "not-confirmed")
        check_retry_after(response)
        assert await api.recorded() == 0


async def test_whose_turn_did_not_come_is_told_that_nothing_was_recorded(ports: Sidecar) -> None:
    held = HeldAppender(ports.appender, patient=True)
    async with appending_through(ports, held) as api:
        first = asyncio.create_task(api.client.post("/update-progress", json=progress_of("ada")))
        await held.entered.wait()
        second = await api.client.post("/update-progress", json=progress_of("ben"))

        check_problem(second, 503, "not-recorded")
        check_problem(await first, 503, "not-confirmed")


def progress_of(learner_id: str) -> Json:
    return {"learner_id": learner_id, "lesson_id": "loops", "completion": 0.5}


async def test_one_more_than_may_wait_is_refused_and_those_who_wait_are_not(ports: Sidecar) -> None:
    held = HeldAppender(ports.appender)
    async with appending_through(ports, held, publish_deadline_seconds=20, publish_waiting=3) as api:
        under_way = asyncio.create_task(api.progress("ada"))
        await held.entered.wait()
        waiting = [asyncio.create_task(api.progress(f"ben-{number}")) for number in range(3)]
        # Nothing on their way leaves this loop: some turns of it, and they are in the queue.
        for _ in range(500):
            await asyncio.sleep(0)
        response = await api.client.post("/update-progress", json=progress_of("cyd"))

        check_problem(response, 503, "too-busy")
        check_retry_after(response)
        held.release()
        await asyncio.gather(under_way, *waiting)
        assert await api.recorded() == 4


async def test_what_the_log_can_not_take_is_too_large(ports: Sidecar) -> None:
    async with appending_through(ports, BrokenAppender(ports.appender, MessageTooLarge("5 MiB"))) as api:
        check_problem(await api.client.post("/update-progress", json=progress_of("ada")), 413, "request-too-large")


async def test_a_fault_of_ours_is_a_problem_that_tells_nothing_of_the_inside(ports: Sidecar) -> None:
    async with appending_through(ports, BrokenAppender(ports.appender, RuntimeError("password=x"))) as api:
        response = await api.client.post("/update-progress", json=progress_of("ada"))

        check_problem(response, 500, "internal-error")
        assert "password" not in response.text


async def test_a_service_that_stops_answers_who_still_waits(ports: Sidecar) -> None:
    held = HeldAppender(ports.appender)
    async with appending_through(ports, held, publish_deadline_seconds=20) as api:
        posting = asyncio.create_task(api.client.post("/update-progress", json=progress_of("ada")))
        await held.entered.wait()
        asyncio.get_running_loop().call_later(0.02, held.release)
    assert (await posting).status_code == 202


@asynccontextmanager
async def reading_through(ports: Sidecar, reader: StateReader) -> AsyncIterator[Api]:
    """The two services with GETs, over this state store."""
    async with serving(replace(ports, state_reader=reader), WITHOUT_PROJECTOR) as api:
        yield api


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    "reader",
    [
        BrokenReader(SidecarUnavailable("state store", "connection refused")),
        BrokenReader(MessageTooLarge("more than 4 MiB")),
        BrokenReader(StorageDamaged("checksum")),
        GarbledReader(),
    ],
    ids=["unavailable", "too-large", "damaged", "garbled"],
)
async def test_a_state_store_that_fails_means_not_now(ports: Sidecar, path: str, reader: StateReader) -> None:
    async with reading_through(ports, reader) as api:
        response = await api.client.get(path)

        check_problem(response, 503, "not-ready")
        check_retry_after(response)


@pytest.mark.parametrize("path", READS)
async def test_before_the_first_projection_there_is_no_answer(ports: Sidecar, path: str) -> None:
    async with serving(ports, WITHOUT_PROJECTOR) as api:
        response = await api.client.get(path)

        check_problem(response, 503, "not-ready")
        check_retry_after(response)


@pytest.mark.parametrize("path", READS)
async def test_a_fault_behind_a_get_is_a_problem(ports: Sidecar, path: str) -> None:
    async with reading_through(ports, BrokenReader(RuntimeError("password=x"))) as api:
        response = await api.client.get(path)

        check_problem(response, 500, "internal-error")
        assert "password" not in response.text


async def test_posts_go_on_without_the_state_store(ports: Sidecar) -> None:
    async with reading_through(ports, BrokenReader(SidecarUnavailable("state store", "down"))) as api:
        await api.lesson()
        await api.progress()


async def test_a_service_that_can_work_is_ready(api: Api) -> None:
    assert await api.get("/healthz") == {"status": "alive"}
    assert await api.get("/readyz") == {"ready": True, "waiting_for": {}}


async def test_a_projector_whose_log_comes_back_goes_on_by_itself(
    ports: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("learnflow.projecting.PAUSE_SECONDS", 0.01)
    log = BrokenLog(ports.log_reader, SidecarUnavailable("log", "down"))
    async with serving(replace(ports, log_reader=log)) as api:
        await api.progress()
        assert (await api.client.get("/readyz")).status_code == 503
        log.failure = None
        await api.everything(events=1)
        assert (await api.client.get("/readyz")).status_code == 200


async def switch_generation(ports: Sidecar) -> None:
    """Have another generation serve: as the last, with one more + in the title and one more report."""
    stored = (await ports.state_reader.read([keys.CONTROL]))[keys.CONTROL]
    control = codec.decode(stored.value, ControlDocument)
    old, new = control.active, control.active + 1
    stored_lesson = (await ports.state_reader.read([keys.lesson(old, "loops")]))[keys.lesson(old, "loops")]
    lesson = codec.decode(stored_lesson.value, LessonDocument)
    lesson = msgspec.structs.replace(lesson, title=lesson.title + "+")
    stored_learner = (await ports.state_reader.read([keys.learner(old, "ada")]))[keys.learner(old, "ada")]
    learner = codec.decode(stored_learner.value, LearnerDocument)
    learner.lessons["loops"].reports += 1
    puts = [
        Put(keys.lesson(new, "loops"), codec.encode(lesson), None),
        Put(keys.learner(new, "ada"), codec.encode(learner), None),
    ]
    control = ControlDocument(active=new, log=control.log, folds={**control.folds, str(new): control.folds[str(old)]})
    await ports.state_writer.transact([Put(keys.CONTROL, codec.encode(control), stored.etag), *puts])


@pytest.mark.parametrize("switches", [1, 2, 100])
async def test_a_lesson_and_its_progress_are_of_one_generation(ports: Sidecar, switches: int) -> None:
    """Another generation takes over between the two reads, however often."""
    async with serving(ports) as api:
        await api.get("/status", after=await api.progress("ada", "loops"), learner_id="ada")
    lesson = LessonDocument("loops", "ada", "Loops", "Loops", "beginner", 30, [], [], "test", 0)
    await ports.state_writer.transact([Put(keys.lesson(1, "loops"), codec.encode(lesson), None)])
    switched = 0

    async def switch(wanted: Collection[str]) -> None:
        nonlocal switched
        # The second read of an answer, by whoever knows the generation that still serves.
        if switched < switches and keys.learner(switched + 1, "ada") in wanted:
            await switch_generation(ports)
            switched += 1

    async with reading_through(ports, CallingReader(ports.state_reader, switch)) as api:
        response = await api.client.get("/lessons/loops")

    if switches == 100:
        assert "keeps changing" in check_problem(response, 503, "not-ready")["detail"]
        check_retry_after(response)
        return
    assert response.status_code == 200, response.text
    # Both tell how many generations there have been.
    assert response.json()["title"] == "Loops" + "+" * switches
    assert response.json()["progress"]["reports"] == 1 + switches


@pytest.mark.parametrize("path", [*READS, "/readyz"])
async def test_damage_is_told_without_the_place_of_the_file(
    ports: Sidecar, embedded: EmbeddedSidecar, tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    async with serving(ports) as api:
        await api.get("/status", after=await api.progress("ada", "loops"))
    await embedded._writer.submit(lambda connection: connection.execute("UPDATE document SET value = '{}'"))
    async with serving(ports, WITHOUT_PROJECTOR) as api:
        response = await api.client.get(path)

    assert response.status_code == 503
    assert tmp_path.name not in response.text
    assert tmp_path.name in caplog.text


async def test_a_database_that_fails_is_told_without_the_place_of_the_file(
    ports: Sidecar, embedded: EmbeddedSidecar, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(ports, WITHOUT_PROJECTOR) as api:
        for table in ("document", "log"):
            await embedded._writer.submit(lambda connection, name=table: connection.execute(f"DROP TABLE {name}"))  # type: ignore[misc]
        responses = [
            await api.client.get("/status"),
            await api.client.get("/readyz"),
            await api.client.post("/update-progress", json=progress_of("ada")),
        ]

    assert [response.status_code for response in responses] == [503] * 3
    assert all("the database failed" in response.text for response in responses[:2])
    assert not any(tmp_path.name in response.text for response in responses)
    assert tmp_path.name in caplog.text
