"""Errors of any path are problems, and every kind of problem is documented."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from learnflow.sidecar import ports_of
from tests.http.harness import Api, check_problem, open_sidecar, serving
from web.problems import PROBLEMS

ONE_LOOP = pytest.mark.asyncio(loop_scope="module")

DOCUMENT = Path(__file__).parents[2] / "docs" / "problems.md"
ADDRESSES = {
    "/generate-lesson": "POST",
    "/update-progress": "POST",
    "/lessons": "GET",
    "/lessons/loops": "GET",
    "/status": "GET",
    "/healthz": "GET",
    "/readyz": "GET",
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """One service for all of them: an error leaves nothing behind."""
    embedded = open_sidecar(tmp_path_factory.mktemp("service") / "data")
    async with serving(ports_of(embedded)) as api:
        yield api
    await embedded.close()


@ONE_LOOP
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "path", ["/index", "/nowhere", "/lessons/", "/lessons/a/b", "/Status", "/status/a", "//lessons"]
)
async def test_an_unknown_address_is_a_problem(api: Api, method: str, path: str) -> None:
    check_problem(await api.client.request(method, f"http://learnflow.test{path}"), 404, "not-found")


@ONE_LOOP
@pytest.mark.parametrize(
    ("method", "path"), [(method, path) for path in ADDRESSES for method in METHODS if method != ADDRESSES[path]]
)
async def test_a_method_that_an_address_does_not_take_is_a_problem(api: Api, method: str, path: str) -> None:
    response = await api.client.request(method, path)

    check_problem(response, 405, "method-not-allowed")
    assert response.headers["Allow"] == ADDRESSES[path]


@ONE_LOOP
async def test_who_is_not_known_is_told_apart_from_where_nothing_is(api: Api) -> None:
    check_problem(await api.client.get("/status?learner_id=nobody"), 404, "unknown-learner")
    check_problem(await api.client.get("/lessons/nothing"), 404, "unknown-lesson")


def test_the_document_lists_every_problem_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \| (.+?) \| (.+?) \| (.+?) \|$", DOCUMENT.read_text(), re.MULTILINE)

    assert [(slug, int(status), title) for slug, status, title, *_ in rows] == [
        (problem.slug, problem.status, problem.title) for problem in PROBLEMS
    ]
