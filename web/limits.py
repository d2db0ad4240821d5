"""What a request may be, checked before it is parsed."""

import asyncio
from typing import Final

from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override

from web.problems import MEDIA, TOO_LARGE, TOO_SLOW, ProblemError, respond

MAX_BODY_BYTES: Final = 64 * 1024
MAX_BODY_SECONDS: Final = 10.0


class LimitedRoute(APIRoute):
    """A route that anybody may call: a body is JSON, has `MAX_BODY_BYTES` at most, and comes in `MAX_BODY_SECONDS`."""

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request that was found to be for this address."""
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        try:
            messages = await _checked_body(scope, receive)
        except ProblemError as refusal:
            await respond(refusal)(scope, receive, send)
            return
        await _replaying(super().handle, messages)(scope, receive, send)


async def _checked_body(scope: Scope, receive: Receive) -> list[Message]:
    headers = dict(scope["headers"])
    media_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    if media_type not in {b"", b"application/json"}:
        raise ProblemError(MEDIA)
    if headers.get(b"content-encoding", b"identity").strip().lower() not in {b"", b"identity"}:
        raise ProblemError(MEDIA, "Send the body as it is, without a Content-Encoding.")
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(MAX_BODY_SECONDS):
            messages = await _read_body(receive)
    except TimeoutError:
        raise ProblemError(TOO_SLOW, headers={"Connection": "close"}) from None
    if not media_type and any(message.get("body") for message in messages):
        raise ProblemError(MEDIA)
    return messages


async def _read_body(receive: Receive) -> list[Message]:
    messages: list[Message] = []
    size = 0
    while True:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            raise _too_large()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages


def _too_large() -> ProblemError:
    # The rest of the body stays unread, so the connection can't be used again.
    return ProblemError(TOO_LARGE, f"At most {MAX_BODY_BYTES} bytes are taken.", headers={"Connection": "close"})


def _replaying(app: ASGIApp, messages: list[Message]) -> ASGIApp:
    """The app, given what was read already before anything new."""
    waiting = iter(messages)

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        async def replay() -> Message:
            message = next(waiting, None)
            return await receive() if message is None else message

        await app(scope, replay, send)

    return handle
