"""What is read from Kubernetes, Dapr, Kafka and Postgres: the forms that their answers have."""

import ast
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.minikube.verification import in_pod
from deploy.minikube.verification.cluster import Container, Deployment, deployment_of, describe, pod_of, restarted
from deploy.minikube.verification.database import account_of
from deploy.minikube.verification.log import partition_of, topic_of
from deploy.minikube.verification.placement import Host, hosts_of
from deploy.minikube.verification.resources import Use, uses_of
from tests.kafka import partition_of as partition_by_dapr

PROGRAMS: Final = sorted(path for path in Path(in_pod.__file__).parent.glob("*.py") if path.name != "__init__.py")
COUNTS: Final = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")


def pod(**changed: Any) -> dict[str, Any]:
    """A pod as `kubectl get pod -o json` describes it, with its sidecar."""
    described: dict[str, Any] = {
        "metadata": {"name": "quiz-1", "uid": "u1", "labels": {"app.kubernetes.io/name": "quiz"}},
        "spec": {"containers": [{"name": "app", "image": "quiz:1"}, {"name": "daprd", "image": "daprd:1.18.1"}]},
        "status": {
            "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "True"}],
            "containerStatuses": [
                {"name": "daprd", "ready": True, "restartCount": 2, "imageID": "sha256:d"},
                {"name": "app", "ready": True, "restartCount": 0, "imageID": "sha256:a"},
            ],
        },
    }
    return {**described, **changed}


def test_a_pod_with_its_sidecar() -> None:
    found = pod_of(pod())
    assert (found.name, found.uid, found.app, found.ready, found.leaving, found.usable) == (
        "quiz-1",
        "u1",
        "quiz",
        True,
        False,
        True,
    )
    assert found.containers == {
        "app": Container("app", "quiz:1", "sha256:a", ready=True, restarts=0),
        "daprd": Container("daprd", "daprd:1.18.1", "sha256:d", ready=True, restarts=2),
    }
    assert describe([found]) == "quiz-1 2/2"


def test_a_sidecar_among_the_init_containers_is_one_of_the_pods_containers() -> None:
    spec = {
        "initContainers": [
            {"name": "prepares", "image": "busybox"},
            {"name": "daprd", "image": "daprd:1.18.1", "restartPolicy": "Always"},
        ],
        "containers": [{"name": "app", "image": "quiz:1"}],
    }
    status = {"initContainerStatuses": [{"name": "daprd", "ready": True, "restartCount": 1, "imageID": "sha256:d"}]}
    found = pod_of(pod(spec=spec, status=status)).containers
    assert found.keys() == {"app", "daprd"}
    assert (found["daprd"].ready, found["daprd"].restarts) == (True, 1)
    assert not found["app"].ready


def test_a_pod_that_has_not_begun_or_is_leaving_is_not_usable() -> None:
    fresh = pod_of(pod(status={}))
    assert (fresh.ready, fresh.usable, describe([fresh])) == (False, False, "quiz-1 0/2")
    metadata = {"name": "quiz-1", "uid": "u1", "deletionTimestamp": "2026-01-31T00:00:00Z"}
    leaving = pod_of(pod(metadata=metadata))
    assert (leaving.ready, leaving.usable, leaving.app) == (True, False, "")
    assert describe([leaving, fresh]) == "quiz-1 2/2 leaving, quiz-1 0/2"
    assert describe([]) == "none"


def test_containers_that_were_started_again_are_named_with_the_reason() -> None:
    before = pod_of(pod())
    status = pod()["status"]
    status["containerStatuses"][0] |= {"restartCount": 3, "lastState": {"terminated": {"reason": "OOMKilled"}}}
    after = pod_of(pod(status=status))
    assert restarted([before], [before]) == {}
    assert restarted([before], [after]) == {("u1", "daprd"): "daprd of quiz-1: OOMKilled"}
    successor = pod_of(pod(metadata={"name": "quiz-1", "uid": "u2"}, status=status))
    assert restarted([before], [successor]) == {}


def test_what_containers_of_a_namespace_use() -> None:
    def described(namespace: str, **figures: Any) -> dict[str, Any]:
        container = {"name": "app", **figures}
        return {"podRef": {"name": "quiz-1", "namespace": namespace}, "containers": [container]}

    busy = {"memory": {"workingSetBytes": 64 * 2**20 + 5}, "cpu": {"usageCoreNanoSeconds": 2_500_000_000}}
    summary = {"pods": [described("quiz", **busy), described("other", **busy), described("quiz")]}
    assert uses_of(summary, "quiz") == [Use("quiz-1", "app", 64, 2.5), Use("quiz-1", "app", 0, 0)]
    assert uses_of({}, "quiz") == []


@given(
    wanted=st.integers(0, 3),
    counts=st.fixed_dictionaries({}, optional={name: st.integers(0, 3) for name in COUNTS}),
    generation=st.integers(1, 2),
    observed=st.integers(0, 2),
)
def test_a_deployment_is_settled_if_it_has_what_its_present_template_wants(
    wanted: int, counts: Mapping[str, int], generation: int, observed: int
) -> None:
    description = {
        "metadata": {"name": "quiz", "generation": generation},
        "spec": {"replicas": wanted},
        "status": {**counts, "observedGeneration": observed},
    }
    settled = observed >= generation and all(counts.get(name, 0) == wanted for name in COUNTS)
    assert deployment_of(description) == Deployment("quiz", wanted, settled)


def test_placements_table_of_dapr_1_18() -> None:
    state = {
        "tables": {
            "learnflow": {
                "hosts": [
                    {
                        "name": "10.244.0.20:50002",
                        "entities": ["CourseAgent"],
                        "id": "course-agent",
                        "api_level": 20,
                        "namespace": "learnflow",
                    },
                    {"name": "10.244.0.9:50002", "entities": ["B", "A"], "id": "other", "namespace": "learnflow"},
                ],
                "version": 2,
            }
        }
    }
    assert hosts_of(state) == (
        Host("course-agent", "learnflow", "10.244.0.20:50002", ("CourseAgent",)),
        Host("other", "learnflow", "10.244.0.9:50002", ("A", "B")),
    )


@pytest.mark.parametrize("state", [{}, {"tables": None}, {"tables": {"default": {"hosts": None}}}])
def test_an_empty_table_names_nobody(state: dict[str, Any]) -> None:
    assert hosts_of(state) == ()


HOSTS: Final = st.lists(
    st.fixed_dictionaries(
        {"name": st.text(), "id": st.text(), "entities": st.lists(st.text(), unique=True)},
        optional={"namespace": st.text(min_size=1)},
    ),
    max_size=5,
)


@given(tables=st.dictionaries(st.text(min_size=1), st.fixed_dictionaries({"hosts": HOSTS}), max_size=3))
def test_every_host_of_every_table_is_found_once(tables: dict[str, Any]) -> None:
    expected = {
        (host["id"], host.get("namespace", name), host["name"], frozenset(host["entities"]))
        for name, table in tables.items()
        for host in table["hosts"]
    }
    found = [
        (one.app_id, one.namespace, one.address, frozenset(one.actor_types)) for one in hosts_of({"tables": tables})
    ]
    assert set(found) == expected
    assert len(found) == len(expected)


@given(key=st.text(max_size=40), partitions=st.integers(1, 64))
def test_a_key_is_expected_where_the_sidecar_puts_it(key: str, partitions: int) -> None:
    assert partition_of(key, partitions) == partition_by_dapr(key, partitions)


@pytest.mark.parametrize(("key", "state"), [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)])
def test_the_hash_is_fnv_1a_by_its_published_vectors(key: str, state: int) -> None:
    signed = state - 2**32  # all of them have the highest bit set
    assert partition_of(key, 1000) == -signed % 1000


def test_what_the_program_in_the_pod_says_of_the_topic() -> None:
    topic = topic_of(
        {
            "settings": {"retention.ms": "-1"},
            "replicas": {"0": 1, "1": 1, "2": 1},
            "begins": {"0": 0, "1": 2, "2": 0},
            "ends": {"0": 10, "1": 2, "2": 3},
            "committed": {"0": 10, "1": -1001},
            "group_state": "STABLE",
            "members": {"one": [1, 0], "two": [1]},
        }
    )
    assert topic.committed == {0: 10}
    assert topic.members == {"one": (0, 1), "two": (1,)}
    assert topic.owners == {0: 1, 1: 2, 2: 0}
    assert (topic.begins[1], topic.ends[2]) == (2, 3)


@given(
    counts=st.fixed_dictionaries(
        {}, optional={name: st.integers(0, 5) for name in ("applied", "duplicate", "parked", "missing")}
    ),
    log_start=st.integers(0, 5),
    checkpoint=st.integers(-1, 20),
)
def test_accounts_are_sound_if_every_offset_became_something_once(
    counts: dict[str, int], log_start: int, checkpoint: int
) -> None:
    account = account_of({"partition": 3, "log_start": log_start, "checkpoint": checkpoint, **counts})
    assert account.sound is (
        sum(counts.values()) == len(range(log_start, checkpoint + 1)) - max(0, log_start - checkpoint - 1)
    )


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_programs_for_pods_need_nothing_but_what_is_in_the_image(program: Path) -> None:
    tree = ast.parse(program.read_text(encoding="utf-8"), feature_version=(3, 11))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - {"confluent_kafka"} <= sys.stdlib_module_names
    assert {in_pod.SIDECAR, in_pod.LOG, in_pod.SELF} == {path.stem for path in PROGRAMS}
