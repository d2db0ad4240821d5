"""`ServiceInvoker`."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sidecar.errors import SidecarUnavailable
from tests.contract.harness import Harness


async def echo(request: Request) -> Response:
    """Answer with what came, also as an error where the query asks for one."""
    status = int(request.query_params.get("status", "200"))
    return Response(
        await request.body(),
        status,
        {"x-method": request.method, "x-got": request.headers.get("x-sent", ""), "X-Query": request.url.query},
        media_type="application/octet-stream",
    )


async def hang(request: Request) -> Response:
    """Never answer, unless whoever asked goes away."""
    message = await request.receive()
    while message["type"] != "http.disconnect":
        message = await request.receive()
    return Response()


APP = Starlette(
    routes=[Route("/echo", echo, methods=["GET", "POST", "PUT", "DELETE"]), Route("/hang", hang, methods=["GET"])]
)


class TestInvocation:
    async def test_what_was_sent_arrives(self, harness: Harness) -> None:
        await harness.register("other", APP)
        body = bytes(range(256))
        answer = await harness.ports.invoker.invoke(
            "other", "POST", "/echo?a=1&b=%20x", body=body, headers={"X-Sent": "yes"}, timeout_seconds=10
        )
        assert answer.status == 200
        assert answer.body == body
        assert answer.headers["x-method"] == "POST"
        assert answer.headers["x-got"] == "yes"
        assert answer.headers["x-query"] == "a=1&b=%20x"

    @pytest.mark.parametrize("status", [400, 404, 409, 422, 500, 503])
    async def test_an_error_of_the_other_is_an_answer(self, harness: Harness, status: int) -> None:
        await harness.register("other", APP)
        answer = await harness.ports.invoker.invoke(
            "other", "GET", f"/echo?status={status}", headers={"X-Sent": "yes"}, timeout_seconds=10
        )
        assert answer.status == status
        assert answer.headers["x-got"] == "yes"

    async def test_no_such_app(self, harness: Harness) -> None:
        with pytest.raises(SidecarUnavailable):
            await harness.ports.invoker.invoke("nobody", "GET", "/", timeout_seconds=10)

    async def test_no_answer_in_time(self, harness: Harness) -> None:
        await harness.register("other", APP)
        with pytest.raises(SidecarUnavailable):
            await harness.ports.invoker.invoke("other", "GET", "/hang", timeout_seconds=0.05)
