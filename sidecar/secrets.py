"""The port that reads secrets."""

from collections.abc import Mapping
from typing import Protocol


class SecretStore(Protocol):
    """Reads secrets."""

    async def secret(self, name: str) -> Mapping[str, str]:
        """The keys and values of one secret; one that is a single value has its own name as key.

        Raises:
            SecretNotFound: there is none of this name.
            SidecarUnavailable: the store does not answer.
        """
        ...
