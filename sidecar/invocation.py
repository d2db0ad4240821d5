"""The port that calls another service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class InvocationResponse:
    """What the other service answered, also when that is an error of its own.

    Attributes:
        status: the HTTP status code.
        headers: lower-case names.
        body: the exact bytes.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class ServiceInvoker(Protocol):
    """Calls other services by the name of their app (Dapr's service invocation)."""

    async def invoke(
        self,
        app_id: str,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float,
    ) -> InvocationResponse:
        """Call `method` (GET, POST, ...) on `path` (with its query) of the app. A call may arrive more than once.

        Raises:
            SidecarUnavailable: no such app, or no answer in time.
        """
        ...
