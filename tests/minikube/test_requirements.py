"""Every sentence of the specification has a check that speaks for it."""

from collections import Counter
from typing import Final

import pytest

from deploy.minikube.verification.checks import CHECKS
from deploy.minikube.verification.findings import KNOWN_IDS
from deploy.minikube.verification.phases import PHASES
from deploy.minikube.verification.requirements import REQUIREMENTS

FUNCTIONAL: Final = [f"FR-{number:03}" for number in range(1, 13)]
CRITERIA: Final = [f"SC-{number:03}" for number in range(1, 9)]
SCENARIOS: Final = ["US1-1", "US1-2", "US2-1", "US2-2", "US3-1", "US3-2", "US3-3"]
EDGES: Final = ["EDGE-1", "EDGE-2", "EDGE-3", "EDGE-4"]
OUTAGES: Final = {"EDGE-1", "EDGE-2", "EDGE-3"}
"""What can be tried only by taking something away."""


def test_the_requirements_are_those_of_the_specification() -> None:
    ids = [requirement.id for requirement in REQUIREMENTS]
    assert sorted(ids) == sorted([*FUNCTIONAL, *CRITERIA, *SCENARIOS, *EDGES])
    assert set(ids) == KNOWN_IDS


@pytest.mark.parametrize("requirement", [*FUNCTIONAL, *CRITERIA, *SCENARIOS, *EDGES])
def test_every_requirement_is_covered(requirement: str) -> None:
    covering = [check.name for check in CHECKS if requirement in check.covers]
    assert bool(covering) is (requirement not in OUTAGES)
    assert covering or [phase.name for phase in PHASES if requirement in phase.covers]


def test_checks_cover_known_requirements_and_each_has_a_name_of_its_own() -> None:
    everything = [*CHECKS, *PHASES]
    assert {requirement for check in everything for requirement in check.covers} == KNOWN_IDS
    assert all(check.covers for check in everything)
    assert max(Counter(check.name for check in everything).values()) == 1
    assert max(Counter(check.title for check in everything).values()) == 1
