"""What is measured of ours: replays as a process, the live path, and the documents that the sidecar takes."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg

from bench.replay_facts import BenchFailed, Case
from bench.replay_log import Filled, forget_delivery
from bench.replay_proc import Memory, Processors, ended_children_seconds
from deploy.stack.daprd import Daprd, DaprdOptions
from deploy.stack.environment import variables
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.process import Command
from deploy.stack.service import CHECKOUT, PROJECTOR
from deploy.stack.stack import OPERATOR, PARTITIONS, Stack
from learnflow.replaying.options import ReplayOptions
from learnflow.replaying.worker import SLOTS
from read_models import codec, keys
from read_models.documents import PartitionDocument, Totals
from sidecar.dapr import DaprConfig, DaprSidecar
from sidecar.records import Put

TABLE: Final = "learnflow_state"
MIB: Final = 1024 * 1024
BARE_BYTES: Final = 256 * MIB
"""About as much is written to learn how fast documents are taken without folding."""
_STATISTICS_SECONDS: Final = 11.0
"""Until a connection of Postgres that has nothing to do has added what it did to the statistics."""
_QUIET = DaprdOptions(app_id="", drain_seconds=0, log_level="warn")
_STUCK_SECONDS: Final = 60.0
_DOCUMENTS: Final = "^g[0-9]{1,6}/(learner|lesson)/"
_LEAST_RATE: Final = 500
"""Events a second; a replay that is slower than this hangs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A replay, measured.

    Attributes:
        build_seconds: that building took, in its own words.
        wall_seconds: of the command as a whole.
        peak_bytes: the most memory that its processes had together.
        processor_seconds: by who took them: replay, daprd, postgres, kafka.
        documents: written, those written again included.
        flush_bytes: about the most that a transaction held.
    """

    case: Case
    workers: int
    build_seconds: float
    wall_seconds: float
    peak_bytes: int
    processor_seconds: dict[str, float]
    documents: int
    flush_bytes: int

    @property
    def rate(self) -> float:
        """Events per second of building."""
        return self.case.events / self.build_seconds


class Ground:
    """Kafka, Postgres, and sidecars for commands for operators: one with large messages, one with daprd's default."""

    def __init__(self, infrastructure: Infrastructure, stack: Stack) -> None:
        self.infrastructure = infrastructure
        self.stack = stack
        options = replace(_QUIET, app_id=OPERATOR, name=f"{OPERATOR}-daprd-default")
        self._default = infrastructure.daprd(options)
        self._written: int | None = None

    @property
    def operator(self) -> Daprd:
        """The sidecar with large messages.

        Raises:
            BenchFailed: there is none.
        """
        if self.stack.operator is None:
            raise BenchFailed("there is no sidecar for operators")
        return self.stack.operator

    @contextmanager
    def sidecar(self, *, large: bool) -> Iterator[tuple[Daprd, dict[str, str]]]:
        """A sidecar for operators that serves, and the variables that lead to it."""
        if large:
            yield self.operator, self.stack.operator_variables
            return
        ours = {**self.stack.operator_variables, **self._default.variables}
        del ours["LEARNFLOW_MESSAGE_BYTES"]
        self._default.start()
        try:
            yield self._default, ours
        finally:
            self._default.stop()

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Carry out a statement, committed; its rows, if it has any."""
        with psycopg.connect(self.infrastructure.postgres_dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def clear(self) -> None:
        """Throw all documents away."""
        self.sql(f"TRUNCATE {TABLE}")

    def accounts(self, generation: int) -> list[PartitionDocument]:
        """Of the partitions of a generation, as far as they are there."""
        wanted = [keys.partition(generation, number) for number in range(PARTITIONS)]
        rows = self.sql(f"SELECT value FROM {TABLE} WHERE key = ANY(%s)", wanted)  # noqa: S608 - our own table
        return [codec.decode(bytes(value), PartitionDocument) for (value,) in rows]

    def written(self) -> int:
        """Documents ever written; where there may be new ones, after a wait for Postgres to have counted all."""
        if self._written is None:
            time.sleep(_STATISTICS_SECONDS)
            rows = self.sql("SELECT n_tup_ins + n_tup_upd FROM pg_stat_user_tables WHERE relname = %s", TABLE)
            self._written = int(rows[0][0])
        return self._written

    def is_written_to(self) -> None:
        """Say that documents are written from now on."""
        self._written = None


@contextmanager
def ground() -> Iterator[Ground]:
    """An infrastructure with an empty log and without services, ended with the context."""
    with (
        Infrastructure() as infrastructure,
        Stack(infrastructure, services=(), sidecars=_QUIET, with_operator=True) as stack,
    ):
        yield Ground(infrastructure, stack)


def replay(on: Ground, filled: Filled, *, workers: int, memory_mib: int, large: bool = True) -> Measured:
    """Carry out `learnflow replay --no-verify`, from no documents at all, and check what it has built.

    Raises:
        BenchFailed: it fails, or some event is not counted.
    """
    on.clear()
    before = on.written()
    on.is_written_to()
    with on.sidecar(large=large) as (daprd, variables_for_it):
        options = ReplayOptions(workers=workers, memory_mib=memory_mib)
        message_bytes = int(variables_for_it.get("LEARNFLOW_MESSAGE_BYTES", 4 * MIB))
        servers = {
            "daprd": daprd.process.pid,
            "postgres": on.infrastructure.postgres.process.pid,
            "kafka": on.infrastructure.kafka.process.pid,
        }
        outcome, memory, processors, own = _command(on, servers, variables_for_it, options, filled.case)
        _check(on, filled, outcome)
        documents = on.written() - before
    return Measured(
        case=filled.case,
        workers=workers,
        build_seconds=float(outcome["seconds"]),
        wall_seconds=processors.wall_seconds,
        peak_bytes=memory.peak,
        processor_seconds={"replay": own, **processors.taken},
        documents=documents,
        flush_bytes=options.limits(message_bytes).flush_bytes,
    )


def _command(
    on: Ground,
    servers: Mapping[str, int | None],
    environment: dict[str, str],
    options: ReplayOptions,
    case: Case,
) -> tuple[dict[str, Any], Memory, Processors, float]:
    log = on.infrastructure.logs / f"bench-replay-{time.monotonic_ns()}.log"
    process = on.infrastructure.process(
        Command(
            name="bench-replay",
            arguments=[
                *(sys.executable, "-m", "learnflow", "replay", "--no-verify", "--json"),
                *(f"--workers={options.workers}", f"--memory={options.memory_mib}"),
            ],
            environment=variables(environment),
            log=log,
            cwd=CHECKOUT,
        )
    )
    deadline = time.monotonic() + _STUCK_SECONDS + case.events / _LEAST_RATE
    before = ended_children_seconds()
    try:
        with Processors({name: pid for name, pid in servers.items() if pid is not None}) as processors:
            process.start()
            with Memory(process.pid or 0) as memory:
                while process.running:
                    if time.monotonic() > deadline:
                        raise BenchFailed(f"the replay hangs: {process.tail()}")
                    time.sleep(0.02)
    finally:
        process.kill()
    if process.exit_status != 0:
        raise BenchFailed(f"the replay ended with status {process.exit_status}: {process.tail()}")
    said = log.read_text(encoding="utf-8")
    # Progress goes before it; both are in one file.
    outcome: dict[str, Any] = json.loads(said[said.index("\n{") :] if not said.startswith("{") else said)
    return outcome, memory, processors, ended_children_seconds() - before


def _check(on: Ground, filled: Filled, outcome: Mapping[str, Any]) -> None:
    case = filled.case
    totals = Totals()
    for part in on.accounts(int(outcome["generation"])):
        totals.add(part.totals)
    found = {
        **{name: outcome[name] for name in ("positions", "applied", "duplicate", "parked", "missing")},
        "events": totals.events,
        "learners": totals.learners,
        "lessons_requested": totals.lessons_requested,
        "time_spent_ms": totals.time_spent_ms,
    }
    wanted = {
        **dict.fromkeys(("positions", "applied", "events"), case.events),
        **dict.fromkeys(("duplicate", "parked", "missing"), 0),
        "learners": case.learners,
        "lessons_requested": case.learners,
        "time_spent_ms": filled.spent_ms,
    }
    if found != wanted:
        raise BenchFailed(f"the replay came to {found}, and should have come to {wanted}")


def live(on: Ground, case: Case, seconds: float) -> tuple[float, int]:
    """Events per second of a projector that finds the whole log before it, over so many seconds, and how many it was.

    Raises:
        BenchFailed: it does not begin, does not go on, or parks something.
    """
    on.is_written_to()
    forget_delivery(on.infrastructure.brokers)
    on.clear()
    replica = on.stack.replica(PROJECTOR)
    try:
        replica.launch()
        first, began = _wait_for_more(on, 0), time.perf_counter()
        count, now = first, began
        while count < case.events and now < began + seconds:
            time.sleep(0.1)
            count, now = _folded(on), time.perf_counter()
    finally:
        replica.daprd.kill()
        replica.app.kill()
    if count == first:
        raise BenchFailed("the projector folded nothing more, or all at once")
    return (count - first) / (now - began), count - first


def _wait_for_more(on: Ground, than: int) -> int:
    deadline = time.monotonic() + _STUCK_SECONDS
    while (count := _folded(on)) <= than:
        if time.monotonic() > deadline:
            raise BenchFailed("the projector folds nothing")
        time.sleep(0.05)
    return count


def _folded(on: Ground) -> int:
    parts = on.accounts(1)
    if any(part.parked or part.missing or part.duplicate for part in parts):
        raise BenchFailed("the projector parks what it should fold")
    return sum(part.applied for part in parts)


def bare_documents(on: Ground, *, flush_bytes: int, flush_documents: int, workers: int) -> float:
    """Documents per second through the same sidecar: those that the last replay wrote, as new ones, without folding.

    Raises:
        BenchFailed: there are none.
    """
    on.is_written_to()
    transactions = list(_transactions(on, flush_bytes, flush_documents))
    if not transactions:
        raise BenchFailed("there are no documents to write again")
    operator = on.operator
    endpoint, http = f"127.0.0.1:{operator.grpc_port}", operator.url
    config = DaprConfig(grpc_endpoint=endpoint, http_endpoint=http, max_message_bytes=64 * MIB, write_seconds=60.0)

    async def write() -> float:
        sidecar = DaprSidecar(config)
        left = iter(transactions)

        async def one_after_another() -> None:
            for transaction in left:
                await sidecar.state.transact(transaction)

        try:
            began = time.perf_counter()
            # As many at once as the replay has partitions under way.
            await asyncio.gather(*(one_after_another() for _ in range(workers * SLOTS)))
            return time.perf_counter() - began
        finally:
            await sidecar.close()

    seconds = asyncio.run(write())
    return sum(len(transaction) for transaction in transactions) / seconds


def _transactions(on: Ground, flush_bytes: int, flush_documents: int) -> Iterator[Sequence[Put]]:
    """As large as those of the replay; about `BARE_BYTES` in all."""
    taken = size = 0
    puts: list[Put] = []
    prefix = f"g{time.time_ns()}"
    with psycopg.connect(on.infrastructure.postgres_dsn) as connection, connection.cursor("documents") as rows:
        rows.itersize = 5000
        rows.execute(f"SELECT key, value FROM {TABLE} WHERE key ~ %s".encode(), [_DOCUMENTS])  # noqa: S608 - our table
        for key, value in rows:
            document = bytes(value)
            puts.append(Put(f"{prefix}/{key.partition('/')[2]}", document, None))
            size += len(document)
            taken += len(document)
            if size >= flush_bytes or len(puts) >= flush_documents:
                yield puts
                puts, size = [], 0
            if taken >= BARE_BYTES:
                break
    if puts:
        yield puts
