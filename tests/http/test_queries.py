"""What a GET refuses, and how it answers HEAD."""

import pytest

from tests.http.harness import Api, check_problem, faulty_fields


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/status?learner=ada", "learner"),
        ("/lessons?learner=ada", "learner"),
        ("/status?learner_id=ada&learner_id=ben", "learner_id"),
        ("/lessons?limit=1&Limit=2", "Limit"),
        ("/lessons/some-lesson?learner_id=ada", "learner_id"),
    ],
)
async def test_a_parameter_that_is_misspelt_or_sent_twice_is_refused_by_name(api: Api, path: str, field: str) -> None:
    response = await api.client.get(path)
    assert faulty_fields(check_problem(response, 422, "invalid-request")) == {field}


@pytest.mark.parametrize("path", ["/status", "/lessons", "/healthz", "/status?learner_id=nobody", "/nowhere"])
async def test_head_answers_as_get_does_without_the_content(api: Api, path: str) -> None:
    get, head = await api.client.get(path), await api.client.head(path)
    assert head.status_code == get.status_code
    assert head.content == b""
    for name in ("content-type", "content-length"):
        assert head.headers[name] == get.headers[name]


async def test_the_address_itself_leads_to_the_description(api: Api) -> None:
    response = await api.client.get("/")
    assert response.status_code == 307
    assert response.headers["location"] == "/docs"
