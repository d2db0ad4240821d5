"""The log in Kafka, past Dapr's pub/sub: its settings, its bounds, who delivers from it, its records."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from deploy.minikube.verification.cluster import PROJECTOR, Cluster
from deploy.minikube.verification.in_pod import LOG, ask_in
from deploy.minikube.verification.kubectl import read_json

READ_SECONDS: Final = 120.0
_FNV_OFFSET: Final = 0x811C9DC5
_FNV_PRIME: Final = 0x01000193
_SIGN: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class Topic:
    """The topic and its consumer group at one moment.

    Attributes:
        settings: by the names that Kafka has for them.
        replicas: by partition, how many copies there are.
        begins: by partition, the first offset there is.
        ends: by partition, the offset that the next record gets.
        committed: by partition, what the group has committed; a partition without is left out.
        group_state: as Kafka calls it; `STABLE` where every member knows what is its own.
        members: by host and id, the partitions that each owns.
    """

    settings: Mapping[str, str]
    replicas: Mapping[int, int]
    begins: Mapping[int, int]
    ends: Mapping[int, int]
    committed: Mapping[int, int]
    group_state: str
    members: Mapping[str, tuple[int, ...]]

    @property
    def owners(self) -> dict[int, int]:
        """By partition, how many members own it."""
        return {number: sum(number in own for own in self.members.values()) for number in self.ends}


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the log.

    Attributes:
        event: the value, read as JSON.
    """

    partition: int
    offset: int
    key: str
    event: Mapping[str, Any]


class Log:
    """The log of the deployment, asked for in a pod of the projector."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def topic(self) -> Topic:
        """The topic and its group now.

        Raises:
            VerificationError: the brokers, or a pod to ask them from, can't be reached.
        """
        return topic_of(self._ask({"about": True}))

    def records(self, begins: Mapping[int, int], prefix: str) -> list[Record]:
        """Records from given offsets on whose key begins with a prefix, by partition and offset.

        Raises:
            VerificationError: see `topic`.
        """
        answer = self._ask({"from": begins, "prefix": prefix, "values": True})
        return [
            Record(
                one["partition"],
                one["offset"],
                one["key"],
                read_json(base64.b64decode(one["value"]).decode(), "a record of the log"),
            )
            for one in answer["records"]
        ]

    def ids(self, begins: Mapping[int, int], prefix: str) -> list[str]:
        """The ids of the events of such records, one a record.

        Raises:
            VerificationError: see `topic`.
        """
        answer = self._ask({"from": begins, "prefix": prefix, "values": False})
        return [str(one["id"]) for one in answer["records"]]

    def _ask(self, question: Mapping[str, Any]) -> Any:
        pod = self._cluster.a_pod(PROJECTOR)
        return ask_in(self._cluster.kubectl, pod, LOG, question, seconds=READ_SECONDS)


def topic_of(said: Mapping[str, Any]) -> Topic:
    """A topic, from what the program in the pod says."""
    return Topic(
        settings=dict(said["settings"]),
        replicas=_by_partition(said["replicas"]),
        begins=_by_partition(said["begins"]),
        ends=_by_partition(said["ends"]),
        committed={number: offset for number, offset in _by_partition(said["committed"]).items() if offset >= 0},
        group_state=said["group_state"],
        members={name: tuple(sorted(own)) for name, own in said["members"].items()},
    )


def partition_of(key: str, partitions: int) -> int:
    """The partition that Dapr's Kafka component puts a key into: FNV-1a of 32 bits, taken as a signed number."""
    state = _FNV_OFFSET
    for byte in key.encode():
        state = (state ^ byte) * _FNV_PRIME % (1 << 32)
    return abs(state - (1 << 32) if state >= _SIGN else state) % partitions


def _by_partition(said: Mapping[str, int]) -> dict[int, int]:
    return {int(number): value for number, value in said.items()}
