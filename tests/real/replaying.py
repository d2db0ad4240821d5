"""Replays of a real stack: the `learnflow` command as a process, history in the log, and what must hold meanwhile."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, Self

import httpx2
import psycopg
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from deploy.stack import http_probe, tree
from deploy.stack.concurrently import concurrently
from deploy.stack.daprd import DaprdOptions
from deploy.stack.environment import variables
from deploy.stack.infrastructure import Infrastructure
from deploy.stack.service import CHECKOUT, COURSE_AGENT, PROJECTOR, USER_PROGRESS, Replica
from deploy.stack.stack import PARTITIONS, Stack
from tests.deadlines import eventually
from tests.kafka import partition_of
from tests.real.outage_locks import GROUP, wait_until_shared
from tests.real.surroundings import SECONDS, TABLE, TOPIC, accounts, check_accounts, sql, wait_until_folded
from tests.real.traffic import GENERATE, LESSONS, UPDATE, Command, Ledger, Traffic
from tests.strategies import Report, Request, value_of

LEARNFLOW: Final = (sys.executable, "-m", "learnflow")
APIS: Final = (COURSE_AGENT, USER_PROGRESS)
NEXT_FOLD: Final = (sys.executable, "-m", "tests.real.next_fold")
"""The program of a next image, whose fold counts otherwise."""
SLOWLY: Final = ("--memory=64", "--batch=50")
"""Options of a replay that make it write often and little."""
MANY: Final = 24_000
"""Events enough that worker processes are given some: of fewer than 20,000 the replay builds all by itself."""
HISTORY_SECONDS: Final = 120.0
ENDS_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.05
_LEARNERS: Final = 24
_BEGIN: Final = datetime(2023, 1, 1, tzinfo=UTC)
"""Before any traffic's."""
_SENT_AGAIN: Final = 97
_IN_HAND: Final = 5000


class Run:
    """A command for operators, as a process with a session of its own; a context that ends it with all it has started.

    Attributes:
        lines: of its stderr, as far as it is.
    """

    def __init__(self, stack: Stack, *arguments: str, program: Sequence[str] = LEARNFLOW, halt_at: str = "") -> None:
        """Start it.

        Args:
            stack: that it works on.
            arguments: of the command.
            program: that understands them.
            halt_at: the beginning of a line of stderr at which it is stopped in its tracks, with its workers.
        """
        self.lines: list[str] = []
        self._halt_at = halt_at
        self._halted = threading.Event()
        self._process = subprocess.Popen(
            [*program, *arguments],
            env=variables(stack.operator_variables),
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._pool = ThreadPoolExecutor(2)
        self._listening = self._pool.submit(self._listen)
        assert self._process.stdout is not None
        self._output: Future[str] = self._pool.submit(self._process.stdout.read)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            tree.send([*tree.freeze(self.pid)][::-1], signal.SIGKILL)
        self._process.wait(SECONDS)
        self._pool.shutdown()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    @property
    def pid(self) -> int:
        """Of the command itself."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def errors(self) -> str:
        """What it has written to stderr."""
        return "\n".join(self.lines)

    @property
    def output(self) -> str:
        """What it has written to stdout, when it has ended."""
        return self._output.result(SECONDS)

    def ended(self, seconds: float = ENDS_SECONDS) -> int:
        """Wait until it ends; returns its status."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it goes on after {seconds:g} s:\n{self.errors}") from None
        self._listening.result(SECONDS)
        return status

    def succeeded(self, seconds: float = ENDS_SECONDS) -> str:
        """Wait until it ends, which it must with status 0; returns its stdout."""
        status = self.ended(seconds)
        assert status == 0, f"status {status}:\n{self.errors}"
        return self.output

    def refused(self, seconds: float = ENDS_SECONDS) -> str:
        """Wait until it ends, which it must with status 1; returns the last line of stderr."""
        status = self.ended(seconds)
        assert status == 1, f"status {status}:\n{self.errors}"
        return self.lines[-1]

    def wait_for(self, beginning: str, *, after: int = 0, seconds: float = ENDS_SECONDS) -> int:
        """Wait for a line of stderr; returns how many lines there are up to it.

        Args:
            beginning: of the line.
            after: lines that are not looked at.
            seconds: how long that may take.
        """
        end = time.monotonic() + seconds
        while True:
            over = not self.running and self._listening.done()
            for number, line in enumerate(list(self.lines[after:]), after + 1):
                if line.startswith(beginning):
                    return number
            assert not over, f"it ended without a line {beginning!r}:\n{self.errors}"
            assert time.monotonic() < end, f"no line {beginning!r} within {seconds:g} s:\n{self.errors}"
            time.sleep(LOOK_SECONDS / 5)

    def wait_until_halted(self) -> None:
        """Wait until it was stopped where it was to be."""
        assert self._halted.wait(ENDS_SECONDS), self.errors

    def go_on(self) -> None:
        """Let it go on that was stopped."""
        os.killpg(self.pid, signal.SIGCONT)

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to it and all that it has started, as a terminal does."""
        os.killpg(self.pid, number)

    def signal_itself(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    @property
    def started(self) -> list[int]:
        """All processes that it has started and that still run."""
        return tree.living(tree.descendants(self.pid))

    @property
    def workers(self) -> list[int]:
        """Of these, those that build."""
        return [pid for pid in self.started if "spawn_main" in _command_line(pid)]

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.lines.append(line.rstrip("\n"))
            # Once: the phase may be told of again.
            if self._halt_at and line.startswith(self._halt_at) and not self._halted.is_set():
                os.killpg(self.pid, signal.SIGSTOP)
                self._halted.set()


def learnflow(stack: Stack, *arguments: str, program: Sequence[str] = LEARNFLOW) -> str:
    """Run a command for operators, which succeeds; returns its stdout."""
    with Run(stack, *arguments, program=program) as run:
        return run.succeeded()


def generations(stack: Stack) -> dict[int, dict[str, Any]]:
    """What `learnflow generations list` tells, by the generation's number."""
    found: list[dict[str, Any]] = json.loads(learnflow(stack, "generations", "list", "--json"))
    return {one["generation"]: one for one in found}


def control(stack: Stack) -> dict[str, Any]:
    """The document that says what serves and what is being built, as it is stored."""
    ((value,),) = sql(stack.infrastructure, f"SELECT value FROM {TABLE} WHERE key = 'control'")  # noqa: S608 - our own table
    found: dict[str, Any] = json.loads(bytes(value))
    return found


def serving(stack: Stack) -> int:
    """The number of the generation that serves."""
    number: int = control(stack)["active"]
    return number


def building(stack: Stack) -> int:
    """The number of the generation that is being built, or that a replay left unfinished."""
    number: int = control(stack)["building"]["generation"]
    return number


@contextmanager
def operated(
    infrastructure: Infrastructure, ledger: Ledger, name: str, *, events: int = MANY, apis: bool = True, projectors: int
) -> Iterator[Stack]:
    """A stack with a history that its projectors have folded, and with a sidecar for operators."""
    sidecars = DaprdOptions(app_id="", drain_seconds=0)
    with Stack(infrastructure, services=(), sidecars=sidecars, with_operator=True) as stack:
        write_history(infrastructure, ledger, name, events)
        replicas = [stack.replica(service) for service in (APIS if apis else ())]
        for replica in replicas:
            replica.launch()
        for replica in replicas:
            eventually(lambda port=replica.app.port: http_probe.status(port, "/healthz") == 200)  # type: ignore[misc]
        concurrently([stack.replica(PROJECTOR).start for _ in range(projectors)])
        wait_until_shared(infrastructure, projectors, PARTITIONS)
        wait_until_folded(infrastructure, seconds=HISTORY_SECONDS)
        yield stack


def projectors_of(stack: Stack) -> list[Replica]:
    """Those that were started, in this order."""
    return [replica for replica in stack.replicas if replica.service == PROJECTOR]


def write_history(infrastructure: Infrastructure, ledger: Ledger, name: str, events: int) -> None:
    """Append what the learners of a traffic of this name have done before it, some of it twice.

    It goes to the log directly, for a sidecar would take long, and to the partitions where the sidecar puts its keys.
    """
    chance = Random(name)
    producer = Producer({"bootstrap.servers": infrastructure.brokers, "linger.ms": 20, "log_level": 0})
    failures: list[object] = []

    def note(error: object, _: object) -> None:
        if error:
            failures.append(error)

    for number in range(events):
        command, value = _invent(chance, name, number)
        ledger.accepted.append(command)
        for _ in range(2 if number % _SENT_AGAIN == 1 else 1):
            partition = partition_of(command.learner, PARTITIONS)
            producer.produce(TOPIC, value, command.learner, partition, on_delivery=note)
        if number % _IN_HAND == 0:
            producer.flush(SECONDS)
    assert producer.flush(SECONDS) == 0
    assert not failures, failures[0]


def _invent(chance: Random, name: str, number: int) -> tuple[Command, bytes]:
    learner, event_id = f"{name}-{number % _LEARNERS}", f"{name}-{number}"
    at = _BEGIN + timedelta(minutes=number ^ 0b101)
    if chance.random() < 0.1:
        request = Request(event_id, learner, at, f"Topic {chance.randrange(50)}", "beginner")
        return Command(GENERATE, learner, {}, None, event_id=event_id, lesson=request.lesson_id), value_of(request)
    lesson, quarters = f"lesson-{chance.randrange(LESSONS)}", chance.randrange(1, 5)
    milliseconds = chance.randrange(600_000)
    hundredths = chance.randrange(101) if chance.random() < 0.8 else None
    body: dict[str, Any] = {
        "completion": quarters / 4,
        "time_spent_seconds": milliseconds / 1000,
        "occurred_at": at.isoformat(),
    }
    if hundredths is not None:
        body["score"] = hundredths / 100
    score = None if hundredths is None else hundredths * 10_000
    report = Report(event_id, learner, at, lesson, quarters * 250_000, score, milliseconds, ())
    return Command(UPDATE, learner, body, None, event_id=event_id, lesson=lesson), value_of(report)


class CommitWatch:
    """A context: to its end, whatever Kafka is told to have been delivered is in the documents that serve.

    Attributes:
        looks: how often it was looked.
        served: the generations that served, each once in a row.
    """

    def __init__(self, infrastructure: Infrastructure) -> None:
        self.looks = 0
        self.served: list[int] = []
        self._infrastructure = infrastructure
        self._admin = AdminClient({"bootstrap.servers": infrastructure.brokers, "log_level": 0})
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._watching: Future[None] | None = None

    def __enter__(self) -> Self:
        self._watching = self._pool.submit(self._watch)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        self._pool.shutdown()
        if kind is None and self._watching is not None:
            self._watching.result()
            assert self.looks > 0

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            # First what is committed: what is read later can only be further.
            committed = self._committed()
            wanted = f"SELECT key, value FROM {TABLE} WHERE key = 'control' OR key ~ '^g[0-9]+/partition/[0-9]+$'"  # noqa: S608 - our own table
            found = {key: json.loads(bytes(value)) for key, value in sql(self._infrastructure, wanted)}
            active = found["control"]["active"]
            if self.served[-1:] != [active]:
                self.served.append(active)
            ahead = {
                number: (offset, checkpoint)
                for number, offset in committed.items()
                if offset > (checkpoint := found[f"g{active}/partition/{number}"]["checkpoint"]) + 1
            }
            assert not ahead, (active, ahead)
            self.looks += bool(committed)

    def _committed(self) -> dict[int, int]:
        wanted = [ConsumerGroupTopicPartitions(GROUP)]
        try:
            told = self._admin.list_consumer_group_offsets(wanted)[GROUP].result(SECONDS)
        except KafkaException as refusal:
            if refusal.args[0].retriable():
                return {}
            raise
        return {one.partition: one.offset for one in told.topic_partitions if one.topic == TOPIC and one.offset >= 0}


@contextmanager
def build_held(infrastructure: Infrastructure, generation: int) -> Iterator[None]:
    """Hold the accounts of a generation that is being built: while the context lasts no transaction over them ends."""
    wanted = f"SELECT key FROM {TABLE} WHERE key LIKE 'g{generation}/partition/%' FOR UPDATE"  # noqa: S608 - our own table
    with psycopg.connect(infrastructure.postgres_dsn) as connection:
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        assert len(connection.execute(wanted.encode()).fetchall()) == PARTITIONS
        yield
        connection.rollback()


def built(infrastructure: Infrastructure, generation: int) -> int:
    """How many offsets a generation accounts for, over all partitions."""
    return sum(part["checkpoint"] + 1 for part in accounts(infrastructure, generation).values())


def check_equal(infrastructure: Infrastructure, one: int, other: int, *, but: str = "") -> int:
    """Check that two generations are the same documents, byte for byte; returns how many there are.

    Args:
        infrastructure: whose Postgres compares them.
        one: of them.
        other: of them.
        but: the beginning of names that are left out, without the generation; none given, nothing is.
    """

    def of(generation: int) -> str:
        begin = f"g{generation}/"
        names = f"SELECT substr(key, {len(begin) + 1}) AS name, value FROM {TABLE} WHERE starts_with(key, '{begin}')"  # noqa: S608 - our own table
        return f"({names} AND NOT starts_with(key, '{begin}{but}'))" if but else f"({names})"

    joined = f"{of(one)} AS one FULL OUTER JOIN {of(other)} AS other USING (name)"
    different = sql(
        infrastructure,
        f"SELECT name, one.value, other.value FROM {joined} WHERE one.value IS DISTINCT FROM other.value LIMIT 3",  # noqa: S608 - our own table
    )
    assert not different, different
    ((count,),) = sql(infrastructure, f"SELECT count(*) FROM {of(one)} AS one")  # noqa: S608 - our own table
    assert count > 0
    return int(count)


def check_all_accounts(stack: Stack) -> None:
    """Check that every generation there is accounts for each of its offsets once, and the one that serves for all."""
    found = generations(stack)
    for number in found:
        parts = accounts(stack.infrastructure, number)
        assert parts.keys() == set(range(PARTITIONS))
        for part in parts.values():
            counts = sum(part[name] for name in ("applied", "duplicate", "parked", "missing"))
            assert counts == part["checkpoint"] - part["log_start"] + 1, (number, part)
    active = serving(stack)
    sums = check_accounts(stack.infrastructure)
    told = found[active]
    assert (told["state"], told["behind"], {name: told[name] for name in sums}) == ("serves", 0, sums)


def check_never_refused(traffic: Traffic) -> None:
    """Check that nobody was ever told to come later: neither who asked (404 where not known yet) nor who commanded."""
    statuses: defaultdict[str, set[int]] = defaultdict(set)
    for answer in traffic.answers:
        statuses[answer.method].add(answer.status)
    assert statuses["POST"] == {202}
    assert statuses["GET"] <= {200, 404}
    # By `Traffic`, 404 comes only before the first 200.
    assert all(answer.status == 200 for answer in traffic.answers[-10:] if answer.method == "GET")


def check_fresh(stack: Stack, command: Command, *, wait: int = 10) -> None:
    """Check that a command which was just accepted shows within some seconds."""
    headers = {"Consistency-Token": command.token, "Prefer": f"wait={wait}"}
    url = f"{stack.user_progress}/status"
    answer = httpx2.get(
        url, params={"learner_id": command.learner}, headers=headers, timeout=SECONDS, trust_env=False
    ).raise_for_status()
    assert answer.headers["Consistency-Status"] == "included", (dict(answer.headers), answer.text)


def options_offered(run: Run) -> list[str]:
    """The arguments of the command that the last line of stderr offers to go on with."""
    offered = run.lines[-1].split("`")[1]
    assert offered.startswith("learnflow replay --resume "), run.lines[-1]
    return shlex.split(offered)[1:]


def _command_line(pid: int) -> str:
    # Without -ww it is cut off at the width of a terminal, also of one that is only named in COLUMNS.
    command = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
