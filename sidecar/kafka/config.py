"""Where the log is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

Properties = Callable[[], Awaitable[Mapping[str, str]]]
"""Further properties of librdkafka, such as credentials. May raise a `SidecarError`; it is asked again then."""


async def no_properties() -> Mapping[str, str]:
    """No further properties."""
    return {}


@dataclass(frozen=True, slots=True)
class KafkaConfig:
    """Where the log is, and how long to wait for it.

    Attributes:
        brokers: host and port of some brokers, separated by commas.
        topic: its name.
        consumer_group: that the projector's sidecars deliver to, as the component `events` names it.
        properties: asked for when the first connection is made.
        seconds: until a question is given up.
    """

    brokers: str
    topic: str = "learnflow.events"
    consumer_group: str = "learnflow-projector"
    properties: Properties = field(default=no_properties)
    seconds: float = 5.0
