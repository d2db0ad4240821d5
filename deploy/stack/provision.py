"""All programs of the stack together: whether they can be had, and having them."""

from dataclasses import dataclass
from typing import Final

from deploy.stack import dapr_tools, kafka_tools, postgres_tools
from deploy.stack.dapr_tools import DaprTools
from deploy.stack.errors import ToolMissing
from deploy.stack.kafka_tools import KafkaTools
from deploy.stack.postgres_tools import PostgresTools

_CHECKS: Final = (dapr_tools.check, kafka_tools.check)


@dataclass(frozen=True)
class Tools:
    """The programs that the stack is run with."""

    dapr: DaprTools
    kafka: KafkaTools
    postgres: PostgresTools


def why_not() -> str | None:
    """Why the stack can't be had on this machine, in one line; `None` if it can.

    Cheap: asks programs for their versions and fetches nothing. A download may still fail, in `provide`.
    """
    missing = []
    for check in _CHECKS:
        try:
            check()
        except ToolMissing as error:
            missing.append(str(error))
    return "; ".join(missing) or None


def provide() -> Tools:
    """The programs, installed into the cache where the machine has none; seconds, except for the first time.

    Raises:
        ToolMissing: see `why_not`.
        InstallFailed: one could not be built or fetched.
    """
    # All before the first is built: nobody wants to hear after five minutes that Java is missing.
    for check in _CHECKS:
        check()
    return Tools(dapr_tools.provide(), kafka_tools.provide(), postgres_tools.provide())
