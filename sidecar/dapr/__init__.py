"""The Dapr adapter: all ports but the log reader over the sidecar's API, and nothing but that.

The log itself can't be read through Dapr; `sidecar.kafka` does that.
"""

import grpc
from dapr.proto.runtime.v1.metadata_pb2 import GetMetadataRequest, GetMetadataResponse

from sidecar.dapr.appender import DaprAppender
from sidecar.dapr.client import DaprCallFailed, DaprClient
from sidecar.dapr.config import DaprConfig
from sidecar.dapr.conversation import DaprConversation
from sidecar.dapr.invoker import DaprInvoker
from sidecar.dapr.secret_store import DaprSecrets
from sidecar.dapr.state_store import DaprStateStore
from sidecar.dapr.subscription import DaprDelivery

__all__ = ["DaprConfig", "DaprSidecar"]


class DaprSidecar:
    """The sidecar next to us, and the ports that it answers. For use in the event loop in which it was made.

    Making it waits for nothing: a sidecar that is not there yet shows in the calls, and is reached as soon as it is.

    Attributes:
        appender: appends events.
        state: reads and writes documents.
        delivery: delivers the log.
        secrets: reads secrets.
        invoker: calls other services.
    """

    def __init__(self, config: DaprConfig) -> None:
        self._client = DaprClient(config)
        self._config = config
        self.appender = DaprAppender(self._client, config)
        self.state = DaprStateStore(self._client, config)
        self.delivery = DaprDelivery(config)
        self.secrets = DaprSecrets(self._client, config)
        self.invoker = DaprInvoker(config)

    def conversation(self, component: str) -> DaprConversation:
        """A language model, through this component of the sidecar; whether it has one shows in the calls."""
        return DaprConversation(self._client, component)

    async def trouble(self) -> str | None:
        """What is amiss with the sidecar itself; `None` for nothing.

        That is: it is away, or lacks a component, or the subscription where batches are taken. Nothing is
        said about what stands behind the components: the sidecar does not know.
        """
        try:
            answer: GetMetadataResponse = await self._client.call(
                self._client.stub.GetMetadata, GetMetadataRequest(), what="sidecar", seconds=self._config.read_seconds
            )
        except DaprCallFailed as failure:
            if failure.code is grpc.StatusCode.UNAVAILABLE:
                return "nothing answers where DAPR_GRPC_PORT or DAPR_GRPC_ENDPOINT says that it is"
            return failure.detail
        loaded = {component.name for component in answer.registered_components}
        missing = [name for name in (self._config.pubsub, self._config.state_store) if name not in loaded]
        if missing:
            return f"it has no component {', '.join(missing)}"
        if self.delivery.started and self._config.topic not in {one.topic for one in answer.subscriptions}:
            return f"it has not subscribed to {self._config.topic} (do app and sidecar have the same APP_API_TOKEN?)"
        return None

    async def close(self) -> None:
        """Close what was opened; calls under way fail."""
        await self.invoker.close()
        await self._client.close()
