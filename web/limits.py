"""What a request may be, checked before it is parsed."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.problems import MEDIA, TOO_LARGE, ProblemError, respond

MAX_BODY_BYTES: Final = 64 * 1024


class RequestLimits:
    """ASGI middleware: refuses bodies over `MAX_BODY_BYTES` and bodies that are not JSON, whatever they announce."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request as ASGI has it."""
        if scope["type"] != "http" or scope["method"] not in {"POST", "PUT", "PATCH"}:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        media_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if media_type not in {b"", b"application/json"}:
            await respond(ProblemError(MEDIA))(scope, receive, send)
            return
        announced = headers.get(b"content-length", b"0")
        messages = None
        if not announced.isdigit() or int(announced) <= MAX_BODY_BYTES:
            messages = await _read_body(receive)
        if messages is None:
            detail = f"At most {MAX_BODY_BYTES} bytes are taken."
            # The rest of the body stays unread, so the connection can't be used again.
            refusal = respond(ProblemError(TOO_LARGE, detail, headers={"Connection": "close"}))
            await refusal(scope, receive, send)
            return
        if not media_type and any(message.get("body") for message in messages):
            await respond(ProblemError(MEDIA))(scope, receive, send)
            return
        waiting = iter(messages)

        async def replay() -> Message:
            message = next(waiting, None)
            return await receive() if message is None else message

        await self._app(scope, replay, send)


async def _read_body(receive: Receive) -> list[Message] | None:
    """The messages of a body of bearable size; `None` for a larger one."""
    messages: list[Message] = []
    size = 0
    while True:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            return None
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages
