"""A running server as its tests see it: import into it, wait until all is folded, look at the figures."""

import itertools
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from tests.e2e.oracle import Report, learner_figures, platform_figures
from tests.servers import learnflow

OULAD = Path(__file__).parents[1] / "data" / "oulad-aaa-submissions.csv"
MAPS = (
    "--map=learner_id={student_id}",
    "--map=lesson_id={module}-{presentation}-{assessment_id}",
    "--map=completion=1",
    "--map=score={score}/100",
    "--map=occurred_at={presentation:.4}-10-01 + {day} days",
)
_LONG_AGO = datetime(1970, 1, 2, tzinfo=UTC)
_PARTITIONS = 8


@dataclass
class Platform:
    """A server, and what the tests themselves have reported to it.

    Attributes:
        client: of the server.
        markers: reports of learners who are none of a test's own.
    """

    client: httpx2.Client
    markers: list[Report] = field(default_factory=list)

    def import_file(self, path: Path, *options: str, maps: Sequence[str] = MAPS) -> subprocess.CompletedProcess[str]:
        """Run `learnflow import`."""
        return learnflow("import", path, *maps, "--url", str(self.client.base_url), *options)

    def settle(self) -> None:
        """Return once everything that the log has now is folded.

        Marker learners report until one of every partition was heard of: a partition is folded in order, so what was
        in it before the marker is folded when the marker is.
        """
        heard: set[str] = set()
        for number in itertools.count():
            learner = f"marker-{number}"
            body = {
                "learner_id": learner,
                "lesson_id": "settled",
                "completion": 1,
                "occurred_at": "1970-01-02T00:00:00Z",
            }
            accepted = self.client.post("update-progress", json=body).raise_for_status()
            self.markers.append(Report(learner, "settled", _LONG_AGO, None))
            headers = {"Consistency-Token": accepted.headers["Consistency-Token"], "Prefer": "wait=30"}
            status = self.client.get("status", params={"learner_id": learner}, headers=headers).raise_for_status()
            assert status.headers["Consistency-Status"] == "included"
            heard |= status.json()["as_of"]["positions"].keys()
            if len(heard) == _PARTITIONS:
                return

    def status_of(self, learner: str) -> dict[str, Any]:
        """The learner's status, in full."""
        status = self.client.get("status", params={"learner_id": learner}).raise_for_status().json()
        assert isinstance(status, dict)
        return status

    def check(self, reports: Sequence[Report]) -> None:
        """Compare every learner's and the platform's figures with what these reports must give."""
        for learner, expected in learner_figures(reports).items():
            status = self.status_of(learner)
            lessons = {
                one["lesson_id"]: {"score": one["score"], "last_activity_at": one["last_activity_at"]}
                for one in status["lessons"]
            }
            assert {name: status[name] for name in expected} | {"lessons": lessons} == expected
        expected = platform_figures([*reports, *self.markers])
        status = self.client.get("status").raise_for_status().json()
        assert {name: status[name] for name in expected} == expected
