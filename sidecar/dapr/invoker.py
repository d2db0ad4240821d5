"""Calls of other services through the sidecar."""

import asyncio
import json
from collections.abc import Mapping

import httpx2

from sidecar.dapr.config import DaprConfig
from sidecar.errors import SidecarUnavailable
from sidecar.invocation import InvocationResponse


class DaprInvoker:
    """Implements `ServiceInvoker` by the sidecar's HTTP API, which passes on status, headers and body."""

    def __init__(self, config: DaprConfig) -> None:
        headers = {"dapr-api-token": config.api_token} if config.api_token else {}
        # No environment's proxy: the sidecar is next to us.
        self._http = httpx2.AsyncClient(
            base_url=f"{config.http_endpoint}/v1.0/invoke/", headers=headers, trust_env=False
        )

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
        """See `ServiceInvoker`. The sidecar repeats a call up to three times when it can't reach the other."""
        what = f"app {app_id!r}"
        try:
            async with asyncio.timeout(timeout_seconds):
                answer = await self._http.request(
                    method,
                    f"{app_id}/method/{path.removeprefix('/')}",
                    content=body,
                    headers=dict(headers or {}),
                    timeout=timeout_seconds,
                )
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise SidecarUnavailable(what, f"no answer within {timeout_seconds:g} s") from error
        except httpx2.TransportError as error:
            raise SidecarUnavailable(what, str(error) or type(error).__name__) from error
        refusal = _refusal(answer)
        if refusal is not None:
            raise SidecarUnavailable(what, refusal)
        names = {name.lower(): value for name, value in answer.headers.items()}
        return InvocationResponse(answer.status_code, names, answer.content)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _refusal(answer: httpx2.Response) -> str | None:
    """What the sidecar itself has to say, where it was not the other service that answered."""
    if answer.is_success or not answer.headers.get("content-type", "").startswith("application/json"):
        return None
    try:
        content = json.loads(answer.content)
    except ValueError:
        return None
    if isinstance(content, dict) and content.get("errorCode") == "ERR_DIRECT_INVOKE":
        return str(content.get("message"))
    return None
