"""The variables that processes of the stack get."""

import os
from collections.abc import Mapping
from typing import Final

# What somebody set for another stack, or for daprd on another machine, must not reach ours.
_NOT_PASSED_ON: Final = ("LEARNFLOW_", "DAPR_", "APP_API_TOKEN", "NAMESPACE", "KAFKA_", "PG", "OTEL_")
_LOCAL: Final = "127.0.0.1,localhost"


def variables(ours: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of this process, but for those that configure parts of a stack, and these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
    # gRPC would go to a proxy even for this machine.
    for name in ("no_proxy", "NO_PROXY"):
        kept[name] = f"{kept[name]},{_LOCAL}" if kept.get(name) else _LOCAL
    return {**kept, **(ours or {})}
