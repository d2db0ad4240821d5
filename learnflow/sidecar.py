"""The ports of a sidecar, bundled, and the adapters that can stand behind them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from learnflow.settings import Settings
from sidecar.append import EventAppender
from sidecar.delivery import Delivery
from sidecar.embedded import EmbeddedSidecar
from sidecar.invocation import ServiceInvoker
from sidecar.log_reader import LogReader
from sidecar.secrets import SecretStore
from sidecar.state_reader import StateReader
from sidecar.state_writer import StateWriter


@dataclass(frozen=True, slots=True)
class Sidecar:
    """Everything a service may ask of its sidecar, each as the port that it is."""

    appender: EventAppender
    delivery: Delivery
    log_reader: LogReader
    state_reader: StateReader
    state_writer: StateWriter
    secrets: SecretStore
    invoker: ServiceInvoker


@asynccontextmanager
async def open_embedded(settings: Settings) -> AsyncIterator[Sidecar]:
    """Open the embedded adapter on the data folder, and close it again.

    Raises:
        SidecarError: the folder can't be used; the message says why.
    """
    embedded = EmbeddedSidecar.open(settings.data_dir, partitions=settings.partitions)
    try:
        yield ports_of(embedded)
    finally:
        await embedded.close()


def ports_of(embedded: EmbeddedSidecar) -> Sidecar:
    """The embedded adapter as nothing but its ports."""
    return Sidecar(
        appender=embedded.appender,
        delivery=embedded.delivery,
        log_reader=embedded.log_reader,
        state_reader=embedded.state,
        state_writer=embedded.state,
        secrets=embedded.secrets,
        invoker=embedded.invoker,
    )
