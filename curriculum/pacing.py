"""How the minutes of a lesson are spent: an opening, rounds of explanation, practice and check, and a closing."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

LONGEST_ROUND: Final = 45  # Minutes; beyond that a learner does better to come back to the objective later.
SHORTEST_ROUND: Final = 10  # Minutes; below that it is better to share a round among several objectives.
MOST_ROUNDS: Final = 8  # More of them would be more text to read than time to work.
LONGEST_OPENING: Final = 8
LONGEST_CLOSING: Final = 10
STEPS_OF_A_ROUND: Final = 3


@dataclass(frozen=True, slots=True)
class RoundPace:
    """One round, for the objectives `start` up to but not including `stop` (counted from 0).

    `visit` counts the earlier rounds for the same objectives; the three others are whole minutes, each at least 1.
    """

    visit: int
    start: int
    stop: int
    explanation: int
    practice: int
    check: int


@dataclass(frozen=True, slots=True)
class Pace:
    """The whole lesson in whole minutes, each at least 1; together they are exactly its duration."""

    opening: int
    rounds: tuple[RoundPace, ...]
    closing: int


def apportion(total: int, weights: tuple[int, ...], *, least: int = 1) -> tuple[int, ...]:
    """Split `total` into whole parts of at least `least`, as nearly in the proportion of `weights` as that permits.

    Args:
        total: what is split; at least `least` for each weight.
        weights: positive, at least one.
        least: the smallest part allowed.

    Returns:
        One part for each weight, in the same order; their sum is `total`.

    Raises:
        ValueError: if `total` is too small to give every part its least.
    """
    spare = total - least * len(weights)
    if spare < 0:
        raise ValueError(f"{total} cannot be split into {len(weights)} parts of at least {least}")
    # Rounding the running sum, not each part, is what makes the parts add up.
    marks = [(2 * spare * running + sum(weights)) // (2 * sum(weights)) for running in accumulate(weights, initial=0)]
    return tuple(least + end - begin for begin, end in pairwise(marks))


def plan(duration_minutes: int, objective_count: int, shares: tuple[int, int, int]) -> Pace:
    """Spread a lesson over its objectives.

    Every objective is in at least one round. Where there are few objectives for much time, the lesson comes back to
    each of them in later visits; where there are too many for the time, neighbours share a round.

    Args:
        duration_minutes: 5 to 240.
        objective_count: at least 1.
        shares: how explanation, practice and check divide a round; positive.
    """
    opening = min(max(duration_minutes // 15, 1), LONGEST_OPENING)
    closing = min(max(duration_minutes // 12, 1), LONGEST_CLOSING)
    body = duration_minutes - opening - closing
    fewest = -(-body // LONGEST_ROUND)
    most = min(max(body // SHORTEST_ROUND, 1), MOST_ROUNDS)
    groups = min(objective_count, most)
    visits = -(-fewest // groups)

    borders = [objective_count * group // groups for group in range(groups + 1)]
    spans = [(visit, start, stop) for visit in range(visits) for start, stop in pairwise(borders)]
    lengths = apportion(body, tuple(stop - start for _, start, stop in spans), least=STEPS_OF_A_ROUND)
    rounds = tuple(
        RoundPace(visit, start, stop, *apportion(length, shares))
        for (visit, start, stop), length in zip(spans, lengths, strict=True)
    )
    return Pace(opening, rounds, closing)


@dataclass(frozen=True, slots=True)
class Need:
    """The whole minutes that something takes: at least, best, and at most; `least <= want <= most`."""

    least: int
    want: int
    most: int


def spread(total: int, needs: Sequence[Need]) -> tuple[int, ...]:
    """Give each its minutes, so that together they are `total`: none less than its least, none more than its most.

    Up to what all of them want, what is above the least is shared in proportion to what each still wants; beyond that,
    in proportion to how much more each can take.

    Raises:
        ValueError: `total` is less than all the least, or more than all the most.
    """
    if not sum(one.least for one in needs) <= total <= sum(one.most for one in needs):
        raise ValueError(f"{total} cannot be spread over {len(needs)} needs")
    wanted = sum(one.want for one in needs)
    low = [one.least if total <= wanted else one.want for one in needs]
    high = [one.want if total <= wanted else one.most for one in needs]
    room = [top - bottom for bottom, top in zip(low, high, strict=True)]
    if not any(room):
        return tuple(low)
    spare = total - sum(low)
    # As in `apportion`; a difference of rounded running sums is at most the share rounded up, so never too much.
    marks = [(2 * spare * running + sum(room)) // (2 * sum(room)) for running in accumulate(room, initial=0)]
    return tuple(bottom + end - begin for bottom, (begin, end) in zip(low, pairwise(marks), strict=True))
