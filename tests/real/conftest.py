"""A stack of the test's own, over the session's infrastructure."""

from collections.abc import Iterator

import pytest

from deploy.stack.daprd import DaprdOptions
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.stack import Stack
from tests.real.surroundings import wipe


@pytest.fixture
def clean(infrastructure: Infrastructure) -> Infrastructure:
    """The infrastructure, with a log and documents that are still to be made, and all of it running."""
    for server in (infrastructure.kafka, infrastructure.postgres, infrastructure.placement):
        if not server.running:
            server.start()
    wipe(infrastructure)
    return infrastructure


@pytest.fixture
def stack(clean: Infrastructure) -> Iterator[Stack]:
    """One replica of each service, ready, over an empty log; sidecars end at once when it does."""
    with Stack(clean, sidecars=DaprdOptions(app_id="", drain_seconds=0)) as stack:
        yield stack
