"""The package `eventsourcing`, rebuilding a projection of the same figures from the same facts.

As its documentation recommends it: a view that extends `PostgresTrackingRecorder` and writes figures and tracking in
one transaction, and a `ProjectionRunner` that gives it the application's events. In its favour: prepared statements,
one statement for all figures of an event, pooled connections, and single-row tracking, its default. The server is the
one that we use, and just as durable for both.
"""

import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier
from typing_extensions import override

from bench.replay_facts import BenchFailed, Case, Fact, facts, learner_id, moment

_SCHEMA: Final = "peer"
_AT_ONCE: Final = 2000
_LOOK_SECONDS: Final = 0.05
_LEARNERS: Final = uuid.UUID("b4f7c1de-6f0a-5c0e-9a57-3c1f2a6d9e03")
_COMPLETE: Final = 1_000_000


@dataclass(frozen=True)
class LessonAsked(DomainEvent):
    """A learner asked for a lesson."""

    learner_id: str


@dataclass(frozen=True)
class Progressed(DomainEvent):
    """A learner got somewhere in a lesson."""

    learner_id: str
    lesson_id: str
    completion_ppm: int
    score_ppm: int
    time_spent_ms: int


class Learning(Application[UUID]):
    """What holds the events."""


class Figures(PostgresTrackingRecorder):
    """Figures by learner, in Postgres."""

    def __init__(self, datastore: Any, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        schema = Identifier(self.datastore.schema)
        self.sql_create_statements += [
            SQL(
                "CREATE TABLE IF NOT EXISTS {0}.figures (learner text PRIMARY KEY, events bigint, completed bigint,"
                " spent_ms bigint, score_ppm bigint, scored_at timestamptz)"
            ).format(schema),
            SQL(
                "CREATE TABLE IF NOT EXISTS {0}.completions (learner text, lesson text, PRIMARY KEY (learner, lesson))"
            ).format(schema),
        ]
        self._asked = SQL(
            "INSERT INTO {0}.figures AS f VALUES (%(learner)s, 1, 0, 0, NULL, NULL)"
            " ON CONFLICT (learner) DO UPDATE SET events = f.events + 1"
        ).format(schema)
        self._progressed = SQL(
            "WITH done AS (INSERT INTO {0}.completions SELECT %(learner)s, %(lesson)s WHERE %(complete)s"
            " ON CONFLICT DO NOTHING RETURNING 1)"
            " INSERT INTO {0}.figures AS f"
            " VALUES (%(learner)s, 1, (SELECT count(*) FROM done), %(spent)s, %(score)s, %(at)s)"
            " ON CONFLICT (learner) DO UPDATE SET events = f.events + 1, completed = f.completed + EXCLUDED.completed,"
            " spent_ms = f.spent_ms + EXCLUDED.spent_ms,"
            " score_ppm = CASE WHEN f.scored_at > EXCLUDED.scored_at THEN f.score_ppm ELSE EXCLUDED.score_ppm END,"
            " scored_at = GREATEST(f.scored_at, EXCLUDED.scored_at)"
        ).format(schema)

    def asked(self, event: LessonAsked, tracking: Tracking) -> None:
        """Count a request."""
        self._write(self._asked, {"learner": event.learner_id}, tracking)

    def progressed(self, event: Progressed, tracking: Tracking) -> None:
        """Count a report."""
        parameters = {
            "learner": event.learner_id,
            "lesson": event.lesson_id,
            "complete": event.completion_ppm >= _COMPLETE,
            "spent": event.time_spent_ms,
            "score": event.score_ppm,
            "at": event.timestamp,
        }
        self._write(self._progressed, parameters, tracking)

    def _write(self, statement: Any, parameters: dict[str, object], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(statement, parameters, prepare=True)


class FiguresProjection(Projection[Figures]):
    """Gives the events to the figures."""

    name = "figures"

    @singledispatchmethod
    @override
    def process_event(self, domain_event: object, tracking: Tracking) -> None:
        raise BenchFailed(f"no such event: {domain_event}")

    @process_event.register
    def _(self, domain_event: LessonAsked, tracking: Tracking) -> None:
        self.view.asked(domain_event, tracking)

    @process_event.register
    def _(self, domain_event: Progressed, tracking: Tracking) -> None:
        self.view.progressed(domain_event, tracking)


def peer(dsn: str, case: Case) -> float:
    """Events per second of a rebuild.

    Raises:
        BenchFailed: the figures are not those of the facts.
    """
    dropped = SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(_SCHEMA))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(dropped)
        connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(_SCHEMA)))
        try:
            return _rebuild(dsn, case)
        finally:
            connection.execute(dropped)


def _rebuild(dsn: str, case: Case) -> float:
    given = conninfo_to_dict(dsn)
    env = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(given["dbname"]),
        "POSTGRES_SCHEMA": _SCHEMA,
        "POSTGRES_HOST": str(given["host"]),
        "POSTGRES_PORT": str(given["port"]),
        "POSTGRES_USER": str(given["user"]),
        "POSTGRES_PASSWORD": str(given["password"]),
    }
    last, spent = _fill(env, case)
    began = time.perf_counter()
    with ProjectionRunner(
        application_class=Learning, projection_class=FiguresProjection, view_class=Figures, env=env
    ) as runner:
        # Not by `runner.wait`, which looks again only every 0.8 s.
        while (runner.view.max_tracking_id(Learning.name) or 0) < last and not runner.is_interrupted.is_set():
            time.sleep(_LOOK_SECONDS)
        seconds = time.perf_counter() - began
    question = SQL("SELECT sum(events)::bigint, sum(spent_ms)::bigint FROM {}.figures").format(Identifier(_SCHEMA))
    with psycopg.connect(dsn) as connection:
        row = connection.execute(question).fetchone()
    if row != (case.events, spent):
        raise BenchFailed(f"eventsourcing came to {row}, and should have come to {(case.events, spent)}")
    return case.events / seconds


def _fill(env: dict[str, str], case: Case) -> tuple[int, int]:
    """Record the facts; the position of the last one, and the time that was spent."""
    versions: dict[int, int] = {}
    spent, position = 0, 0
    waiting: list[Any] = []
    with Learning(env) as application:

        def flush() -> int:
            found = application.recorder.insert_events(waiting)
            waiting.clear()
            return max(found or (0,))

        for fact in facts(case):
            versions[fact.learner] = versions.get(fact.learner, 0) + 1
            waiting.append(application.mapper.to_stored_event(_event(fact, versions[fact.learner])))
            spent += fact.spent_ms
            if len(waiting) >= _AT_ONCE:
                position = flush()
        if waiting:
            position = flush()
    return position, spent


def _event(fact: Fact, version: int) -> DomainEvent:
    learner, at = learner_id(fact.learner), moment(fact)
    return _asked(learner, version, at) if fact.lesson is None else _progressed(fact, learner, version, at)


def _asked(learner: str, version: int, at: datetime) -> LessonAsked:
    return LessonAsked(uuid.uuid5(_LEARNERS, learner), version, at, learner)


def _progressed(fact: Fact, learner: str, version: int, at: datetime) -> Progressed:
    return Progressed(
        originator_id=uuid.uuid5(_LEARNERS, learner),
        originator_version=version,
        timestamp=at,
        learner_id=learner,
        lesson_id=f"lesson-{fact.lesson}",
        completion_ppm=fact.completion_ppm,
        score_ppm=fact.score_ppm,
        time_spent_ms=fact.spent_ms,
    )
