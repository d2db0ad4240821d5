"""Figures at the ends of the calendar, where dates have no neighbours."""

from datetime import date, timedelta

import pytest

from query_api.figures import current_streak, longest_streak

TODAY = date(2024, 3, 1)


def around_today(*offsets: int) -> set[date]:
    return {TODAY + timedelta(days=offset) for offset in offsets}


def test_the_first_and_the_last_day_of_the_calendar_count_as_any_other() -> None:
    ends = {date.min, date.min + timedelta(days=1), date.max - timedelta(days=1), date.max}
    assert longest_streak(ends) == 2
    assert longest_streak(ends | around_today(0, 1, 2)) == 3
    assert current_streak(ends | around_today(0), TODAY) == 1
    assert current_streak(ends, date.max) == 2
    assert current_streak(ends, date.min) == 2


@pytest.mark.parametrize(
    ("offsets", "streak"),
    [
        ((), 0),
        ((-2,), 0),
        ((-1,), 1),
        ((-3, -2, -1), 3),
        ((-1, 0), 2),
        ((-1, 0, 1), 3),
        ((1,), 1),
        ((2,), 0),
        ((0, 2), 1),
        ((0, 1, 2), 2),
    ],
)
def test_a_streak_ends_yesterday_today_or_tomorrow(offsets: tuple[int, ...], streak: int) -> None:
    assert current_streak(around_today(*offsets), TODAY) == streak
