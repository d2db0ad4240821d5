"""The log: events in Kafka's topic, and every one of them accounted for."""

import json
from typing import Any, Final

from jsonschema import Draft202012Validator

from deploy.minikube.verification.check import Check
from deploy.minikube.verification.database import Account
from deploy.minikube.verification.errors import NotInTime
from deploy.minikube.verification.findings import Notebook
from deploy.minikube.verification.log import Record, Topic, partition_of
from deploy.minikube.verification.scene import Scene
from deploy.minikube.verification.waiting import wait_until

SETTINGS: Final = {
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    "message.timestamp.type": "LogAppendTime",
}
"""Others would lose events, or forget when they came."""
PARTITIONS: Final = 8
FOLD_SECONDS: Final = 60.0
_REST_SECONDS: Final = 20.0
_TYPE: Final = "io.learnflow."


def _events(scene: Scene, see: Notebook) -> None:
    story = scene.story
    records = [one for one in scene.log.records(story.log_before, story.learner) if one.key == story.learner]
    by_id = {one.event["id"]: one for one in records}
    answers = (story.lesson, story.report, story.next_lesson)
    ids = [answer.json()["event_id"] for answer in answers]
    see.holds(
        sorted(ids) == sorted(one.event["id"] for one in records),
        f"a consumer of its own finds the {len(ids)} events of {story.learner} in topic learnflow.events, no others",
        else_=f"found {len(records)}",
    )
    expected = partition_of(story.learner, len(story.log_before))
    for event_id in ids:
        record = by_id.get(event_id)
        if record is None:
            see.fails(f"event {event_id} is not in the topic")
        else:
            _event(scene, see, record, expected)
    sources = {one.event["source"] for one in records}
    see.holds(
        sources == {"/learnflow/course-agent", "/learnflow/user-progress"},
        f"both services published: {', '.join(sorted(sources))}",
    )


def _event(scene: Scene, see: Notebook, record: Record, partition: int) -> None:
    event = record.event
    see.holds(
        record.partition == partition and {event["subject"], event["partitionkey"]} == {record.key},
        f"{event['type']} at partition {record.partition}, offset {record.offset}, keyed by the learner",
        else_=f"partition {partition} was expected, subject {event['subject']}",
    )
    name = str(event["type"]).removeprefix(_TYPE)
    schema: dict[str, Any] = json.loads(
        (scene.checkout / "docs/contracts/events" / f"{name}.json").read_text(encoding="utf-8")
    )
    faults = [error.message for error in Draft202012Validator(schema).iter_errors(event["data"])]
    see.holds(
        not faults and event["specversion"] == "1.0" and event["dataschema"] == schema["$id"],
        f"it is a CloudEvent 1.0, valid by docs/contracts/events/{name}.json",
        else_="; ".join(faults) or f"specversion {event['specversion']}, dataschema {event['dataschema']}",
    )


def _topic(scene: Scene, see: Notebook) -> None:
    topic = scene.log.topic()
    for name, value in SETTINGS.items():
        see.holds(topic.settings.get(name) == value, f"{name}={value}", else_=f"it is {topic.settings.get(name)}")
    see.holds(len(topic.ends) == PARTITIONS, f"{PARTITIONS} partitions", else_=f"there are {len(topic.ends)}")
    see.note(
        f"{sum(topic.ends.values()) - sum(topic.begins.values())} records, replication factor"
        f" {min(topic.replicas.values())}, min.insync.replicas {topic.settings.get('min.insync.replicas')}"
    )
    see.holds(
        topic.group_state == "STABLE" and set(topic.owners.values()) == {1},
        f"consumer group learnflow-projector is stable; each partition has one owner ({len(topic.members)} members)",
        else_=f"state {topic.group_state}, owners by partition {topic.owners}",
    )

    def lag() -> str | None:
        now = scene.log.topic()
        behind = {number: end - now.committed.get(number, now.begins[number]) for number, end in now.ends.items()}
        return f"behind, by partition: {behind}" if any(behind.values()) else None

    seconds = wait_until(lag, what="the group has committed all", seconds=_REST_SECONDS)
    see.holds(True, f"it has committed every offset (lag 0), seen after {seconds:.1f} s")


def _accounts(scene: Scene, see: Notebook) -> None:
    topic, accounts = settled(scene)
    for _, account in sorted(accounts.items()):
        see.holds(
            account.sound and account.checkpoint + 1 == topic.ends[account.partition],
            f"partition {account.partition}: {account.applied} applied + {account.duplicate} duplicate +"
            f" {account.parked} parked + {account.missing} missing = offsets {account.log_start} to"
            f" {account.checkpoint}",
            else_=f"the log ends before {topic.ends[account.partition]}",
        )
    see.holds(accounts.keys() == topic.ends.keys(), f"every one of {len(topic.ends)} partitions has its accounts")


def settled(scene: Scene, *, seconds: float = FOLD_SECONDS) -> tuple[Topic, dict[int, Account]]:
    """The log and the accounts, once all that the log has is accounted for.

    Raises:
        NotInTime: it is not in time.
        VerificationError: one of both can't be asked.
    """
    topic = scene.log.topic()
    accounts = dict[int, Account]()

    def trouble() -> str | None:
        accounts.clear()
        accounts.update(scene.postgres.accounts())
        behind = {
            number: end - (accounts[number].checkpoint + 1) if number in accounts else end
            for number, end in topic.ends.items()
        }
        return f"behind, by partition: {behind}" if any(left > 0 for left in behind.values()) else None

    wait_until(trouble, what="every offset of the log is folded", seconds=seconds)
    ahead = [one.partition for one in accounts.values() if one.checkpoint + 1 > topic.ends[one.partition]]
    if ahead:
        raise NotInTime("nobody else writes", seconds, f"partitions {ahead} have grown meanwhile")
    return topic, accounts


CHECKS: Final = (
    Check("events", "Both services' events are in Kafka's topic", ("US3-3", "FR-004", "SC-006"), _events),
    Check(
        "topic", "The topic loses nothing, and the projector has taken all of it", ("US3-3", "FR-004", "SC-006"), _topic
    ),
    Check("accounts", "Every offset of the log is accounted for, once", ("US3-3", "SC-005", "SC-006"), _accounts),
)
"""See `checks`."""
