"""Whose position the log reader tells."""

import re
from pathlib import Path

from sidecar.kafka.config import KafkaConfig

EVENTS = Path(__file__).parents[2] / "deploy" / "dapr" / "components" / "events.yaml"


def test_it_is_the_group_that_the_projectors_sidecars_deliver_to() -> None:
    (group,) = re.findall(r"- name: consumerGroup\n\s+value: (\S+)", EVENTS.read_text(encoding="utf-8"))
    assert KafkaConfig("").consumer_group == group
