"""Short questions to servers of this machine."""

import http.client
import json
from typing import Any, Final

from deploy.stack.ports import HOST

ANSWER_SECONDS: Final = 3.0


def status(port: int, path: str) -> int | None:
    """The status that a GET is answered with; `None` without an answer."""
    answer = _get(port, path)
    return None if answer is None else answer[0]


def document(port: int, path: str) -> Any:
    """The JSON that a GET is answered with; `None` without one."""
    answer = _get(port, path)
    if answer is None or answer[0] != http.client.OK:
        return None
    try:
        return json.loads(answer[1])
    except ValueError:
        return None


def _get(port: int, path: str) -> tuple[int, bytes] | None:
    connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
