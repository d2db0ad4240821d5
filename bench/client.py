"""A small HTTP/1.1 client over plain streams, so that a measurement is of the server and not of the client."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers with lower-case names, body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One keep-alive connection; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader, self._writer, self._host = reader, writer, host

    @classmethod
    async def open(cls, url: str) -> "Connection":
        """Connect to the host and port of a URL."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        return cls(reader, writer, parts.netloc)

    async def request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """Send a request with a JSON body and read the answer."""
        content = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", f"Content-Length: {len(content)}"]
        lines += ["Content-Type: application/json", *(f"{name}: {value}" for name, value in (headers or {}).items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + content)
        status, *fields = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        answered = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
        return Answer(
            int(status.split()[1]), answered, await self._reader.readexactly(int(answered.get("content-length", 0)))
        )

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


async def load(url: str, path: str, body: Callable[[int], Any], *, clients: int, seconds: float) -> float:
    """Requests answered 2xx per second, POSTed by so many clients at once; the first fifth is warm-up.

    Raises:
        RuntimeError: a request was answered otherwise.
    """
    end = time.perf_counter() + seconds
    begin = end - seconds * 0.8
    counted = sent = 0

    async def client() -> None:
        nonlocal counted, sent
        connection = await Connection.open(url)
        while (now := time.perf_counter()) < end:
            sent += 1
            answer = await connection.request("POST", path, body(sent))
            if answer.status // 100 != 2:  # noqa: PLR2004 - a class of status codes
                raise RuntimeError(f"answered {answer.status}: {answer.body!r}")
            counted += now >= begin
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return counted / (end - begin)
