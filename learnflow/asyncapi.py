"""The events as an AsyncAPI 3 description."""

from importlib.metadata import version
from typing import Any

from events.contracts import CONTRACTS, EventData
from events.identity import ID_PATTERN
from events.schemas import export

_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "specversion": {"const": "1.0"},
    "id": {"type": "string", "minLength": 1, "description": "With `source` the identity of the event."},
    "source": {"type": "string", "format": "uri-reference"},
    "type": {"type": "string"},
    "subject": {"type": "string", "pattern": ID_PATTERN, "description": "The learner; also the key of the record."},
    "time": {"type": "string", "format": "date-time", "description": "When it occurred, not when it was recorded."},
    "datacontenttype": {"const": "application/json"},
    "dataschema": {"type": "string", "format": "uri"},
    "partitionkey": {"type": "string", "pattern": ID_PATTERN},
    "traceparent": {"type": "string", "description": "W3C Trace Context of the request that caused it."},
    "traceid": {"type": "string", "description": "The same again: without it a sidecar replaces `traceparent`."},
    "correlationid": {"type": "string"},
    "causationid": {"type": "string", "description": "The event that directly caused this one, if one did."},
}
_REQUIRED = ("specversion", "id", "source", "type", "subject", "time", "data")


def describe() -> dict[str, Any]:
    """The AsyncAPI 3.0 document of the log: one channel, a message for every current contract."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "LearnFlow events",
            "version": version("learnflow"),
            "description": "The log of all that happened, the only source of truth. CloudEvents 1.0, structured"
            " mode, keyed by learner: all that concerns a learner is in one partition, in one order.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            "events": {
                "address": "learnflow.events",
                "messages": {one.NAME: {"$ref": f"#/components/messages/{one.NAME}"} for one in CONTRACTS},
            }
        },
        "operations": {
            "recordEvent": {"action": "send", "channel": {"$ref": "#/channels/events"}},
            "foldEvent": {"action": "receive", "channel": {"$ref": "#/channels/events"}},
        },
        "components": {"messages": {one.NAME: _message(one) for one in CONTRACTS}},
    }


def _message(contract: type[EventData]) -> dict[str, Any]:
    schema = export(contract)
    attributes = {
        **_ATTRIBUTES,
        "type": {"const": contract.cloudevent_type()},
        "dataschema": {"const": contract.dataschema()},
        "data": {key: value for key, value in schema.items() if key != "$schema"},
    }
    return {
        "name": contract.cloudevent_type(),
        "title": contract.NAME,
        "summary": schema.get("description", ""),
        "contentType": "application/cloudevents+json",
        "payload": {"type": "object", "required": list(_REQUIRED), "properties": attributes},
    }
