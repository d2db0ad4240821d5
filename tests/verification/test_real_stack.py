"""`learnflow verify` on Dapr, Kafka and Postgres, beside the services, under traffic, and over a damaged document."""

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from deploy.stack.daprd import Daprd, DaprdOptions
from deploy.stack.stack import Stack
from learnflow.verify_command import DIFFERENT
from tests.real.conftest import clean, stack
from tests.real.surroundings import TABLE, documents, sql, wait_until_folded
from tests.servers import learnflow

__all__ = ["clean", "stack"]

pytestmark = pytest.mark.process

LEARNERS = [f"learner-{number}" for number in range(20)]


def verify(variables: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return learnflow("verify", *arguments, env=variables, timeout=200)


@contextmanager
def started(sidecar: Daprd) -> Iterator[Daprd]:
    """A sidecar of a tool's own, without an app."""
    sidecar.start()
    try:
        yield sidecar
    finally:
        sidecar.stop()


@pytest.mark.timeout(300)
def test_generations_are_compared_and_audited_beside_the_services(stack: Stack) -> None:
    infrastructure = stack.infrastructure

    def report(number: int) -> None:
        body = {"learner_id": LEARNERS[number % len(LEARNERS)], "lesson_id": f"l{number % 7}", "completion": 0.5}
        client.post("update-progress", json=body).raise_for_status()

    with (
        started(infrastructure.daprd(DaprdOptions(app_id="projector", name="verify", drain_seconds=0))) as sidecar,
        httpx2.Client(base_url=stack.user_progress, timeout=60, trust_env=False) as client,
        ThreadPoolExecutor(4) as clients,
    ):
        ours = {"LEARNFLOW_SIDECAR": "dapr", "LEARNFLOW_KAFKA_BROKERS": infrastructure.brokers}
        variables = {**sidecar.variables, **ours, "PATH": os.environ["PATH"]}
        traffic = [clients.submit(report, number) for number in range(800)]
        busy = verify(variables, "--json")
        assert busy.returncode == 0, busy.stdout + busy.stderr
        for one in traffic:
            one.result()
        wait_until_folded(infrastructure)

        quiet = verify(variables, "--json")
        assert quiet.returncode == 0, quiet.stdout + quiet.stderr
        found = json.loads(quiet.stdout)
        stored = [key for key in documents(infrastructure) if "||g1/" in key or key.startswith("g1/")]
        assert found["comparison"]["documents"] == len(stored)
        assert found["comparison"]["counts"]["learner"]["same"] == len(LEARNERS)
        assert sum(one["applied"] for one in found["audit"]["partitions"]) == len(traffic)
        assert found["audit"]["behind"] == 0

        changed = "convert_to(replace(convert_from(value, 'UTF8'), '\"reports\":', '\"reports\":1'), 'UTF8')"
        sql(infrastructure, f"UPDATE {TABLE} SET value = {changed} WHERE key LIKE %s", f"%g1/learner/{LEARNERS[0]}")  # noqa: S608 - ours
        damaged = verify(variables)
        assert damaged.returncode == DIFFERENT, damaged.stdout + damaged.stderr
        assert f"learner: lessons.*.reports  in 1 documents, e.g. learner/{LEARNERS[0]}" in damaged.stdout
        sound = verify(variables, "--audit-only")
        assert sound.returncode == 0, sound.stdout + sound.stderr
