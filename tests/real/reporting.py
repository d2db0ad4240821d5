"""Reports of progress to a real stack, and what the figures must be then."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

import httpx2

from deploy.stack.stack import Stack
from tests.e2e.oracle import Report
from tests.e2e.platform import Platform

_BEGIN: Final = datetime(2024, 2, 1, tzinfo=UTC)


class Reporter:
    """Reports that lessons were completed, each report a minute after the one before.

    Attributes:
        client: of user-progress.
        platform: what it serves.
        accepted: reports that were answered 202.
    """

    def __init__(self, client: httpx2.Client) -> None:
        self.client = client
        self.platform = Platform(client)
        self.accepted: list[Report] = []

    def report(self, learner: str, lesson: str = "loops") -> str:
        """Report once; returns the consistency token."""
        number = len(self.accepted)
        report = Report(learner, lesson, _BEGIN + timedelta(minutes=number), Fraction(number % 101, 100))
        body = {
            "learner_id": learner,
            "lesson_id": lesson,
            "completion": 1,
            "score": number % 101 / 100,
            "occurred_at": report.at.isoformat(),
        }
        answer = self.client.post("update-progress", json=body).raise_for_status()
        self.accepted.append(report)
        return str(answer.headers["Consistency-Token"])

    def check(self) -> None:
        """Compare all figures with what was accepted."""
        self.platform.check(self.accepted)


@contextmanager
def reporting(stack: Stack) -> Iterator[Reporter]:
    """A reporter to the stack's user-progress."""
    with httpx2.Client(base_url=stack.user_progress, timeout=60, trust_env=False) as client:
        yield Reporter(client)
