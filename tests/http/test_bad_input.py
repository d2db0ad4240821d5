"""What a POST refuses: with a problem that names the field, and without a trace in the log."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
import pytest_asyncio

from learnflow.sidecar import ports_of
from tests.http.bad_values import BAD_LINES, BOTH, LESSON, MIB, PROGRESS, body_with, matrix
from tests.http.harness import JSON, Api, Json, check_problem, faulty_fields, open_sidecar, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """One service for all of them: what is refused leaves nothing behind."""
    embedded = open_sidecar(tmp_path_factory.mktemp("service") / "data")
    async with serving(ports_of(embedded)) as api:
        yield api
    await embedded.close()


async def event_in_log(api: Api, event_id: str) -> Json:
    """The event of this id, as the log holds it."""
    for partition, bound in (await api.bounds()).items():
        found = await api.ports.log_reader.read(partition, 0, bound.end, max_records=1000, max_bytes=MIB)
        for record in found.records:
            event: Json = json.loads(record.value)
            if event["id"] == event_id:
                return event
    pytest.fail("the log does not have it")


async def refused(api: Api, path: str, body: bytes, headers: Mapping[str, str] = JSON) -> Json:
    """POST a request that is not valid; the problem, once it is clear that nothing was published."""
    before = await api.bounds()
    response = await api.client.post(path, content=body, headers=headers)
    problem = check_problem(response, 422, "invalid-request")
    assert await api.bounds() == before
    assert all(error["detail"] for error in problem["errors"])
    return problem


@pytest.mark.parametrize(("path", "valid", "field", "value"), list(matrix()))
async def test_a_bad_value_is_refused_by_the_name_of_its_field(
    api: Api, path: str, valid: Json, field: str, value: str
) -> None:
    problem = await refused(api, path, body_with(valid, field, value))

    assert faulty_fields(problem) == {field}


@pytest.mark.parametrize(("field", "path", "valid"), [("objectives", *LESSON), ("achievements", *PROGRESS)])
@pytest.mark.parametrize("value", list(BAD_LINES.values()), ids=list(BAD_LINES))
async def test_a_bad_entry_of_a_list_is_refused_by_its_place(
    api: Api, field: str, path: str, valid: Json, value: str
) -> None:
    problem = await refused(api, path, body_with(valid, field, f'["fine", {value}]'))

    assert faulty_fields(problem) == {f"{field}.1"}


@pytest.mark.parametrize(("path", "valid"), BOTH)
async def test_an_unknown_field_is_refused_by_name(api: Api, path: str, valid: Json) -> None:
    problem = await refused(api, path, json.dumps({**valid, "colour": "blue", "Topic": "x"}).encode())

    assert faulty_fields(problem) == {"colour", "Topic"}


@pytest.mark.parametrize(("path", "valid"), BOTH)
@pytest.mark.parametrize("name", [r'"\ud800"', r'"\u0000"', '"x/y||z"', f'"{"x" * 50_000}"', '""'])
async def test_an_unknown_field_of_any_name_is_refused(api: Api, path: str, valid: Json, name: str) -> None:
    body = json.dumps(valid).encode()[:-1] + f", {name}: 1}}".encode()
    problem = await refused(api, path, body)

    assert len(json.dumps(problem)) < 2_000


@pytest.mark.parametrize(("path", "valid"), BOTH)
async def test_every_missing_field_is_named(api: Api, path: str, valid: Json) -> None:
    problem = await refused(api, path, b"{}")

    assert faulty_fields(problem) == valid.keys()


@pytest.mark.parametrize(("path", "valid"), BOTH)
async def test_all_faults_are_told_at_once(api: Api, path: str, valid: Json) -> None:
    bad = dict.fromkeys(valid, False) | {"extra": True}
    problem = await refused(api, path, json.dumps(bad).encode())

    assert faulty_fields(problem) == bad.keys()


@pytest.mark.parametrize(("path", "valid"), BOTH)
async def test_values_of_a_client_are_not_repeated(api: Api, path: str, valid: Json) -> None:
    told = "tell/nobody"
    optional = {"level", "objectives", "duration_minutes"} if path == LESSON[0] else {"score", "occurred_at"}
    for field in valid.keys() | optional:
        if field == "topic":
            continue  # it takes any text
        problem = await refused(api, path, json.dumps({**valid, field: told}).encode())
        assert faulty_fields(problem) == {field}
        assert told not in json.dumps(problem)


@pytest.mark.parametrize(("path", "valid"), BOTH)
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"1", b'"text"', b"true", b"[{}]", b"NaN"])
async def test_a_body_that_is_no_object_is_refused(api: Api, path: str, valid: Json, body: bytes) -> None:
    problem = await refused(api, path, body)

    assert faulty_fields(problem) == {"body"}
    assert valid  # the very same request is fine with a body


@pytest.mark.parametrize("path", ["/generate-lesson", "/update-progress"])
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'learner_id': 'ada'}",
        b'{"learner_id": "ada",}',
        b'{"learner_id": "ada"} {}',
        b"learner_id=ada",
        b'{"learner_id": "ada\n"}',
        b'{"learner_id": "\xff\xfe"}',
        b"\x00",
        b"[" * 50_000,
        b'{"a":' * 12_000,
        b"[" * 25_000 + b"]" * 25_000,
        b'{"learner_id": "ada", "topic": "x", "duration_minutes": ' + b"9" * 5_000 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
async def test_what_is_not_json_is_refused(api: Api, path: str, body: bytes) -> None:
    before = await api.bounds()
    response = await api.client.post(path, content=body, headers=JSON)

    check_problem(response, 400, "malformed-request")
    assert await api.bounds() == before


@pytest.mark.parametrize(("path", "valid"), BOTH)
@pytest.mark.parametrize("filler", ["topic", "objectives", "achievements", "unknown", "space"])
@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
async def test_a_body_of_a_mebibyte_is_refused(api: Api, path: str, valid: Json, filler: str, chunked: bool) -> None:
    if filler == "space":
        body = json.dumps(valid).encode() + b" " * MIB
    else:
        body = json.dumps({**valid, filler: "x" * MIB}).encode()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]

    before = await api.bounds()
    response = await api.client.post(path, content=chunks() if chunked else body, headers=JSON)

    assert ("Content-Length" in response.request.headers) is not chunked
    check_problem(response, 413, "request-too-large")
    assert await api.bounds() == before


@pytest.mark.parametrize(("path", "valid"), BOTH)
async def test_an_announcement_that_is_no_number_does_not_matter(api: Api, path: str, valid: Json) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield json.dumps(valid).encode()

    response = await api.client.post(path, content=body(), headers={**JSON, "Content-Length": "much"})

    assert response.status_code == 202


async def test_a_lesson_as_large_as_its_fields_allow_is_recorded_in_any_script(api: Api) -> None:
    """Four bytes a character; nothing on the way makes more of them."""
    command = {"learner_id": "ada", "topic": "🎓" * 200, "objectives": ["🎓" * 300] * 20, "duration_minutes": 240}
    response = await api.client.post("/generate-lesson", content=json.dumps(command, ensure_ascii=False), headers=JSON)
    assert response.status_code == 202


@pytest.mark.parametrize(("path", "valid"), BOTH)
@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", None],
)
async def test_another_media_type_is_refused(api: Api, path: str, valid: Json, media_type: str | None) -> None:
    before = await api.bounds()
    headers = {} if media_type is None else {"Content-Type": media_type}
    response = await api.client.post(path, content=json.dumps(valid), headers=headers)

    check_problem(response, 415, "unsupported-media-type")
    assert await api.bounds() == before


@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])
async def test_json_is_taken_however_its_media_type_is_written(api: Api, media_type: str) -> None:
    path, valid = PROGRESS
    response = await api.client.post(path, content=json.dumps(valid), headers={"Content-Type": media_type})

    assert response.status_code == 202


@pytest.mark.parametrize(("path", "valid"), BOTH)
@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Idempotency-Key", b""),
        ("Idempotency-Key", b"two words"),
        ("Idempotency-Key", b"x" * 256),
        ("Idempotency-Key", b"x" * 50_000),
        ("Idempotency-Key", "schlüssel".encode("latin-1")),
        ("Idempotency-Key", b"tab\there"),
        ("X-Correlation-Id", b"a||b"),
        ("X-Correlation-Id", b"a/b"),
        ("X-Correlation-Id", b"x" * 129),
    ],
    ids=lambda part: str(part)[:20],
)
async def test_a_bad_header_is_refused_by_name(api: Api, path: str, valid: Json, header: str, value: bytes) -> None:
    before = await api.bounds()
    raw = [(b"Content-Type", b"application/json"), (header.encode(), value)]
    response = await api.client.post(path, content=json.dumps(valid), headers=raw)

    problem = check_problem(response, 422, "invalid-request")
    assert faulty_fields(problem) == {header}
    assert len(response.text) < 1_000
    assert await api.bounds() == before


@pytest.mark.parametrize(("path", "valid"), BOTH)
async def test_two_idempotency_keys_are_refused(api: Api, path: str, valid: Json) -> None:
    before = await api.bounds()
    headers = [("Content-Type", "application/json"), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    response = await api.client.post(path, content=json.dumps(valid), headers=headers)

    assert faulty_fields(check_problem(response, 422, "invalid-request")) == {"Idempotency-Key"}
    assert await api.bounds() == before


@pytest.mark.parametrize("value", ["", "x" * 50_000, "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "é"])
async def test_a_trace_that_is_none_is_replaced(api: Api, value: str) -> None:
    headers = [(b"Content-Type", b"application/json"), (b"traceparent", value.encode("latin-1"))]
    response = await api.client.post(PROGRESS[0], content=json.dumps(PROGRESS[1]), headers=headers)

    assert response.status_code == 202
    trace = (await event_in_log(api, response.json()["event_id"]))["traceparent"]
    assert trace != value
    assert len(trace) == 55


async def test_a_trace_is_carried_on(api: Api) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    accepted = await api.accepted(*PROGRESS, headers={"traceparent": trace, "X-Correlation-Id": "flow-7"})

    event = await event_in_log(api, accepted["event_id"])
    assert event["traceparent"] == trace
    assert event["traceid"] == trace
    assert event["correlationid"] == "flow-7"


@pytest.mark.parametrize(
    "written",
    ["1970-01-01T00:00:00Z", "2024-02-29T12:00:00.123456-11:30", "2024-02-29t12:00:00z", "2024-02-29 12:00:00+00:00"],
)
async def test_a_past_moment_is_taken_as_it_occurred(api: Api, written: str) -> None:
    recorded = (await api.progress(occurred_at=written))["recorded"]

    assert datetime.fromisoformat(recorded["occurred_at"]) == datetime.fromisoformat(written.upper())


async def test_clocks_may_differ_a_little(api: Api) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=30)

    recorded = (await api.progress(occurred_at=soon.isoformat()))["recorded"]

    assert datetime.fromisoformat(recorded["occurred_at"]) == soon


@pytest.mark.parametrize("ahead", [timedelta(minutes=10), timedelta(days=1), timedelta(days=3650)])
async def test_the_future_has_not_occurred(api: Api, ahead: timedelta) -> None:
    body = {**PROGRESS[1], "occurred_at": (datetime.now(UTC) + ahead).isoformat()}
    problem = await refused(api, PROGRESS[0], json.dumps(body).encode())

    assert faulty_fields(problem) == {"occurred_at"}


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        *(("/lessons", f"limit={value}", "limit") for value in ("0", "101", "-1", "x", "1.5", "", "true", "1e2")),
        *(("/lessons", f"level={value}", "level") for value in ("expert", "BEGINNER", "", "beginner,advanced")),
        ("/lessons", "topic=", "topic"),
        ("/lessons", f"topic={'x' * 201}", "topic"),
        *(("/lessons", f"cursor={value}", "cursor") for value in ("", "x", "!!", "e30", "bnVsbA", "%00", "%C3%A9")),
        ("/lessons", f"cursor={'A' * 50_000}", "cursor"),
        *(
            (path, f"learner_id={quote(value, safe='')}", "learner_id")
            for path in ("/lessons", "/status")
            for value in ("", " ", "a b", "a||b", "a/b", "ada\n", "ada\x00", "zoë", "🎓", "-a", "x" * 129)
        ),
    ],
)
async def test_a_bad_query_is_refused_by_name(api: Api, path: str, query: str, field: str) -> None:
    response = await api.client.get(f"{path}?{query}")

    assert faulty_fields(check_problem(response, 422, "invalid-request")) == {field}


@pytest.mark.parametrize("lesson_id", ["a b", "a||b", "loops\n", "\x00", "zoë", "-a", "x" * 129, "{x}", "~"])
async def test_a_bad_lesson_id_is_refused(api: Api, lesson_id: str) -> None:
    response = await api.client.get(f"/lessons/{quote(lesson_id, safe='')}")

    assert faulty_fields(check_problem(response, 422, "invalid-request")) == {"lesson_id"}


async def test_a_lesson_id_with_a_slash_is_no_address(api: Api) -> None:
    check_problem(await api.client.get("/lessons/a%2Fb"), 404, "not-found")
