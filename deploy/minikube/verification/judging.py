"""After traffic: is everything that was accepted there, once, and nothing else?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deploy.minikube.verification.api import Client
from deploy.minikube.verification.checks.delivery import settled
from deploy.minikube.verification.database import Account
from deploy.minikube.verification.findings import Notebook
from deploy.minikube.verification.ledger import Accepted, Ending, chosen, counted, latencies
from deploy.minikube.verification.oracle import (
    SUMS,
    by_learner,
    figures,
    last_of_lessons,
    lessons_requested,
    time_spent,
)
from deploy.minikube.verification.scene import Scene, including
from deploy.minikube.verification.traffic import Traffic

FOLD_SECONDS: Final = 120.0
_MILLISECOND: Final = 0.001
LESSONS_SHOWN: Final = 100
"""A learner's status has the lessons with the latest event, so many at most."""
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Before:
    """How it stood before traffic.

    Attributes:
        ends: by partition, where the log ended.
        accounts: by partition.
        platform: the answer of GET /status.
    """

    ends: Mapping[int, int]
    accounts: Mapping[int, Account]
    platform: Mapping[str, Any]


def before(scene: Scene) -> Before:
    """How it stands now, with all of the log folded.

    Raises:
        VerificationError: it is not folded in time, or can't be looked at.
    """
    topic, accounts = settled(scene, seconds=FOLD_SECONDS)
    return Before(topic.ends, accounts, scene.user_progress.get("/status").json())


def judge(scene: Scene, see: Notebook, earlier: Before, traffic: Traffic) -> None:
    """Compare what there is with what was accepted, exactly.

    Raises:
        VerificationError: it is not folded in time, or can't be looked at.
    """
    accepted = traffic.accepted
    judge_clients(see, traffic)
    topic, accounts = settled(scene, seconds=FOLD_SECONDS)
    ids = scene.log.ids(earlier.ends, traffic.prefix)
    see.holds(
        set(ids) == {one.event_id for one in accepted} and len({one.event_id for one in accepted}) == len(accepted),
        f"the log has each of the {len(accepted)} accepted events, and no other ({len(ids)} records,"
        f" {len(ids) - len(set(ids))} of them repeats)",
        else_=f"{len({one.event_id for one in accepted} - set(ids))} are not in the log,"
        f" {len(set(ids) - {one.event_id for one in accepted})} were never accepted",
    )
    grown = sum(topic.ends[number] - end for number, end in earlier.ends.items())
    see.holds(grown == len(ids), "nobody else wrote meanwhile", else_=f"{grown - len(ids)} records of others")
    judge_accounts(see, earlier.accounts, accounts, new=len(accepted), records=len(ids))
    judge_learners(scene.course_agent, scene.user_progress, see, accepted)
    judge_platform(see, earlier.platform, scene.user_progress.get("/status").json(), accepted)


def judge_clients(see: Notebook, traffic: Traffic) -> None:
    """Whether every command was accepted, every answer was one of those promised, and no GET went back."""
    exchanges, accepted = traffic.exchanges, traffic.accepted
    see.holds(
        not traffic.abandoned and bool(accepted),
        f"every one of {len(accepted)} commands was accepted in the end",
        else_=f"{len(traffic.abandoned)} were given up, such as {traffic.abandoned[:1]}",
    )
    wrong = [one for one in exchanges if one.ending is Ending.WRONG]
    see.holds(not wrong, "every answer was a 200, a 202 or a 503", else_=f"{counted(wrong)}")
    see.holds(not traffic.backwards, "no GET went back in time", else_="; ".join(traffic.backwards[:_SHOWN]))
    for method in ("POST", "GET"):
        own = chosen(exchanges, method=method)
        see.note(f"{len(own)} {method}s: {counted(own)}; {latencies(own)}")
    see.note(
        f"{sum(one.sent > 1 for one in accepted)} commands had to be sent more than once; {traffic.repeated} GETs were"
        " sent again because the server had closed a kept connection (RFC 9112, 9.3.1)"
    )


def judge_accounts(
    see: Notebook, earlier: Mapping[int, Account], now: Mapping[int, Account], *, new: int, records: int
) -> None:
    """Whether the accounts of all partitions grew by exactly what came.

    Args:
        see: gets what is seen.
        earlier: accounts by partition, before.
        now: and after.
        new: events that were accepted.
        records: that the log got; those above `new` are repeats.
    """

    def grown(name: str) -> int:
        return sum(getattr(now[number], name) - getattr(account, name) for number, account in earlier.items())

    counts = {name: grown(name) for name in ("applied", "duplicate", "parked", "missing")}
    see.holds(
        counts == {"applied": new, "duplicate": records - new, "parked": 0, "missing": 0},
        f"the accounts grew by {', '.join(f'{number} {name}' for name, number in counts.items())}: each counts once",
        else_=f"{new} applied and {records - new} duplicate were due",
    )
    see.holds(
        all(account.sound for account in now.values()),
        "applied + duplicate + parked + missing = offsets, in every partition",
        else_=", ".join(str(account) for account in now.values() if not account.sound),
    )


def judge_learners(course_agent: Client, user_progress: Client, see: Notebook, accepted: Sequence[Accepted]) -> None:
    """Whether every learner's figures and lessons are those of these commands, which are all of theirs.

    Raises:
        VerificationError: an answer does not include them in time.
    """
    wrong: list[str] = []
    learners = by_learner(accepted)
    for learner, own in learners.items():
        status = including(user_progress, "/status", own[-1].token, learner_id=learner).json()
        expected = figures(own)
        found = {name: status[name] for name in expected}
        if found != expected:
            wrong.append(f"{learner}: {found}, not {expected}")
        last = last_of_lessons(own)
        shown = {one["lesson_id"]: {name: one[name] for name in ("completion", "score")} for one in status["lessons"]}
        if len(shown) != min(len(last), LESSONS_SHOWN) or any(last.get(lesson) != one for lesson, one in shown.items()):
            wrong.append(f"{learner}: {shown}, not {last}")
        listed = _lessons_listed(course_agent, learner)
        if listed != lessons_requested(own):
            wrong.append(f"{learner}: {len(listed)} lessons are listed, not {len(lessons_requested(own))}")
    see.holds(
        not wrong,
        f"the figures, the lessons and their last scores of each of {len(learners)} learners are exactly those of the"
        " accepted commands",
        else_="; ".join(wrong[:_SHOWN]),
    )


def judge_platform(
    see: Notebook, earlier: Mapping[str, Any], now: Mapping[str, Any], accepted: Sequence[Accepted]
) -> None:
    """Whether everybody's figures, by GET /status before and after, grew by exactly these commands of new learners."""
    expected = {name: figures(accepted)[name] for name in SUMS} | {"learners": len(by_learner(accepted))}
    grown = {name: now[name] - earlier[name] for name in expected}
    seconds = now["time_spent_seconds"] - earlier["time_spent_seconds"]
    see.holds(
        grown == expected and abs(seconds - float(time_spent(accepted))) < _MILLISECOND,
        f"the figures of everybody grew by exactly {', '.join(f'{number} {name}' for name, number in expected.items())}"
        f" and {float(time_spent(accepted)):.3f} s",
        else_=f"they grew by {grown} and {seconds:.3f} s",
    )


def _lessons_listed(client: Client, learner: str) -> list[str]:
    found: list[str] = []
    page = client.get("/lessons", learner_id=learner).json()
    while True:
        found += [one["lesson_id"] for one in page["lessons"]]
        if page["next_cursor"] is None:
            return sorted(found)
        page = client.get("/lessons", learner_id=learner, cursor=page["next_cursor"]).json()
