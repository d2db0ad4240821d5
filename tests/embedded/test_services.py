"""Secrets and invocation, where the embedded adapter promises more than the ports."""

import json
from pathlib import Path
from typing import Any

import pytest

from sidecar.embedded import EmbeddedSidecar
from sidecar.errors import SecretNotFound, SidecarUnavailable


class TestSecrets:
    async def test_a_string_and_an_object(self, sidecar: EmbeddedSidecar, folder: Path) -> None:
        (folder / "secrets.json").write_text(json.dumps({"one": "1", "many": {"user": "u", "password": "p"}}))
        assert await sidecar.secrets.secret("one") == {"one": "1"}
        assert await sidecar.secrets.secret("many") == {"user": "u", "password": "p"}

    async def test_the_environment_goes_first(
        self, sidecar: EmbeddedSidecar, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder / "secrets.json").write_text(json.dumps({"api-token": "file"}))
        monkeypatch.setenv("LEARNFLOW_SECRET_API_TOKEN", "environment")
        assert await sidecar.secrets.secret("api-token") == {"api-token": "environment"}

    async def test_no_file(self, sidecar: EmbeddedSidecar) -> None:
        with pytest.raises(SecretNotFound):
            await sidecar.secrets.secret("one")

    @pytest.mark.parametrize(
        "content", ['{"one": "hunter2"', '["hunter2"]', '{"one": ["hunter2"]}', '{"one": {"a": 1, "b": "hunter2"}}']
    )
    async def test_a_malformed_file_is_told_without_its_content(
        self, sidecar: EmbeddedSidecar, folder: Path, content: str
    ) -> None:
        (folder / "secrets.json").write_text(content)
        with pytest.raises(SidecarUnavailable, match=r"secrets\.json") as caught:
            await sidecar.secrets.secret("one")
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None

    async def test_a_file_that_can_not_be_read(self, sidecar: EmbeddedSidecar, folder: Path) -> None:
        (folder / "secrets.json").mkdir()
        with pytest.raises(SidecarUnavailable, match=r"secrets\.json"):
            await sidecar.secrets.secret("one")


class TestInvocation:
    async def test_an_app_that_fails_answers_500_and_is_told(
        self, sidecar: EmbeddedSidecar, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def app(*_: Any) -> None:
            raise LookupError("on purpose")

        sidecar.invoker.register("bad", app)
        answer = await sidecar.invoker.invoke("bad", "GET", "/x", timeout_seconds=5)
        assert answer.status == 500
        assert "bad failed in GET /x" in caplog.text
        assert "on purpose" in caplog.text

    async def test_an_app_that_ends_without_an_answer(self, sidecar: EmbeddedSidecar) -> None:
        async def app(*_: Any) -> None:
            return

        sidecar.invoker.register("silent", app)
        with pytest.raises(SidecarUnavailable, match="silent"):
            await sidecar.invoker.invoke("silent", "GET", "/", timeout_seconds=5)

    async def test_a_compressed_body_is_not_touched(self, sidecar: EmbeddedSidecar) -> None:
        async def app(_scope: Any, _receive: Any, send: Any) -> None:
            headers = [(b"Content-Encoding", b"gzip"), (b"X-Name", b"value")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"\x1f\x8b exact"})

        sidecar.invoker.register("zip", app)
        answer = await sidecar.invoker.invoke("zip", "GET", "/", timeout_seconds=5)
        assert answer.body == b"\x1f\x8b exact"
        assert answer.headers["x-name"] == "value"
