"""Inside an app's container: requests to the sidecar's HTTP API, with the token that the app shows.

Asked with a list of {"method", "path", "body" (text, if any), "token" (false to leave it out)}; answers with a list of
{"status", "headers", "body" (base64)}.
"""

import base64
import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any, Final

SECONDS: Final = 20


def ask(method: str, path: str, body: str | None, *, token: bool) -> dict[str, Any]:
    """One request; a refusal is an answer as well."""
    headers = {"Content-Type": "application/json"}
    if token and os.environ.get("DAPR_API_TOKEN"):
        headers["dapr-api-token"] = os.environ["DAPR_API_TOKEN"]
    request = urllib.request.Request(
        f"http://127.0.0.1:{os.environ.get('DAPR_HTTP_PORT', '3500')}{path}",
        data=None if body is None else body.encode(),
        headers=headers,
        method=method,
    )
    # No environment's proxy: the sidecar is next to us.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=SECONDS) as response:
            return _answer(response.status, dict(response.headers), response.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return _answer(refusal.code, dict(refusal.headers), refusal.read())


def _answer(status: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    names = {name.lower(): value for name, value in headers.items()}
    return {"status": status, "headers": names, "body": base64.b64encode(body).decode()}


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    print(
        json.dumps([ask(one["method"], one["path"], one.get("body"), token=one.get("token", True)) for one in wanted])
    )
