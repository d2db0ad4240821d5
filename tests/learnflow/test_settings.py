"""Settings that are not valid are told in one line, by whatever reads them."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.servers import environment, learnflow

SERVICES: Final = Path(__file__).parents[2] / "phase-3-backend-services"
FAULTS: Final = [
    ({"LEARNFLOW_PARTITIONS": "abc"}, "learnflow: settings: partitions: "),
    ({"LEARNFLOW_SIDECAR": "dapr", "DAPR_GRPC_PORT": "many"}, "learnflow: settings: grpc_port: "),
    ({"LEARNFLOW_SIDECAR": "dapr", "DAPR_GRPC_ENDPOINT": "http://a:1"}, "learnflow: settings: grpc_endpoint: "),
]

pytestmark = pytest.mark.process


@pytest.mark.parametrize(("variables", "message"), FAULTS)
@pytest.mark.parametrize("program", sorted(SERVICES.glob("*/main.py")), ids=lambda path: path.parent.name)
def test_by_a_service(program: Path, variables: dict[str, str], message: str, tmp_path: Path) -> None:
    env = environment({"LEARNFLOW_DATA_DIR": str(tmp_path), "LEARNFLOW_PORT": "0", **variables})
    refused = subprocess.run(
        [sys.executable, program], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    check(refused, message)


@pytest.mark.parametrize(("variables", "message"), FAULTS)
@pytest.mark.parametrize("command", ["replay", "verify"])
def test_by_a_command(command: str, variables: dict[str, str], message: str, tmp_path: Path) -> None:
    check(learnflow(command, "--data-dir", tmp_path, env=variables, timeout=60), message)


def check(refused: "subprocess.CompletedProcess[str]", message: str) -> None:
    assert refused.returncode in (1, 2)
    assert refused.stdout == ""
    (line,) = refused.stderr.splitlines()
    assert line.startswith(message)
