"""`SecretStore`."""

from collections.abc import Callable

import pytest

from sidecar.errors import SecretNotFound
from tests.contract.harness import Harness


class TestSecrets:
    async def test_a_secret_of_one_value(self, harness: Harness) -> None:
        await harness.put_secret("api-token", {"api-token": "s3cret"})
        assert await harness.ports.secrets.secret("api-token") == {"api-token": "s3cret"}

    async def test_no_such_secret(self, harness: Harness, name: Callable[[str], str]) -> None:
        missing = name("none").replace("/", "-")
        with pytest.raises(SecretNotFound) as caught:
            await harness.ports.secrets.secret(missing)
        assert caught.value.name == missing
