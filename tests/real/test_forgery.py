"""Deliveries that do not come from the projector's own sidecar's subscription."""

import base64
import json

import httpx2
import pytest

from deploy.stack.service import COURSE_AGENT, PROJECTOR
from deploy.stack.stack import Stack

FORGED = {
    "entries": [
        {
            "entryId": "0",
            "event": base64.b64encode(b"forged").decode(),
            "metadata": {"__partition": "0", "__offset": "0", "__timestamp": "1790000000000"},
        }
    ]
}


@pytest.mark.process
def test_only_the_own_sidecar_delivers(stack: Stack) -> None:
    directly = f"{stack[PROJECTOR].url}/dapr/events"
    by_invocation = f"{stack[COURSE_AGENT].daprd.url}/v1.0/invoke/projector/method/dapr/events"
    with httpx2.Client(timeout=30, trust_env=False) as client:
        for url, headers, refused in (
            (directly, {}, 401),
            (by_invocation, {}, 403),
            # What a request names in Connection is taken off it (RFC 9110, section 7.6.1): also who calls.
            (by_invocation, {"Connection": "dapr-caller-app-id"}, 403),
        ):
            assert client.post(url, json=FORGED, headers=headers).status_code == refused
        status = client.get(f"{stack.user_progress}/status").json()
    assert status["events"] == 0, json.dumps(status)
