"""What the feature specification asks for: its requirements, success criteria, acceptance scenarios and edge cases."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Requirement:
    """A sentence of the specification.

    Attributes:
        id: as the specification numbers it; scenarios are `US{story}-{scenario}`, edge cases `EDGE-{place}`.
        text: what it says, shortened.
    """

    id: str
    text: str


REQUIREMENTS: Final = tuple(
    Requirement(*one)
    for one in (
        ("US1-1", "POST /generate-lesson creates a lesson and returns it with appropriate content"),
        ("US1-2", "GET /lessons returns the list of available lessons"),
        ("US2-1", "POST /update-progress records progress and confirms it"),
        ("US2-2", "GET /status returns the current status and progress metrics"),
        ("US3-1", "A deployed service with its Dapr sidecar registers with the placement service"),
        ("US3-2", "State operations store to and retrieve from the configured Postgres state store"),
        ("US3-3", "Messages are routed through the Kafka pub/sub component"),
        ("FR-001", "Course Agent is built using FastAPI"),
        ("FR-002", "User Progress is built using FastAPI"),
        ("FR-003", "Both services integrate with Dapr for state management using Postgres"),
        ("FR-004", "Both services integrate with Dapr for pub/sub messaging using Kafka"),
        ("FR-005", "Course Agent provides POST /generate-lesson"),
        ("FR-006", "Course Agent provides GET /lessons"),
        ("FR-007", "User Progress provides POST /update-progress"),
        ("FR-008", "User Progress provides GET /status"),
        ("FR-009", "Both services are scaffolded using the 'fastapi-dapr-agent' skill"),
        ("FR-010", "Both services are containerized for deployment"),
        ("FR-011", "Both services successfully register with the Dapr placement service"),
        ("FR-012", "Services are deployed to a Minikube cluster in the /phase-3-backend-services scope"),
        ("SC-001", "Course Agent is deployed and accessible via the specified API endpoints"),
        ("SC-002", "User Progress is deployed and accessible via the specified API endpoints"),
        ("SC-003", "Both services are successfully containerized and deployed to Minikube"),
        ("SC-004", "Both services successfully register with the Dapr placement service"),
        ("SC-005", "Dapr state management works with Postgres for both services"),
        ("SC-006", "Dapr pub/sub works with Kafka for both services"),
        ("SC-007", "All API endpoints return expected responses and handle errors appropriately"),
        ("SC-008", "Services are deployed within the /phase-3-backend-services folder structure"),
        ("EDGE-1", "The Dapr sidecar is not available"),
        ("EDGE-2", "The state store is not available"),
        ("EDGE-3", "Pub/sub messaging fails"),
        ("EDGE-4", "Invalid lesson generation requests"),
    )
)
"""In the order of the specification."""
