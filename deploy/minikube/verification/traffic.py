"""Traffic: clients that repeat a command under its key until it is accepted, and others that ask all the time."""

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, Self

from deploy.minikube.verification.api import Answer, Client
from deploy.minikube.verification.cluster import COURSE_AGENT, USER_PROGRESS
from deploy.minikube.verification.errors import NoAnswer, NotInTime, Unexpected, VerificationError
from deploy.minikube.verification.ledger import GENERATE, UPDATE, Accepted, Command, Ending, Exchange
from deploy.minikube.verification.scene import ACCEPTED, OK, Addresses, including
from deploy.minikube.verification.waiting import wait_until

WRITERS: Final = 5
PAUSE_SECONDS: Final = 0.15
LEARNERS: Final = 12
LESSONS: Final = 6
"""That a learner reports on, besides those asked for."""
GIVE_UP_SECONDS: Final = 180.0
"""An outage that is over must not keep a command from being accepted for as long as this."""
_JOIN_SECONDS: Final = 30.0
_UNAVAILABLE: Final = 503
_LONGEST_PAUSE: Final = 5.0
_BEGIN: Final = datetime(2024, 2, 1, tzinfo=UTC)
_TOPICS: Final = ("Python decorators", "Python for loops", "Python dictionaries", "Spaced repetition", "Sourdough")


class Traffic:
    """A context: from its begin to its end clients send and ask. At its end all commands begun were accepted.

    Attributes:
        prefix: of the names of its learners, who are nobody else's.
        accepted: so far.
        exchanges: so far; each attempt is one.
        backwards: GETs whose answer reflected less of the log than an earlier one.
        abandoned: commands that were given up.
    """

    def __init__(self, addresses: Addresses, prefix: str, *, writers: int = WRITERS) -> None:
        """Plan it, without sending anything."""
        self.prefix = prefix
        self.accepted: list[Accepted] = []
        self.exchanges: list[Exchange] = []
        self.backwards: list[str] = []
        self.abandoned: list[Command] = []
        self._urls = {COURSE_AGENT: addresses.course_agent, USER_PROGRESS: addresses.user_progress}
        self._learners = [f"{prefix}-{number}" for number in range(LEARNERS)]
        self._minutes = itertools.count()
        self._ending = threading.Event()
        self._asked_enough = threading.Event()
        self._broken_off = threading.Event()
        self._faults: list[BaseException] = []
        self._repeats: list[Client] = []
        first = f"learner_id={self._learners[0]}"
        self._writing = [self._thread(self._write, number) for number in range(writers)]
        self._asking = [
            self._thread(self._ask, service, path)
            for service, path in (
                (USER_PROGRESS, f"/status?{first}"),
                (USER_PROGRESS, "/status"),
                (COURSE_AGENT, f"/lessons?{first}"),
                (COURSE_AGENT, "/lessons"),
            )
        ]

    @property
    def repeated(self) -> int:
        """GETs that were sent a second time because a kept connection had been closed under them."""
        return sum(client.repeated for client in list(self._repeats))

    def __enter__(self) -> Self:
        self._prime()
        for thread in (*self._writing, *self._asking):
            thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if error is None:
            self.stop()
            return
        # Nobody wants to know any more whether commands are accepted in the end.
        self._broken_off.set()
        try:
            self.stop()
        except VerificationError as further:
            error.add_note(str(further))

    def stop(self) -> None:
        """End it: on return all that was begun is accepted or given up, and nobody asks any more.

        Raises:
            Unexpected: a client has ended before its time, by a fault of its own.
            NotInTime: one does not end.
        """
        self._ending.set()
        seconds = _JOIN_SECONDS if self._broken_off.is_set() else GIVE_UP_SECONDS + _JOIN_SECONDS
        self._join(self._writing, seconds)
        self._asked_enough.set()
        self._join(self._asking, _JOIN_SECONDS)
        if self._faults:
            raise Unexpected(f"a client of the traffic has failed: {self._faults[0]!r}") from self._faults[0]

    def run_for(self, seconds: float) -> None:
        """Let it go on for a time."""
        time.sleep(seconds)

    def wait_served(self, since: float, *, seconds: float) -> float:
        """Wait until both services have answered both a POST and a GET well that were sent after a moment.

        Returns:
            The seconds that took, from now.

        Raises:
            NotInTime: one has not in time.
        """
        wanted = {(service, method) for service in self._urls for method in ("GET", "POST")}

        def trouble() -> str | None:
            served = {
                (one.service, one.method)
                for one in list(self.exchanges)
                if one.began >= since and one.ending is Ending.FINE
            }
            missing = sorted(f"{method} of {service}" for service, method in wanted - served)
            return f"not answered well: {', '.join(missing)}" if missing else None

        return wait_until(trouble, what="both services serve again", seconds=seconds, pause=0.1)

    def _prime(self) -> None:
        """Make the first learner known, so that whoever asks for it is answered."""
        with Client(self._urls[USER_PROGRESS]) as client:
            command = self._report(Random(0), self._learners[0], "prime")  # noqa: S311 - no secret
            self._until_accepted(client, command)
            if self.accepted:
                including(client, "/status", self.accepted[0].token, learner_id=command.learner)

    def _write(self, number: int) -> None:
        chance = Random(number)  # noqa: S311 - no secret
        # Each for one service: where one can't take commands, it is seen whether the other does.
        invent, service = (self._request, COURSE_AGENT) if number % 2 else (self._report, USER_PROGRESS)
        with self._client(service) as client:
            for count in itertools.count():
                command = invent(chance, chance.choice(self._learners), f"{number}-{count}")
                self._until_accepted(client, command)
                if self._ending.wait(PAUSE_SECONDS):
                    return

    def _ask(self, service: str, path: str) -> None:
        reached: Mapping[str, int] = {}
        with self._client(service) as client:
            while not self._asked_enough.wait(PAUSE_SECONDS):
                answer = self._exchange(service, "GET", lambda: client.get(path), OK)
                if answer is None or answer.status != OK:
                    continue
                positions: Mapping[str, int] = answer.json()["as_of"]["positions"]
                if any(positions.get(name, -1) < offset for name, offset in reached.items()):
                    self.backwards.append(f"GET {path}: from {reached} to {positions}")
                reached = positions

    def _request(self, chance: Random, learner: str, name: str) -> Command:
        body = {"learner_id": learner, "topic": chance.choice(_TOPICS), "duration_minutes": 20}
        return Command(GENERATE, learner, body, f"{self.prefix}-{name}")

    def _report(self, chance: Random, learner: str, name: str) -> Command:
        body: dict[str, Any] = {
            "learner_id": learner,
            "lesson_id": f"lesson-{chance.randrange(LESSONS)}",
            "completion": chance.choice([0.25, 0.5, 0.75, 1]),
            "time_spent_seconds": chance.randrange(600_000) / 1000,
            # No two are alike, so which is the last is certain; and they arrive out of order.
            "occurred_at": (_BEGIN + timedelta(minutes=next(self._minutes) ^ 0b1011)).isoformat(),
        }
        if chance.random() < 0.8:  # noqa: PLR2004 - the share of reports with a score
            body["score"] = chance.randrange(101) / 100
        return Command(UPDATE, learner, body, f"{self.prefix}-{name}")

    def _until_accepted(self, client: Client, command: Command) -> None:
        end = time.monotonic() + GIVE_UP_SECONDS
        headers = {"Idempotency-Key": command.key}
        for sent in itertools.count(1):
            answer = self._exchange(
                command.service, "POST", lambda: client.post(command.path, command.body, headers=headers), ACCEPTED
            )
            if answer is not None and answer.status == ACCEPTED:
                self.accepted.append(_accepted(command, answer, sent))
                return
            if self._broken_off.is_set() or time.monotonic() > end:
                self.abandoned.append(command)
                return
            pause = float(answer.headers.get("retry-after", 1)) if answer is not None else PAUSE_SECONDS
            self._broken_off.wait(min(pause, _LONGEST_PAUSE))

    def _exchange(self, service: str, method: str, send: Callable[[], Answer], good: int) -> Answer | None:
        began = time.monotonic()
        answer: Answer | None = None
        try:
            answer = send()
            said = answer.describe()
            ending = {good: Ending.FINE, _UNAVAILABLE: Ending.UNAVAILABLE}.get(answer.status, Ending.WRONG)
        except NoAnswer as none:
            said, ending = none.why, Ending.NO_ANSWER
        self.exchanges.append(
            Exchange(service=service, method=method, ending=ending, said=said, began=began, ended=time.monotonic())
        )
        return answer

    def _client(self, service: str) -> Client:
        client = Client(self._urls[service])
        self._repeats.append(client)
        return client

    def _thread(self, work: Callable[..., None], *arguments: object) -> threading.Thread:
        def run() -> None:
            try:
                work(*arguments)
            except (VerificationError, LookupError, TypeError, ValueError) as error:
                self._faults.append(error)

        # A daemon: Ctrl-C must not wait for a request that hangs.
        return threading.Thread(target=run, daemon=True)

    def _join(self, threads: list[threading.Thread], seconds: float) -> None:
        end = time.monotonic() + seconds
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))
        if any(thread.is_alive() for thread in threads):
            raise NotInTime("the clients of the traffic end", seconds, "some are still at work")


def _accepted(command: Command, answer: Answer, sent: int) -> Accepted:
    # A lesson that can't be read at once is not in the answer, but where it will be is.
    where = answer.headers["location"]
    lesson = where.removeprefix("/lessons/") if command.path == GENERATE else str(command.body["lesson_id"])
    return Accepted(command, str(answer.json()["event_id"]), lesson, answer.headers["consistency-token"], sent)
