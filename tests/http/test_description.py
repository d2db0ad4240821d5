"""The API description says what is answered, with an example of everything."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from learnflow.services import Service
from learnflow.sidecar import Sidecar
from tests.http.harness import ALL, Api, Json, serving

JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"
# 404 (no such path) and 405 are no answers of an operation: they are there where none is.
STATUSES = {
    "generateLesson": {202, 400, 408, 413, 415, 422, 500, 503},
    "updateProgress": {202, 400, 408, 413, 415, 422, 500, 503},
    "listLessons": {200, 410, 422, 500, 503},
    "getLesson": {200, 404, 422, 500, 503},
    "getStatus": {200, 404, 422, 500, 503},
    "getMastery": {200, 404, 422, 500, 503},
    "getAdvice": {200, 404, 422, 500, 503},
    "getHealth": {200, 500},
    "getReadiness": {200, 422, 500, 503},
}
TRANSPORT_HEADERS = {"content-length", "content-type", "connection"}


@pytest.fixture
async def description(api: Api) -> Json:
    """The description as the service answers it."""
    return await api.get("/openapi.json")


def operations(description: Json) -> Iterator[tuple[str, str, Json]]:
    """Path, method and description of every operation."""
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def faults(description: Json, schema: Json, instance: object) -> list[str]:
    """Where an instance is not what a schema of the description asks for."""
    validator = Draft202012Validator(
        {**schema, "components": description["components"]}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    return [error.message for error in validator.iter_errors(instance)]


def examples_of(media: Json) -> list[Any]:
    return [example["value"] for example in media.get("examples", {}).values()]


@pytest.mark.parametrize("services", [ALL, *([service] for service in Service)])
async def test_the_description_is_valid(ports: Sidecar, services: list[Service]) -> None:
    async with serving(ports, services) as api:
        description = await api.get("/openapi.json")

    assert description["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(description).iter_errors()] == []
    references = set(re.findall(r"#/components/schemas/(\w+)", str(description)))
    assert references <= description["components"]["schemas"].keys()


async def test_every_operation_has_a_name_and_says_what_it_is_for(description: Json) -> None:
    names = [operation["operationId"] for _, _, operation in operations(description)]

    assert sorted(names) == sorted(STATUSES)
    for _, _, operation in operations(description):
        assert operation["summary"]
        assert operation["description"]
        for parameter in operation.get("parameters", []):
            assert parameter["description"]


async def test_every_status_that_an_operation_can_answer_is_described(description: Json) -> None:
    for _, _, operation in operations(description):
        assert {int(status) for status in operation["responses"]} == STATUSES[operation["operationId"]]


async def test_every_body_has_examples_that_are_what_they_show(description: Json) -> None:
    for path, method, operation in operations(description):
        carriers = {"request": operation.get("requestBody", {}), **operation["responses"]}
        assert ("requestBody" in operation) is (method == "POST")
        for name, carrier in carriers.items():
            if name == "request" and method != "POST":
                continue
            # Other forms of the same are for people.
            media = carrier["content"].get(PROBLEM_TYPE) or carrier["content"][JSON_TYPE]
            shown = examples_of(media)
            assert shown, f"{method} {path}: no example of {name}"
            for example in shown:
                assert faults(description, media["schema"], example) == []


async def test_errors_are_described_as_problems(description: Json) -> None:
    for path, _, operation in operations(description):
        for status, response in operation["responses"].items():
            if int(status) >= 400 and path != "/readyz":
                assert list(response["content"]) == [PROBLEM_TYPE]
                assert response["content"][PROBLEM_TYPE]["schema"] == {"$ref": "#/components/schemas/Problem"}
                for example in examples_of(response["content"][PROBLEM_TYPE]):
                    assert example["status"] == int(status)
            if status == "503" and path != "/readyz":
                assert "Retry-After" in response["headers"]


async def test_a_parameter_is_never_null(description: Json) -> None:
    for _, _, operation in operations(description):
        for parameter in operation.get("parameters", []):
            assert "null" not in str(parameter["schema"])


async def test_the_examples_of_requests_are_accepted_and_described_as_answered(api: Api, description: Json) -> None:
    for path, method, operation in operations(description):
        if method == "POST":
            for example in examples_of(operation["requestBody"]["content"][JSON_TYPE]):
                check_described(description, operation, await api.client.post(path, json=example))


async def test_answers_are_as_they_are_described(api: Api, description: Json) -> None:
    described = {path: operation for path, method, operation in operations(description) if method == "GET"}
    lesson = await api.lesson()
    done = await api.progress(lesson_id=lesson["lesson"]["lesson_id"], completion=1, score=0.9, achievements=["x"])
    headers = {"Consistency-Token": done["headers"]["Consistency-Token"], "Prefer": "wait=20"}
    for path, query in [
        ("/lessons", "?limit=1"),
        ("/lessons/{lesson_id}", ""),
        ("/lessons/{lesson_id}", "?"),
        ("/status", "?learner_id=ada"),
        ("/status", "?learner_id=nobody"),
        ("/status", "?learner_id=no/body"),
        ("/status", ""),
        ("/status/mastery", "?learner_id=ada"),
        ("/status/advice", "?learner_id=ada"),
        ("/healthz", ""),
        ("/readyz", ""),
    ]:
        lesson_id = lesson["lesson"]["lesson_id"] if query == "" else "unknown"
        response = await api.client.get(path.format(lesson_id=lesson_id) + query, headers=headers)
        check_described(description, described[path], response)


def check_described(description: Json, operation: Json, response: httpx2.Response) -> None:
    """Check status, media type, headers and body of an answer against the description."""
    described = operation["responses"][str(response.status_code)]
    media = described["content"][response.headers["Content-Type"]]
    assert faults(description, media["schema"], response.json()) == []
    assert response.headers.keys() - TRANSPORT_HEADERS <= {name.lower() for name in described.get("headers", {})}
    if response.status_code == 202:
        assert response.headers.keys() >= {"location", "consistency-token"}


async def test_a_service_by_itself_describes_what_it_serves(ports: Sidecar) -> None:
    served = {}
    for service in Service:
        async with serving(ports, [service]) as api:
            served[service] = (await api.get("/openapi.json"))["paths"].keys() - {"/healthz", "/readyz"}

    assert served == {
        Service.COURSE_AGENT: {"/generate-lesson", "/lessons", "/lessons/{lesson_id}"},
        Service.USER_PROGRESS: {"/update-progress", "/status", "/status/mastery", "/status/advice"},
        Service.PROJECTOR: set(),
    }
