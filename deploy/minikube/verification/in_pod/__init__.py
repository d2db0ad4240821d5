"""Programs that run inside an app's container, with the interpreter there: they see what the app sees.

Each is one file of the standard library and confluent-kafka alone, is fed to `python -` on its stdin, gets its question
as JSON in its first argument, and answers with one line of JSON.
"""

import json
from pathlib import Path
from typing import Any, Final

from deploy.minikube.verification.cluster import APP, Pod
from deploy.minikube.verification.kubectl import Kubectl, read_json

SIDECAR: Final = "ask_sidecar"
LOG: Final = "read_log"
SELF: Final = "look_around"


def ask_in(kubectl: Kubectl, pod: Pod, program: str, question: object = None, *, seconds: float = 60.0) -> Any:
    """Run one of the programs in a pod's app container; the answer is what it says.

    Raises:
        VerificationError: it could not be run, failed, or said something else than JSON.
    """
    source = (Path(__file__).parent / f"{program}.py").read_text(encoding="utf-8")
    command = ("python", "-", json.dumps(question))
    said = kubectl.execute(pod.name, command, container=APP, stdin=source, seconds=seconds)
    return read_json(said, f"{program} in {pod.name}")
