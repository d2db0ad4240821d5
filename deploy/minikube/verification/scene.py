"""What checks look at: the cluster, the services, and one learner's story that they share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from deploy.minikube.verification.api import Answer, Client
from deploy.minikube.verification.cluster import COURSE_AGENT, USER_PROGRESS, Cluster
from deploy.minikube.verification.database import Postgres
from deploy.minikube.verification.errors import NotThere, Unexpected, VerificationError
from deploy.minikube.verification.log import Log

CHECKOUT: Final = Path(__file__).parents[3]
WAIT_SECONDS: Final = 30
LEARNER_PREFIX: Final = "verify-"
ACCEPTED: Final = 202
OK: Final = 200


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the services are reached from outside of the cluster.

    Raises:
        ValueError: one is no address of a service.
    """

    course_agent: str
    user_progress: str

    def __post_init__(self) -> None:
        for url in (self.course_agent, self.user_progress):
            Client(url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A learner asks for a lesson, reports on it, and asks for another; every command was answered 202.

    Attributes:
        log_before: by partition, where the log ended before.
        asked: the body of the first request for a lesson.
        lesson: what it was answered with.
        reported: the body of the report.
        report: what it was answered with.
        next_lesson: what the second request was answered with; by then the report was in the learner's status.
        last_token: by which a GET includes all of it.
    """

    learner: str
    log_before: Mapping[int, int]
    asked: Mapping[str, Any]
    lesson: Answer
    reported: Mapping[str, Any]
    report: Answer
    next_lesson: Answer

    @property
    def lesson_id(self) -> str:
        """Of the first lesson."""
        return self.lesson.headers["location"].removeprefix("/lessons/")

    @property
    def last_token(self) -> str:
        """By which a GET includes all of it."""
        return self.next_lesson.headers["consistency-token"]


@dataclass
class Scene:
    """What there is to look at.

    Attributes:
        addresses: of the services.
        checkout: the top folder of the repository.
        tell: is told what is under way, where that takes long.
        learner: whose story is told; nobody else has the name.
    """

    cluster: Cluster
    addresses: Addresses
    checkout: Path = CHECKOUT
    tell: Callable[[str], None] = lambda _: None
    learner: str = field(default_factory=lambda: f"{LEARNER_PREFIX}{uuid4().hex[:12]}")

    @cached_property
    def course_agent(self) -> Client:
        """A client of course-agent."""
        return Client(self.addresses.course_agent)

    @cached_property
    def user_progress(self) -> Client:
        """A client of user-progress."""
        return Client(self.addresses.user_progress)

    @cached_property
    def postgres(self) -> Postgres:
        """The database."""
        return Postgres(self.cluster.kubectl)

    @cached_property
    def log(self) -> Log:
        """The log."""
        return Log(self.cluster)

    @property
    def story(self) -> Story:
        """The story of this scene's learner; it is told once, at the first question.

        Raises:
            VerificationError: it could not be told to its end; the same for every question.
        """
        told = self._told
        if isinstance(told, VerificationError):
            raise Unexpected(f"the story of learner {self.learner} broke off: {told}") from told
        return told

    @cached_property
    def _told(self) -> Story | VerificationError:
        try:
            return tell(self)
        except VerificationError as error:
            return error


def tell(scene: Scene) -> Story:
    """Tell the story of a scene's learner.

    Raises:
        VerificationError: a command was not accepted, or the report is not in the status in time.
    """
    learner = scene.learner
    log_before = scene.log.topic().ends
    asked = {"learner_id": learner, "topic": "Python decorators", "level": "beginner", "duration_minutes": 30}
    lesson = _accepted(scene.course_agent.post("/generate-lesson", asked))
    reported = {
        "learner_id": learner,
        "lesson_id": lesson.headers["location"].removeprefix("/lessons/"),
        "completion": 1,
        "score": 0.85,
        "time_spent_seconds": 1260.5,
        "achievements": ["first-lesson"],
    }
    report = _accepted(scene.user_progress.post("/update-progress", reported))
    including(scene.user_progress, "/status", report.headers["consistency-token"], learner_id=learner)
    another = {"learner_id": learner, "topic": "Python for loops", "duration_minutes": 30}
    return Story(
        learner=learner,
        log_before=log_before,
        asked=asked,
        lesson=lesson,
        reported=reported,
        report=report,
        next_lesson=_accepted(scene.course_agent.post("/generate-lesson", another)),
    )


def including(client: Client, path: str, token: str, **params: str) -> Answer:
    """GET an answer that includes what was accepted under a token.

    Raises:
        Unexpected: the answer is another than 200, or does not include it in time.
        NoAnswer: there is none.
    """
    answer = client.get(path, headers={"Consistency-Token": token, "Prefer": f"wait={WAIT_SECONDS}"}, **params)
    status = answer.headers.get("consistency-status", "")
    if answer.status != OK or status != "included":
        raise Unexpected(f"GET {path} answers {answer.describe()}, Consistency-Status {status or 'missing'}")
    return answer


def addresses_of(cluster: Cluster, course_agent: str | None, user_progress: str | None) -> Addresses:
    """Where the services are: as given, else at the NodePorts of their Services on the address of a node.

    Raises:
        NotThere: a Service has no NodePort.
        ValueError: what was given is no address.
        VerificationError: the cluster does not answer.
    """
    return Addresses(
        course_agent or _node_address(cluster, COURSE_AGENT), user_progress or _node_address(cluster, USER_PROGRESS)
    )


def _node_address(cluster: Cluster, service: str) -> str:
    ports = cluster.kubectl.json("get", "service", service)["spec"]["ports"]
    node_ports = [port["nodePort"] for port in ports if "nodePort" in port]
    nodes = cluster.kubectl.json("get", "nodes")["items"]
    addresses = [one["address"] for node in nodes for one in node["status"]["addresses"] if one["type"] == "InternalIP"]
    if not node_ports or not addresses:
        raise NotThere(f"Service {service} has no NodePort; say where it is reached with --{service} URL")
    return f"http://{addresses[0]}:{node_ports[0]}"


def _accepted(answer: Answer) -> Answer:
    if answer.status != ACCEPTED:
        raise Unexpected(f"a command was answered {answer.describe()}: {answer.body[:300]!r}")
    return answer
