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
        for url in (directly, by_invocation):
            assert client.post(url, json=FORGED).status_code == 401
            assert client.get(url.replace("/events", "/subscribe")).status_code == 401
        status = client.get(f"{stack.user_progress}/status").json()
    assert status["events"] == 0, json.dumps(status)
