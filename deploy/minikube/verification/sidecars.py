"""What sidecars answer when they are asked as their own apps ask them."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from deploy.minikube.verification.api import Answer
from deploy.minikube.verification.cluster import Pod
from deploy.minikube.verification.errors import Unexpected
from deploy.minikube.verification.in_pod import SIDECAR, ask_in
from deploy.minikube.verification.kubectl import Kubectl

Request = tuple[str, str] | tuple[str, str, str]
"""Method, path, and the body if there is one."""


def ask_sidecar(kubectl: Kubectl, pod: Pod, *requests: Request) -> list[Answer]:
    """Send requests from a pod's app container to the sidecar beside it; the answers are in their order.

    Raises:
        VerificationError: nobody could be asked.
    """
    question = [{"method": one[0], "path": one[1], "body": "".join(one[2:]) or None} for one in requests]
    return [_answer(one) for one in ask_in(kubectl, pod, SIDECAR, question)]


def state_path(store: str, key: str) -> str:
    """Where Dapr's state API has the value of a key."""
    return f"/v1.0/state/{quote(store, safe='')}/{quote(key, safe='')}"


def error_code(answer: Answer) -> str:
    """What Dapr calls a refusal, such as `ERR_PERMISSION_DENIED`; empty where there is no such name."""
    try:
        content = answer.json()
    except Unexpected:
        return ""
    return str(content.get("errorCode", "")) if isinstance(content, Mapping) else ""


def _answer(said: Mapping[str, Any]) -> Answer:
    return Answer(said["status"], said["headers"], base64.b64decode(said["body"]))
