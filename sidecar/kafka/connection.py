"""Connections to the brokers, and what they say, in the words of this room."""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from sidecar.errors import SidecarUnavailable
from sidecar.kafka.config import KafkaConfig

_librdkafka = logging.getLogger("librdkafka")
_COMMON: Final[Mapping[str, Any]] = {
    "client.id": "learnflow",
    # A broker that comes back is noticed within a second; the default waits up to ten.
    "reconnect.backoff.max.ms": 1000,
    "allow.auto.create.topics": False,
    # Warnings are repeated with every attempt to reach a broker that is away; who asks gets an error anyway.
    "log_level": 2,
}

_NO_GROUP: Final = "learnflow-reader"
_IN_VAIN: Final = frozenset({KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE})  # noqa: SLF001 - public constants

T = TypeVar("T")


class BrokerFailure(SidecarUnavailable):
    """The brokers refused, or were not reached.

    Attributes:
        code: as librdkafka numbers it; below 0 if it is the client that speaks.
    """

    def __init__(self, code: int, detail: str) -> None:
        super().__init__("log", detail)
        self.code = code


class TopicMissing(BrokerFailure):
    """The brokers answer, and have no such topic.

    Attributes:
        topic: its name.
    """

    def __init__(self, topic: str) -> None:
        super().__init__(
            KafkaError.UNKNOWN_TOPIC_OR_PART, f"there is no topic {topic}; `learnflow log create` makes it"
        )
        self.topic = topic


class Connection:
    """An admin client, made at the first use. Its futures are answered from a thread of librdkafka.

    One that gave no answer in time is replaced: after a broker that hung for a while it may wait for its controller for
    ever, while a new one is answered at once.
    """

    def __init__(self, config: KafkaConfig) -> None:
        self.config = config
        self._admin: AdminClient | None = None
        self._opening = asyncio.Lock()
        self._properties: dict[str, Any] | None = None

    async def admin(self) -> AdminClient:
        """The client.

        Raises:
            SidecarError: the properties can't be had, or are not valid.
        """
        async with self._opening:
            if self._admin is None:
                properties = await self._all()
                try:
                    self._admin = AdminClient(properties, logger=_librdkafka)
                except KafkaException as error:
                    raise failure_of(error.args[0], self.config.topic) from error
            return self._admin

    async def new_consumer(self, group: str = _NO_GROUP) -> Consumer:
        """A consumer that joins no group, commits nothing, and sees everything that Dapr's consumer sees.

        Args:
            group: whose committed offsets it can be asked for.

        Raises:
            SidecarError: the properties can't be had, or are not valid.
        """
        properties = {
            **await self._all(),
            "group.id": group,  # required, and joined by who subscribes, which nobody here does
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            # The component's consumer reads what is in the log whether or not a transaction was committed; replay and
            # live delivery have to see the same records.
            "isolation.level": "read_uncommitted",
            "fetch.wait.max.ms": 100,
            "queued.max.messages.kbytes": 16384,
        }
        try:
            return Consumer(properties, logger=_librdkafka)
        except KafkaException as error:
            raise failure_of(error.args[0], self.config.topic) from error

    async def answer(self, future: Future[T]) -> T:
        """Await what an admin client was asked.

        Raises:
            BrokerFailure: a refusal; a `TopicMissing` where there is no such topic.
            SidecarUnavailable: no answer in time.
        """
        asked = self._admin
        try:
            async with asyncio.timeout(self.config.seconds + 1):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            self._replace(asked)
            raise SidecarUnavailable("log", f"no answer within {self.config.seconds:g} s") from error
        except KafkaException as error:
            if error.args[0].code() in _IN_VAIN:
                self._replace(asked)
            raise failure_of(error.args[0], self.config.topic) from error

    def _replace(self, admin: AdminClient | None) -> None:
        """Ask another client from now on, unless that is so already."""
        if self._admin is admin:
            self._admin = None

    async def _all(self) -> dict[str, Any]:
        if self._properties is None:
            further = dict(await self.config.properties())
            self._properties = {**_COMMON, "bootstrap.servers": self.config.brokers, **further}
        return self._properties


def failure_of(error: KafkaError, topic: str) -> BrokerFailure:
    """What the brokers or the client said, as an error of this room."""
    if error.code() in {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}:  # noqa: SLF001 - a public constant
        return TopicMissing(topic)
    return BrokerFailure(error.code(), error.str())
