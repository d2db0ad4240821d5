"""Secrets of a laptop: a file in the data folder, and the environment."""

import asyncio
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from sidecar.errors import SecretNotFound, SidecarUnavailable

FILE_NAME = "secrets.json"
"""An object: the name of each secret, and its value or an object of values."""
VARIABLE_PREFIX = "LEARNFLOW_SECRET_"
"""Before the secret's name in upper case, each character other than a letter or digit as `_`."""


class EmbeddedSecrets:
    """Implements `SecretStore`. An environment variable goes before the file, which is read anew at every call."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    async def secret(self, name: str) -> Mapping[str, str]:
        """See `SecretStore`."""
        from_environment = os.environ.get(VARIABLE_PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper()))
        if from_environment is not None:
            return {name: from_environment}
        found = (await asyncio.to_thread(self._read)).get(name)
        if found is None:
            raise SecretNotFound(name)
        values: dict[str, object] = found if isinstance(found, dict) else {name: found}
        texts = {key: value for key, value in values.items() if isinstance(value, str)}
        if len(texts) < len(values):
            raise SidecarUnavailable(
                "secret store", f"{self._path}: {name!r} is neither a string nor an object of strings"
            )
        return texts

    def _read(self) -> dict[str, object]:
        try:
            content = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise SidecarUnavailable("secret store", f"{self._path}: {error.strerror}") from error
        except ValueError:
            # Without its cause: an error of the parser holds the text, and the text is secret.
            raise SidecarUnavailable("secret store", f"{self._path} is not JSON") from None
        if not isinstance(content, dict):
            raise SidecarUnavailable("secret store", f"{self._path} does not hold an object")
        return content
