"""Inside the projector's app container: the topic, the consumer group that delivers, and records.

They are read by a consumer of its own that assigns partitions to itself from offsets that it is told. It joins no group
and commits nothing, so the projector's sidecars are not disturbed. Credentials come as the app's do: from the secret
that LEARNFLOW_KAFKA_SECRET names, through Dapr.

Asked with {"about": true} for the topic and the group, or with {"from": {partition: offset}, "prefix": text, "values":
true or false} for the records from there to the present end whose key begins with the prefix.
"""

import base64
import json
import os
import sys
import urllib.request
from typing import Any, Final

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

TOPIC: Final = "learnflow.events"
GROUP: Final = "learnflow-projector"
STORE: Final = "secrets"
SECONDS: Final = 20.0


def properties() -> dict[str, Any]:
    """Of librdkafka, to reach the brokers."""
    brokers = {"bootstrap.servers": os.environ["LEARNFLOW_KAFKA_BROKERS"], "log_level": 2}
    name = os.environ.get("LEARNFLOW_KAFKA_SECRET")
    if not name:
        return brokers
    request = urllib.request.Request(
        f"http://127.0.0.1:{os.environ.get('DAPR_HTTP_PORT', '3500')}/v1.0/secrets/{STORE}/{name}",
        headers={"dapr-api-token": os.environ.get("DAPR_API_TOKEN", "")},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=SECONDS) as response:
        return {**brokers, **json.load(response)}


def about() -> dict[str, Any]:
    """The topic's settings and bounds; the group's members, and what each partition has committed."""
    admin = AdminClient(properties())
    topic = admin.list_topics(TOPIC, SECONDS).topics[TOPIC]
    partitions = sorted(topic.partitions)
    resource = ConfigResource(ResourceType.TOPIC, TOPIC)
    settings = admin.describe_configs([resource])[resource].result(SECONDS)
    committed = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP)])[GROUP].result(SECONDS)
    group = admin.describe_consumer_groups([GROUP])[GROUP].result(SECONDS)
    return {
        "settings": {name: entry.value for name, entry in settings.items()},
        "replicas": {number: len(topic.partitions[number].replicas) for number in partitions},
        "begins": _bounds(admin, partitions, OffsetSpec.earliest()),
        "ends": _bounds(admin, partitions, OffsetSpec.latest()),
        "committed": {one.partition: one.offset for one in committed.topic_partitions if one.topic == TOPIC},
        "group_state": group.state.name,
        "members": {
            f"{member.host} {member.member_id}": [one.partition for one in member.assignment.topic_partitions]
            for member in group.members
        },
    }


def records(begins: dict[str, int], prefix: str, *, values: bool) -> dict[str, Any]:
    """Records from given offsets to the present ends, those of other keys left out."""
    own = {"group.id": "learnflow-verify", "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer({**properties(), **own})
    found = []
    try:
        ends = _bounds(AdminClient(properties()), [int(number) for number in begins], OffsetSpec.latest())
        waiting = {int(number): ends[int(number)] for number, begin in begins.items() if ends[int(number)] > begin}
        consumer.assign([TopicPartition(TOPIC, number, begins[str(number)]) for number in waiting])
        while waiting:
            message = consumer.poll(SECONDS)
            if message is None:
                raise RuntimeError("the brokers say nothing")
            error = message.error()
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - a public constant
                    raise RuntimeError(f"the brokers say {error}")
                waiting.pop(message.partition() or 0, None)
                continue
            number, offset = message.partition() or 0, message.offset() or 0
            key = (message.key() or b"").decode("utf-8", "replace")
            if offset < waiting.get(number, 0) and key.startswith(prefix):
                value = message.value() or b""
                said = {"value": base64.b64encode(value).decode()} if values else {"id": json.loads(value)["id"]}
                found.append({"partition": number, "offset": offset, "key": key, **said})
            if offset + 1 >= waiting.get(number, 0):
                waiting.pop(number, None)
    finally:
        consumer.close()
    return {"records": found, "ends": ends}


def _bounds(admin: AdminClient, partitions: list[int], which: OffsetSpec) -> dict[int, int]:
    asked = {TopicPartition(TOPIC, number): which for number in partitions}
    # Uncommitted as well: live delivery sees these.
    answers = admin.list_offsets(asked, isolation_level=IsolationLevel.READ_UNCOMMITTED)
    return {one.partition: future.result(SECONDS).offset for one, future in answers.items()}


if __name__ == "__main__":
    question = json.loads(sys.argv[1])
    if question.get("about"):
        print(json.dumps(about()))
    else:
        print(json.dumps(records(question["from"], question["prefix"], values=question["values"])))
