"""Outages under traffic: what clients see meanwhile, and that afterwards everything is counted exactly once.

`--log-cli-level=info` shows the answers that were seen.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pytest

from deploy.stack.daprd import DaprdOptions
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.server import Server
from deploy.stack.service import COURSE_AGENT, PROJECTOR, SERVICES, USER_PROGRESS
from deploy.stack.stack import Stack
from tests.real.outage_figures import CATCH_UP_SECONDS, check_exact
from tests.real.outage_report import seen
from tests.real.surroundings import wait_until_folded, wait_until_ready, wipe
from tests.real.traffic import NOT_CONFIRMED, Ledger, Span, Traffic, spanning

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

OUTAGE_SECONDS: Final = 15.0
ANSWER_SECONDS: Final = 10.0
"""The longest that any request may take, whatever is away."""
BEFORE_SECONDS: Final = 2.0
NOTICE_SECONDS: Final = 3.5
"""Until what is asked for is known to be away; a hang shows only when nobody has answered for a while."""


@dataclass(frozen=True)
class Outage:
    """A part of the surroundings that is away for a while.

    Attributes:
        servers: what is away.
        begin: takes one of them away.
        end: brings it back.
        no_posts: services that can't have commands recorded meanwhile; the others go on.
        no_queries: services that can't answer questions meanwhile; the others go on.
        waits: by service the parts that /readyz names meanwhile.
    """

    servers: Callable[[Stack], Sequence[Server]]
    begin: Callable[[Server], None]
    end: Callable[[Server], None]
    no_posts: frozenset[str]
    no_queries: frozenset[str]
    waits: dict[str, set[str]]


def _kafka(begin: Callable[[Server], None], end: Callable[[Server], None] = Server.start) -> Outage:
    # Whoever appends finds out when it does; only the projector looks at the log by itself.
    return Outage(
        lambda stack: [stack.infrastructure.kafka], begin, end, APIS, frozenset(), {PROJECTOR: {"log", "projector"}}
    )


def _postgres(begin: Callable[[Server], None], end: Callable[[Server], None] = Server.start) -> Outage:
    waits = {service: {"state store"} for service in APIS} | {PROJECTOR: {"state store", "projector"}}
    return Outage(lambda stack: [stack.infrastructure.postgres], begin, end, frozenset(), APIS, waits)


def _sidecars(
    services: Sequence[str], begin: Callable[[Server], None], end: Callable[[Server], None] = Server.start
) -> Outage:
    away = APIS & set(services)
    waits = {service: {"sidecar", "state store"} for service in services}
    return Outage(lambda stack: [stack[service].daprd for service in services], begin, end, away, away, waits)


APIS: Final = frozenset({COURSE_AGENT, USER_PROGRESS})
OUTAGES: Final = {
    "sidecars-of-one-api-and-the-projector-killed": _sidecars([USER_PROGRESS, PROJECTOR], Server.kill),
    "kafka-stopped": _kafka(Server.stop),
    "postgres-stopped": _postgres(Server.stop),
}
LONG_OUTAGES: Final = {
    "all-sidecars-stopped": _sidecars(SERVICES, Server.stop),
    "all-sidecars-paused": _sidecars(SERVICES, Server.pause, Server.resume),
    "kafka-killed": _kafka(Server.kill),
    "kafka-paused": _kafka(Server.pause, Server.resume),
    "postgres-killed": _postgres(Server.kill),
    "postgres-paused": _postgres(Server.pause, Server.resume),
}


@dataclass(frozen=True)
class World:
    """A stack, and all that it has accepted."""

    stack: Stack
    ledger: Ledger


@pytest.fixture(scope="module")
def world(infrastructure: Infrastructure) -> Iterator[World]:
    """One stack for all outages: what each leaves behind is part of the next one's figures."""
    wipe(infrastructure)
    with Stack(infrastructure, sidecars=DaprdOptions(app_id="", drain_seconds=0)) as stack:
        yield World(stack, Ledger())


@pytest.mark.parametrize("name", [*OUTAGES, *(pytest.param(name, marks=pytest.mark.long) for name in LONG_OUTAGES)])
def test_an_outage_of_fifteen_seconds_under_traffic(world: World, name: str) -> None:
    outage, stack = (OUTAGES | LONG_OUTAGES)[name], world.stack
    servers = outage.servers(stack)
    before = _processes(stack, servers)
    with Traffic(stack, world.ledger, name) as traffic:
        traffic.run_for(BEFORE_SECONDS)
        _each(outage.begin, servers)
        try:
            away = spanning(lambda: traffic.run_for(OUTAGE_SECONDS))
        finally:
            back = spanning(lambda: _each(outage.end, servers)).ended
        wait_until_folded(stack.infrastructure, seconds=CATCH_UP_SECONDS)
        caught_up = time.monotonic()
        for service in SERVICES:
            wait_until_ready(stack[service], seconds=CATCH_UP_SECONDS)
        ready = time.monotonic()
        traffic.run_for(1)
    folded = f"what the log had was folded {caught_up - back:.1f} s, and all were ready {ready - back:.1f} s after it"
    logger.info("%s\n%s", "\n".join(seen(name, traffic, away, back)), folded)
    _check_answers(outage, traffic, away)
    # Nobody had to start anything again but what was taken away.
    assert _processes(stack, servers) == before
    logger.info("%s", check_exact(stack, world.ledger.accepted))


def _check_answers(outage: Outage, traffic: Traffic, away: Span) -> None:
    slow = [answer for answer in traffic.answers if answer.seconds >= ANSWER_SECONDS]
    assert not slow
    for service in APIS:
        posts = traffic.posts(away, service)
        assert posts
        if service in outage.no_posts:
            assert {(post.status, post.problem) for post in posts} == {(503, NOT_CONFIRMED)}
            # Of those who sent a key, and of those who did not: the traffic has seen in each that it names the key.
            refused = [post for post in traffic.refused if post.service == service and post.ended < away.ended]
            assert {post.key_sent is None for post in refused} == {False, True}
        else:
            assert {post.status for post in posts} == {202}
    for service in APIS:
        noticed = Span(away.began + NOTICE_SECONDS, away.ended)
        queries = traffic.queries(noticed, service)
        assert queries
        if service in outage.no_queries:
            assert {(query.status, query.problem) for query in queries} == {(503, "not-ready")}
            assert all(int(query.headers["retry-after"]) > 0 for query in queries)
        else:
            assert {query.status for query in queries} == {200}
            assert all(query.content["as_of"]["positions"] for query in queries)
    for service, parts in outage.waits.items():
        assert parts <= traffic.waits[service].keys(), traffic.waits[service]


def _each(step: Callable[[Server], None], servers: Sequence[Server]) -> None:
    for server in servers:
        step(server)


def _processes(stack: Stack, but: Sequence[Server]) -> dict[str, int | None]:
    infrastructure = stack.infrastructure
    servers: list[Server] = [infrastructure.kafka, infrastructure.postgres, infrastructure.placement]
    servers += [server for replica in stack.replicas for server in (replica.app, replica.daprd)]
    return {server.name: server.process.pid for server in servers if server not in but}
