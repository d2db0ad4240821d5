"""An outage as it looked from outside, for people to read."""

from collections import defaultdict
from collections.abc import Iterator

from deploy.stack.service import COURSE_AGENT, USER_PROGRESS
from tests.real.traffic import Answer, Span, Traffic


def seen(name: str, traffic: Traffic, away: Span, back: float) -> Iterator[str]:
    """Lines that say what clients were answered while something was away, and how soon all was well.

    Args:
        name: of the outage.
        traffic: that went on all the time.
        away: when it was away.
        back: when it served again, by `time.monotonic`.
    """
    sent = sum(command.sent for command in traffic.accepted)
    yield f"{name}: {len(traffic.accepted)} commands, sent {sent} times"
    kinds: defaultdict[tuple[str, str, int, str | None], list[Answer]] = defaultdict(list)
    for answer in [*traffic.posts(away), *traffic.queries(away)]:
        kinds[answer.method, answer.path, answer.status, answer.problem].append(answer)
    for (method, path, status, _), alike in kinds.items():
        slowest = max(answer.seconds for answer in alike)
        yield f"  {method} {path}: {len(alike)} times {status}, within {slowest:.1f} s: {_shown(alike[-1])}"
    for service in (COURSE_AGENT, USER_PROGRESS):
        for method, good in (("POST", 202), ("GET", 200)):
            first = min(
                (
                    answer.ended - back
                    for answer in traffic.answers
                    if (answer.service, answer.method, answer.status) == (service, method, good)
                    and answer.began > away.ended
                ),
                default=None,
            )
            yield f"  first {good} to a {method} at {service}: {first} s after it was back"
    for service, parts in traffic.waits.items():
        for part, texts in parts.items():
            yield f"  /readyz of {service}: {part}: {' | '.join(texts)}"


def _shown(answer: Answer) -> str:
    if answer.problem is None:
        return f"as_of {answer.content['as_of']}" if "as_of" in answer.content else "accepted"
    named = {name: value for name, value in answer.headers.items() if name in ("retry-after", "idempotency-key")}
    return f"{named} {answer.content}"
