"""Traffic while the surroundings fail: clients that repeat a command until it is accepted, and others that ask."""

import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, Self

import httpx2

from deploy.stack.service import COURSE_AGENT, SERVICES, USER_PROGRESS
from deploy.stack.stack import Stack

GENERATE: Final = "/generate-lesson"
UPDATE: Final = "/update-progress"
PROBLEM: Final = "urn:learnflow:problem:"
NOT_CONFIRMED: Final = "not-confirmed"
LESSONS: Final = 10
"""That a learner reports on, besides those asked for."""
GIVE_UP_SECONDS: Final = 120.0
"""An outage that is over must not keep a command from being accepted for as long as this."""
HANG_SECONDS: Final = 60.0
"""A client that waited as long as this for one answer has met a hang."""
LOOK_SECONDS: Final = 0.4
_KINDS: Final = (
    (GENERATE, False),
    (UPDATE, False),
    (GENERATE, True),
    *((UPDATE, True) for _ in range(5)),
)
"""What each writer sends, and whether with a key of its own: so each kind is under way when an outage begins."""
_BEGIN: Final = datetime(2024, 2, 1, tzinfo=UTC)
_OK: Final = 200
_ACCEPTED: Final = 202
_UNKNOWN: Final = 404


@dataclass
class Command:
    """Something a client wants to be recorded, once.

    Attributes:
        key: under which it is repeated; one made by the service where the client had sent none.
        sent: how often.
        event_id: by the 202; the same at every repeat.
        lesson: that it is about; of a lesson asked for known by the 202.
        token: to see it included, by the last 202.
    """

    path: str
    learner: str
    body: Mapping[str, Any]
    key: str | None
    sent: int = 0
    event_id: str = ""
    lesson: str = ""
    token: str = ""

    @property
    def service(self) -> str:
        """That takes it."""
        return COURSE_AGENT if self.path == GENERATE else USER_PROGRESS


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back for one request.

    Attributes:
        began: when it was sent, ended: when it was answered, both by `time.monotonic`.
        problem: the end of the problem's type, where it is one.
        content: the body.
        key_sent: the `Idempotency-Key` of the request.
    """

    service: str
    method: str
    path: str
    began: float
    ended: float
    status: int
    headers: Mapping[str, str]
    content: Any
    key_sent: str | None = None

    @property
    def problem(self) -> str | None:
        kind = self.content.get("type", "") if self.headers.get("content-type") == "application/problem+json" else ""
        return kind.removeprefix(PROBLEM) or None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


@dataclass(frozen=True)
class Span:
    """A stretch of time, by `time.monotonic`."""

    began: float
    ended: float

    def covers(self, answer: Answer) -> bool:
        """Whether a request was sent and answered within it."""
        return self.began <= answer.began and answer.ended <= self.ended


@dataclass
class Ledger:
    """All commands that were accepted by a stack since its log was empty."""

    accepted: list[Command] = field(default_factory=list)


class Traffic:
    """A context: from its begin to its end clients send and ask; at its end every command begun was accepted.

    Attributes:
        accepted: the commands of this traffic.
        answers: everything that was answered.
        waits: by service and part, what /readyz said that it waits for, each text once, in this order.
    """

    def __init__(
        self,
        stack: Stack,
        ledger: Ledger,
        name: str,
        *,
        writers: int = 8,
        learners: int = 24,
        pause: float = 0.1,
        watched: tuple[str, ...] = SERVICES,
        look_seconds: float = LOOK_SECONDS,
        more_questions: bool = False,
    ) -> None:
        """Plan it, without sending anything.

        Args:
            stack: whose first replicas are talked to.
            ledger: gets the accepted commands as well.
            name: of this traffic; its learners are nobody else's.
            writers: clients that send commands, each one at a time.
            learners: that all writers share.
            pause: of a writer between two commands, in seconds.
            watched: services whose /healthz must answer 200 all the time.
            look_seconds: of somebody who asks, between two questions.
            more_questions: whether a learner's lessons and a lesson by its id are asked for as well.
        """
        self.accepted: list[Command] = []
        self.answers: list[Answer] = []
        self.waits: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._ledger = ledger
        self._learners = [f"{name}-{number}" for number in range(learners)]
        self._urls = {service: stack[service].url for service in {*watched, COURSE_AGENT, USER_PROGRESS}}
        self._writers = writers
        self._pause = pause
        self._watched = watched
        self._minutes = itertools.count()
        self._ending = threading.Event()
        self._asked_enough = threading.Event()
        self._broken_off = threading.Event()
        self._look_seconds = look_seconds
        self._more_questions = more_questions
        self._pool = ThreadPoolExecutor(writers + len(watched) + 5)
        self._writing: list[Future[None]] = []
        self._looking: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._writing = [self._pool.submit(self._write, number) for number in range(self._writers)]
        first = {"learner_id": self._learners[0]}
        asked: list[tuple[str, str, dict[str, str]]] = [
            (USER_PROGRESS, "/status", {}),
            (USER_PROGRESS, "/status", first),
            (COURSE_AGENT, "/lessons", {}),
        ]
        if self._more_questions:
            asked.append((COURSE_AGENT, "/lessons", first))
        self._looking = [self._pool.submit(self._ask, *one) for one in asked]
        if self._more_questions:
            self._looking.append(self._pool.submit(self._ask_for_a_lesson))
        self._looking += [self._pool.submit(self._watch, service) for service in self._watched]
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:  # nobody wants to know any more whether commands are accepted in the end
            self._broken_off.set()
        self.stop()

    def stop(self) -> None:
        """End it before the context does: on return all that was begun is accepted, and nobody asks any more."""
        self._ending.set()
        try:
            for writing in self._writing:
                writing.result()
        finally:
            self._asked_enough.set()
            self._pool.shutdown()
        for looking in self._looking:
            looking.result()

    def check_alive(self) -> None:
        """Raise what has ended one of the clients before its time, if anything has."""
        for future in [*self._writing, *self._looking]:
            if future.done():
                future.result()

    def run_for(self, seconds: float) -> None:
        """Let it go on for a time."""
        time.sleep(seconds)
        self.check_alive()

    def posts(self, span: Span, service: str | None = None) -> list[Answer]:
        """Commands that were sent and answered within a span, at one service or all."""
        return [one for one in self._within(span, service) if one.method == "POST"]

    @property
    def refused(self) -> list[Answer]:
        """Commands that were not confirmed."""
        return [one for one in list(self.answers) if one.problem == NOT_CONFIRMED]

    def queries(self, span: Span, service: str | None = None) -> list[Answer]:
        """Questions for figures that were sent and answered within a span, at one service or all."""
        return [one for one in self._within(span, service) if one.method == "GET"]

    def _within(self, span: Span, service: str | None) -> Iterator[Answer]:
        return (one for one in list(self.answers) if span.covers(one) and service in (None, one.service))

    def _write(self, number: int) -> None:
        chance = Random(number)
        with httpx2.Client(timeout=HANG_SECONDS, trust_env=False) as client:
            for count in itertools.count():
                path, with_key = _KINDS[number % len(_KINDS)]
                key = f"{self._learners[0]}-{number}-{count}" if with_key else None
                # Readers ask for the first learner, who therefore has to be known before anything is taken away.
                learner = chance.choice(self._learners) if count else self._learners[0]
                command = self._invent(chance, path, key, learner)
                if not self._until_accepted(client, command):
                    return
                self.accepted.append(command)
                self._ledger.accepted.append(command)
                # Some clients do not believe the first answer.
                if count % 9 == 1 and with_key and not self._until_accepted(client, command):
                    return
                if self._ending.wait(self._pause):
                    return

    def _invent(self, chance: Random, path: str, key: str | None, learner: str) -> Command:
        if path == GENERATE:
            body: dict[str, Any] = {"topic": f"Topic {chance.randrange(50)}", "duration_minutes": 20}
            return Command(path, learner, {"learner_id": learner, **body}, key)
        lesson = f"lesson-{chance.randrange(LESSONS)}"
        body = {
            "lesson_id": lesson,
            "completion": chance.choice([0.25, 0.5, 0.75, 1]),
            "time_spent_seconds": chance.randrange(600_000) / 1000,
            # No two are alike, so which is the last is certain; and they arrive out of order.
            "occurred_at": (_BEGIN + timedelta(minutes=next(self._minutes) ^ 0b1011)).isoformat(),
        }
        if chance.random() < 0.8:
            body["score"] = chance.randrange(101) / 100
        return Command(path, learner, {"learner_id": learner, **body}, key, lesson=lesson)

    def _until_accepted(self, client: httpx2.Client, command: Command) -> bool:
        """Send a command until it is accepted; whether it was, for a traffic that is broken off leaves it."""
        end = time.monotonic() + GIVE_UP_SECONDS
        while not self._broken_off.is_set():
            assert time.monotonic() < end, f"not accepted within {GIVE_UP_SECONDS:g} s: {self.answers[-1]}"
            headers = {"Idempotency-Key": command.key} if command.key else {}
            command.sent += 1
            answer = self._send(client, command.service, "POST", command.path, headers, json=command.body)
            if answer.status == _ACCEPTED:
                _note_accepted(command, answer)
                return True
            assert answer.status == 503, answer
            if answer.problem == NOT_CONFIRMED:
                named = answer.content["idempotency_key"]
                assert named == answer.headers["idempotency-key"], answer
                assert command.key in (None, named), answer
                command.key = named
            time.sleep(int(answer.headers["retry-after"]))
        return False

    def _ask(self, service: str, path: str, params: Mapping[str, str]) -> None:
        """Ask again and again; no answer reflects less of the log than the one before."""
        reached: dict[str, int] = {}
        with httpx2.Client(timeout=HANG_SECONDS, trust_env=False) as client:
            while not self._asked_enough.wait(self._look_seconds):
                answer = self._send(client, service, "GET", path, {}, params=params)
                if answer.status == _OK:
                    positions = answer.content["as_of"]["positions"]
                    back = {name: offset for name, offset in reached.items() if positions.get(name, -1) < offset}
                    assert not back, (back, answer)
                    reached = positions
                elif answer.status == _UNKNOWN:
                    assert not reached, answer
                else:
                    assert answer.status == 503, answer

    def _ask_for_a_lesson(self) -> None:
        """Ask for the first lesson that was accepted for the first learner, by its id."""
        while not self._asked_enough.wait(self._look_seconds):
            own = [one for one in list(self.accepted) if one.path == GENERATE and one.learner == self._learners[0]]
            if own:
                return self._ask(COURSE_AGENT, f"/lessons/{own[0].lesson}", {})
        return None

    def _watch(self, service: str) -> None:
        """Look at a service's health: it is alive all the time, and says what it waits for."""
        with httpx2.Client(timeout=HANG_SECONDS, trust_env=False, base_url=self._urls[service]) as client:
            while not self._asked_enough.wait(LOOK_SECONDS):
                alive = client.get("healthz")
                assert (alive.status_code, alive.json()) == (200, {"status": "alive"}), (service, alive.text)
                ready = client.get("readyz")
                waiting_for = ready.json()["waiting_for"]
                assert ready.status_code == (503 if waiting_for else 200), (service, ready.text)
                for part, text in waiting_for.items():
                    if text not in self.waits[service][part]:
                        self.waits[service][part].append(text)

    def _send(
        self, client: httpx2.Client, service: str, method: str, path: str, headers: Mapping[str, str], **content: Any
    ) -> Answer:
        began = time.monotonic()
        response = client.request(method, f"{self._urls[service]}{path}", headers=dict(headers), **content)
        answer = Answer(
            service=service,
            method=method,
            path=path,
            began=began,
            ended=time.monotonic(),
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            content=response.json(),
            key_sent=headers.get("Idempotency-Key"),
        )
        self.answers.append(answer)
        return answer


def _note_accepted(command: Command, answer: Answer) -> None:
    event_id = answer.content["event_id"]
    assert command.event_id in ("", event_id), (command, answer)
    # A lesson that can't be read at once is not in the answer, but where it will be is.
    where = answer.headers["location"]
    lesson = where.removeprefix("/lessons/") if command.path == GENERATE else answer.content["lesson_id"]
    assert command.lesson in ("", lesson), (command, answer)
    command.event_id, command.lesson, command.token = event_id, lesson, answer.headers["consistency-token"]


def spanning(step: Callable[[], object]) -> Span:
    """When a step began and ended."""
    began = time.monotonic()
    step()
    return Span(began, time.monotonic())
