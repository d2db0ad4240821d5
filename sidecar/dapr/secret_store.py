"""Secrets from Dapr's secret store."""

import re
from collections.abc import Mapping
from typing import Final

from dapr.proto.runtime.v1.secret_pb2 import GetSecretRequest, GetSecretResponse

from sidecar.dapr.client import DaprCallFailed, DaprClient
from sidecar.dapr.config import DaprConfig
from sidecar.errors import SecretNotFound

# A missing secret has no status of its own. The wordings are those of the file store and of the Kubernetes store.
_NOT_FOUND: Final = re.compile(r"secrets? \S+ not found")


class DaprSecrets:
    """Implements `SecretStore`."""

    def __init__(self, client: DaprClient, config: DaprConfig) -> None:
        self._client = client
        self._config = config

    async def secret(self, name: str) -> Mapping[str, str]:
        """See `SecretStore`. A secret that this app may not read counts as unavailable; the log says more."""
        request = GetSecretRequest(store_name=self._config.secret_store, key=name)
        try:
            answer: GetSecretResponse = await self._client.call(
                self._client.stub.GetSecret,
                request,
                what="secret store",
                seconds=self._config.read_seconds,
                expected=_NOT_FOUND,
            )
        except DaprCallFailed as failure:
            if _NOT_FOUND.search(failure.said):
                raise SecretNotFound(name) from failure
            raise
        return dict(answer.data)
