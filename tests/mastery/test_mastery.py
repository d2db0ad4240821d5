"""What a trace of a concept promises, whatever was observed."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from read_models.documents import Observation
from read_models.mastery import DEFAULTS, Parameters, success, trace

DAY_US = 24 * 60 * 60 * 1_000_000
YEAR_DAYS = 365

scores = st.none() | st.integers(0, 1_000_000)
days = st.integers(0, 3 * YEAR_DAYS)
histories = st.lists(st.tuples(days, scores), max_size=8).map(
    lambda found: [
        Observation(day * DAY_US, f"{place:02}", score) for place, (day, score) in enumerate(sorted(found, key=first))
    ]
)
probabilities = st.floats(0.01, 0.49)
models = st.builds(
    Parameters,
    prior=st.floats(0.01, 0.99),
    learn=st.floats(0, 0.9),
    slip=probabilities,
    guess=probabilities,
    half_life_days=st.floats(0.1, 500),
    longest_half_life_days=st.floats(500, 2000),
    good=st.floats(0.1, 1),
)


def first(pair: tuple[int, int | None]) -> int:
    return pair[0]


def at(day: float) -> int:
    return round(day * DAY_US)


@given(histories, days, models)
def test_it_is_a_probability_and_never_rises_by_waiting(seen: list[Observation], day: int, model: Parameters) -> None:
    found = trace(seen, at(day), model)
    assert 0 <= found.now <= found.then <= 1
    assert 0 <= success(found.now, model) <= 1
    last = seen[-1].time_us if seen else 0
    soon, later = (trace(seen, last + at(days), model) for days in (day, day + 1))
    assert later.then == soon.then
    assert later.now <= soon.now


@given(histories, models)
def test_what_is_forgotten_falls_to_half_in_a_half_life(seen: list[Observation], model: Parameters) -> None:
    last = seen[-1].time_us if seen else 0
    found = trace(seen, last, model)
    above = found.then - model.prior
    after = trace(seen, last + at(found.half_life_days), model).now - model.prior
    assert after == pytest.approx(above / 2 if above > 0 and seen else above, abs=1e-6)


@given(histories, st.integers(0, 999_999), models)
def test_a_better_score_never_means_less(seen: list[Observation], score: int, model: Parameters) -> None:
    time_us = (seen[-1].time_us if seen else 0) + DAY_US
    worse, better = (trace([*seen, Observation(time_us, "~", ppm)], time_us, model).now for ppm in (score, 1_000_000))
    assert worse <= better + 1e-12


def test_good_scores_raise_it_and_make_it_last() -> None:
    steps = [trace([Observation(at(day), str(day), 900_000) for day in range(count)], at(count)) for count in range(6)]
    for less, more in pairwise(steps):
        assert more.now > less.now
        assert more.half_life_days > less.half_life_days or less.half_life_days == DEFAULTS.longest_half_life_days


def test_nothing_observed_is_the_prior_and_does_not_fade() -> None:
    assert trace([], at(0)).now == trace([], at(1000)).now == DEFAULTS.prior


def test_the_first_right_answer_is_bayes_rule_by_hand() -> None:
    model = Parameters(prior=0.5, learn=0.25, slip=0.1, guess=0.2)
    known = Fraction(5, 10) * Fraction(9, 10) / (Fraction(5, 10) * Fraction(9, 10) + Fraction(5, 10) * Fraction(2, 10))
    after = known + (1 - known) / 4
    assert trace([Observation(0, "a", 1_000_000)], 0, model).now == pytest.approx(float(after))
    unknown = (
        Fraction(5, 10) * Fraction(1, 10) / (Fraction(5, 10) * Fraction(1, 10) + Fraction(5, 10) * Fraction(8, 10))
    )
    after = unknown + (1 - unknown) / 4
    assert trace([Observation(0, "a", 0)], 0, model).now == pytest.approx(float(after))


def test_completing_without_a_score_is_a_chance_to_learn_and_nothing_more() -> None:
    found = trace([Observation(0, "a", None)], 0)
    assert found.now == pytest.approx(DEFAULTS.prior + (1 - DEFAULTS.prior) * DEFAULTS.learn)
    assert found.half_life_days == DEFAULTS.half_life_days


def test_what_is_said_to_occur_later_counts_as_of_now() -> None:
    ahead = [Observation(0, "a", 900_000), Observation(at(365), "b", 900_000)]
    together = [Observation(0, "a", 900_000), Observation(at(1), "b", 900_000)]
    assert trace(ahead, at(1)) == trace(together, at(1))
