"""What the deployment has to bear under traffic.

Each is a check that takes minutes, changes the cluster, and puts it back.
"""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from deploy.minikube.verification.check import Check
from deploy.minikube.verification.cluster import (
    APP,
    COURSE_AGENT,
    DAPRD,
    KAFKA_POD,
    POSTGRES_POD,
    PROJECTOR,
    SERVICES,
    USER_PROGRESS,
    Pod,
    describe,
    restarted,
)
from deploy.minikube.verification.errors import NotThere, Unexpected, VerificationError
from deploy.minikube.verification.findings import Notebook
from deploy.minikube.verification.judging import before, judge
from deploy.minikube.verification.ledger import Ending, Exchange, Span, chosen, counted, not_fine
from deploy.minikube.verification.scene import Scene
from deploy.minikube.verification.sidecars import ask_sidecar
from deploy.minikube.verification.traffic import Traffic
from deploy.minikube.verification.waiting import wait_until

READY_SECONDS: Final = 300.0
"""That a pod may take until it is there again, or a rollout."""
SERVED_SECONDS: Final = 90.0
"""That services may take to serve all once every pod is ready."""
STEADY_SECONDS: Final = 6.0
"""Of traffic between two steps."""
SHARING_SECONDS: Final = 15.0
SHARES: Final = 3
_NO_CONTENT: Final = 204
_DELETE: Final = ("--wait=false",)


_Ended = Collection[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Step:
    """Something that is done to the deployment under traffic.

    Attributes:
        what: it is.
        do: does it, and returns when all pods are ready again. The answer names the containers that it ended in pods
            that stay, each by the pod's uid and its own name.
        spared: services and methods that must not notice.
    """

    what: str
    do: Callable[[], _Ended]
    spared: frozenset[tuple[str, str]]


def _both(*methods: str, services: Iterable[str] = (COURSE_AGENT, USER_PROGRESS)) -> frozenset[tuple[str, str]]:
    return frozenset((service, method) for service in services for method in methods)


def _others(app: str) -> frozenset[tuple[str, str]]:
    """What must not notice that an app, or its sidecar, is away: the other service; both, if it is the projector."""
    return _both("GET", "POST", services={COURSE_AGENT, USER_PROGRESS} - {app})


def _restarts(scene: Scene, see: Notebook) -> None:
    steps = [
        *(_Step(f"{app}'s sidecar ends", _sidecar_ender(scene, see, app), _others(app)) for app in SERVICES),
        *(_Step(f"a pod of {app} is deleted", _app_deleter(scene, app), _others(app)) for app in SERVICES),
        _Step(f"{KAFKA_POD} is deleted", _deleter(scene, KAFKA_POD), _both("GET")),
        _Step(f"{POSTGRES_POD} is deleted", _deleter(scene, POSTGRES_POD), _both("POST")),
    ]
    _under_traffic(scene, see, "restarts", steps)


def _rollouts(scene: Scene, see: Notebook) -> None:
    steps = [_Step(f"{app} is rolled out anew", _roller(scene, app), _both("GET")) for app in SERVICES]
    _under_traffic(scene, see, "rollouts", steps)


def _scaling(scene: Scene, see: Notebook) -> None:
    wanted = scene.cluster.deployment(PROJECTOR).wanted
    steps = [
        _Step(f"{PROJECTOR} has {replicas}", _scaler(scene, see, replicas), _both("GET", "POST"))
        for replicas in (1, SHARES, 1)
    ]
    try:
        _under_traffic(scene, see, "scaling", steps)
    finally:
        _scale(scene, wanted)


def _under_traffic(scene: Scene, see: Notebook, name: str, steps: Iterable[_Step]) -> None:
    earlier = before(scene)
    with Traffic(scene.addresses, f"{scene.learner}-{name}") as traffic:
        traffic.run_for(STEADY_SECONDS)
        for step in steps:
            _take(scene, see, traffic, step)
    judge(scene, see, earlier, traffic)


def _take(scene: Scene, see: Notebook, traffic: Traffic, step: _Step) -> None:
    scene.tell(f"{step.what} ...")
    pods = scene.cluster.pods()
    began = time.monotonic()
    ended = step.do()
    ready = time.monotonic()
    traffic.wait_served(ready, seconds=SERVED_SECONDS)
    outage = Span(began, time.monotonic())
    traffic.run_for(STEADY_SECONDS)
    during = outage.of(list(traffic.exchanges))
    harmed = [one for one in not_fine(during) if (one.service, one.method) in step.spared]
    spared = ", ".join(sorted(f"{method} of {service}" for service, method in step.spared))
    see.holds(
        not harmed,
        f"{step.what}: all ready after {ready - began:.1f} s, all served after {outage.seconds:.1f} s;"
        f" no failed {spared}",
        else_=_failures(harmed),
    )
    for method in ("POST", "GET"):
        failed = not_fine(chosen(during, method=method))
        if failed and not {id(one) for one in failed} <= {id(one) for one in harmed}:
            see.note(f"{step.what}: {_failures(failed)} of {len(chosen(during, method=method))} {method}s meanwhile")
    others = [text for place, text in restarted(pods, scene.cluster.pods()).items() if place not in ended]
    see.holds(not others, f"{step.what}: no container ended by itself", else_="; ".join(others))
    after = [one for one in list(traffic.exchanges) if one.began > outage.ended and one.ending is not Ending.FINE]
    see.holds(not after, f"{step.what}: nothing fails once it is over", else_=_failures(after))


def _failures(exchanges: list[Exchange]) -> str:
    by_service = {one.service: chosen(exchanges, service=one.service) for one in exchanges}
    return "; ".join(f"{service} {counted(own)}" for service, own in sorted(by_service.items()))


def _sidecar_ender(scene: Scene, see: Notebook, app: str) -> Callable[[], _Ended]:
    def end() -> _Ended:
        old = scene.cluster.a_pod(app)
        try:
            (answer,) = ask_sidecar(scene.cluster.kubectl, old, ("POST", "/v1.0/shutdown"))
        except VerificationError as error:
            raise Unexpected(f"{app}'s sidecar could not be asked to end: {error}") from error
        if answer.status != _NO_CONTENT:
            raise Unexpected(f"{app}'s sidecar, asked to end, answers {answer.status}")

        def trouble() -> str | None:
            found = [pod for pod in scene.cluster.pods(app) if pod.uid == old.uid]
            if found and found[0].usable and _restarts_of(found[0], DAPRD) > _restarts_of(old, DAPRD):
                return None
            return f"pods: {describe(scene.cluster.pods(app))}"

        wait_until(trouble, what=f"{old.name} has a sidecar again", seconds=READY_SECONDS)
        now = next(pod for pod in scene.cluster.pods(app) if pod.uid == old.uid)
        see.holds(_restarts_of(now, APP) == _restarts_of(old, APP), f"{app} itself goes on while its sidecar is away")
        return [(old.uid, DAPRD)]

    return end


def _app_deleter(scene: Scene, app: str) -> Callable[[], _Ended]:
    def delete() -> _Ended:
        scene.cluster.kubectl.run("delete", "pod", scene.cluster.a_pod(app).name, *_DELETE)
        scene.cluster.wait_settled(app, seconds=READY_SECONDS)
        return ()

    return delete


def _deleter(scene: Scene, name: str) -> Callable[[], _Ended]:
    def delete() -> _Ended:
        old = next((pod for pod in scene.cluster.pods() if pod.name == name), None)
        if old is None:
            raise NotThere(f"there is no pod {name}")
        scene.cluster.kubectl.run("delete", "pod", name, *_DELETE)
        scene.cluster.wait_replaced(old, seconds=READY_SECONDS)
        return ()

    return delete


def _roller(scene: Scene, app: str) -> Callable[[], _Ended]:
    def roll() -> _Ended:
        old = {pod.uid for pod in scene.cluster.pods(app)}
        scene.cluster.kubectl.run("rollout", "restart", f"deployment/{app}")
        scene.cluster.wait_settled(app, seconds=READY_SECONDS)
        if old & {pod.uid for pod in scene.cluster.pods(app)}:
            raise Unexpected(f"a rollout of {app} left pods of before")
        return ()

    return roll


def _scaler(scene: Scene, see: Notebook, replicas: int) -> Callable[[], _Ended]:
    def scale() -> _Ended:
        _scale(scene, replicas)
        scene.cluster.wait_settled(PROJECTOR, seconds=READY_SECONDS)

        def trouble() -> str | None:
            topic = scene.log.topic()
            shared = len(topic.members) == replicas and set(topic.owners.values()) == {1}
            return None if shared else f"state {topic.group_state}, owners by partition {topic.owners}"

        seconds = wait_until(trouble, what=f"{replicas} share the partitions", seconds=READY_SECONDS)
        shares = sorted((len(own) for own in scene.log.topic().members.values()), reverse=True)
        see.note(
            f"{replicas} members of the group own {', '.join(map(str, shares))} partitions, seen after {seconds:.1f} s"
        )
        time.sleep(SHARING_SECONDS)
        return ()

    return scale


def _scale(scene: Scene, replicas: int) -> None:
    scene.cluster.kubectl.run("scale", f"deployment/{PROJECTOR}", f"--replicas={replicas}")


def _restarts_of(pod: Pod, container: str) -> int:
    return pod.containers[container].restarts if container in pod.containers else 0


PHASES: Final = (
    Check(
        "restarts",
        "Every sidecar and every pod can end, Kafka's and Postgres's too, and nothing accepted is lost",
        ("EDGE-1", "EDGE-2", "EDGE-3", "SC-007"),
        _restarts,
    ),
    Check(
        "rollouts",
        "Every service can be rolled out anew without a failed GET or a lost POST",
        ("SC-001", "SC-002", "SC-003"),
        _rollouts,
    ),
    Check(
        "scaling", f"The projector can go from 1 to {SHARES} and back, and the figures are exact", ("SC-006",), _scaling
    ),
)
"""In the order in which they are carried out."""
