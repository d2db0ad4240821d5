"""A language model as sidecars see one: a server with OpenAI's API for chats, that does what the test says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from typing_extensions import override

NAME: Final = "scripted"
ADVICE: Final = (
    "You are on your way. Take up what you have begun, because it is still fresh, and then look at it once more."
)
ADDED: Final = "\n\nTake your time with this."
HANG_SECONDS: Final = 120.0

Answer = Callable[[dict[str, Any]], str]
"""What the model says to what it was told as data."""


class Failing(Exception):
    """The server answers with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def rewrite(told: dict[str, Any]) -> str:
    """Every part with a sentence more; advice where that is asked for."""
    if "parts" not in told:
        return ADVICE
    parts = [{"element": part["element"], "content": part["content"] + ADDED} for part in told["parts"]]
    return json.dumps({"parts": parts})


@dataclass
class ModelServer:
    """A model that runs.

    Attributes:
        url: of its API.
        answer: what it says from now on; may raise `Failing`.
        finish: how it says that it ended.
        told: all messages it was given, by call, as a list of (role, text).
        requests: everything that came with them, by call.
        open: while it is not set, no answer is given.
    """

    url: str = ""
    answer: Answer = rewrite
    finish: str = "stop"
    told: list[list[tuple[str, str]]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)

    @property
    def calls(self) -> int:
        """How often it was asked."""
        return len(self.told)


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """Serve a model while the context lasts."""
    model = ModelServer()
    model.open.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            assert self.path == "/v1/chat/completions", self.path
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            messages = [(one["role"], _text(one["content"])) for one in request["messages"]]
            model.requests.append(request)
            model.told.append(messages)
            model.open.wait(HANG_SECONDS)
            try:
                self._send(200, _completion(model.answer(json.loads(messages[-1][1])), model.finish))
            except Failing as failing:
                self._send(failing.status, {"error": {"message": "it failed", "type": "server_error", "code": "x"}})

        def _send(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # whoever asked did not wait

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    model.url = f"http://127.0.0.1:{server.server_port}/v1"
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield model
    finally:
        model.open.set()
        server.shutdown()
        serving.join()
        server.server_close()


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    assert isinstance(content, list)
    return "".join(part["text"] for part in content)


def _completion(text: str, finish: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": NAME,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
