"""Stacks whose agents have a model, and what they leave behind."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Message

from deploy.stack.daprd import RESOURCES, DaprdOptions
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.stack import Stack
from tests.agents.model_server import ModelServer, model_server
from tests.kafka import read_topic
from tests.real.surroundings import TOPIC, sql

CONVERSATIONS: Final = RESOURCES[0].parent / "conversation"
OPENAI: Final = "https://api.openai.com/v1"
KEY: Final = "envRef: OPENAI_API_KEY"
MODEL: Final = "model"
AUTHORED: Final = "io.learnflow.LessonAuthored.v1"
REQUESTED: Final = "io.learnflow.LessonRequested.v1"


@contextmanager
def stack_with(infrastructure: Infrastructure, component: Path, **environment: str) -> Iterator[Stack]:
    """A stack whose agents talk through the component in a folder, and remember nothing from before."""
    sql(infrastructure, "DROP TABLE IF EXISTS learnflow_agents_state, learnflow_agents_metadata")
    options = DaprdOptions(app_id="", drain_seconds=0, resources=(*RESOURCES, component))
    with Stack(infrastructure, sidecars=options, environment={"LEARNFLOW_CONVERSATION": MODEL, **environment}) as stack:
        yield stack


def write_scripted(folder: Path, model: ModelServer) -> None:
    """Write the component that is there for OpenAI's models into a folder, so that it leads to the test's."""
    text = (CONVERSATIONS / "openai" / "model.yaml").read_text(encoding="utf-8")
    assert OPENAI in text
    assert KEY in text
    text = text.replace(OPENAI, model.url).replace(KEY, "value: a key that nobody checks")
    (folder / "model.yaml").write_text(text, encoding="utf-8")


@contextmanager
def scripted(infrastructure: Infrastructure, folder: Path, **environment: str) -> Iterator[tuple[Stack, ModelServer]]:
    """A stack whose agents talk to a model of the test's, through the very component that is there for OpenAI's."""
    with model_server() as model:
        write_scripted(folder, model)
        with stack_with(infrastructure, folder, **environment) as stack:
            yield stack, model


def events(infrastructure: Infrastructure, kind: str) -> list[dict[str, Any]]:
    """All events of a type in the log, each record by itself."""
    found = [_event(message) for message in read_topic(infrastructure.brokers, TOPIC)]
    return [event for event in found if event["type"] == kind]


def _event(message: Message) -> dict[str, Any]:
    value = message.value()
    assert value is not None
    event: dict[str, Any] = json.loads(value)
    key = message.key()
    assert key is not None
    assert event["subject"] == event["partitionkey"] == event["data"]["learner_id"]
    assert key == event["subject"] or key == event["subject"].encode()
    return event
