"""How well a learner has a concept, from what was observed: Bayesian Knowledge Tracing with forgetting. Pure.

The probability that a concept is known is traced observation by observation as in Corbett and Anderson (1995),
Knowledge tracing: Modeling the acquisition of procedural knowledge, User Modeling and User-Adapted Interaction 4,
253-278. Two things are added. A score is not right or wrong but somewhere between, so the two posteriors are mixed in
its proportion (Jeffrey's rule: R. C. Jeffrey (1965), The Logic of Decision, chapter 11). And what is known is forgotten
in half-lives, each good result doubling the next one, as in Settles and Meeder (2016), A trainable spaced repetition
model for language learning, ACL, 1848-1858.

Observations are a sorted set, so the order in which they became known changes nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from events.quantities import PPM
from read_models.documents import Observation

_DAY_US: Final = 24 * 60 * 60 * 1_000_000


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the model assumes; probabilities unless said otherwise.

    The defaults are those, within what makes sense of one lesson's score, that rank real submissions best
    (`bench/README.md`).

    Attributes:
        prior: that a concept is known before anything was observed.
        learn: that working on it once makes it known.
        slip: of failing in spite of knowing.
        guess: of succeeding without knowing.
        half_life_days: of what is known, before there was a good result.
        longest_half_life_days: however many there were.
        good: the least score, 0 to 1, that doubles the half-life.
    """

    prior: float = 0.4
    learn: float = 0.03
    slip: float = 0.05
    guess: float = 0.42
    half_life_days: float = 15.0
    longest_half_life_days: float = 720.0
    good: float = 0.6


DEFAULTS: Final = Parameters()


@dataclass(frozen=True, slots=True)
class Trace:
    """What the model makes of a concept.

    Attributes:
        then: the probability that it was known right after the last observation.
        now: the probability that it is known at the moment asked about; never above `then`.
        half_life_days: in which what is known above the prior falls to half.
        retained: the share of that, 0 to 1, which is left since the last observation.
    """

    then: float
    now: float
    half_life_days: float
    retained: float


def trace(observations: Sequence[Observation], now_us: int, parameters: Parameters = DEFAULTS) -> Trace:
    """Follow a concept through its observations, up to a moment.

    Args:
        observations: in ascending order of time; those after `now_us` count as of that moment.
        now_us: the moment, in microseconds since 1970 UTC.
        parameters: of the model.
    """
    known, half_life, last_us = parameters.prior, parameters.half_life_days, None
    for one in observations:
        time_us = min(one.time_us, now_us)
        if last_us is not None:
            known = _after_waiting(known, _retained(time_us - last_us, half_life), parameters)
        last_us = time_us
        if one.score_ppm is not None:
            score = one.score_ppm / PPM
            known = _after(score, known, parameters)
            if score >= parameters.good:
                half_life = min(2 * half_life, parameters.longest_half_life_days)
        known += (1 - known) * parameters.learn
    retained = 1.0 if last_us is None else _retained(now_us - last_us, half_life)
    return Trace(known, _after_waiting(known, retained, parameters), half_life, retained)


def success(known: float, parameters: Parameters = DEFAULTS) -> float:
    """The probability of succeeding at something that needs a concept known with this probability."""
    return known * (1 - parameters.slip) + (1 - known) * parameters.guess


def _after(score: float, known: float, parameters: Parameters) -> float:
    """The probability after a result of which a share `score` was right."""
    right = known * (1 - parameters.slip) / success(known, parameters)
    wrong = known * parameters.slip / (1 - success(known, parameters))
    return score * right + (1 - score) * wrong


def _retained(elapsed_us: int, half_life_days: float) -> float:
    """The share of something that is left after a while; all of it where the while is none."""
    return math.exp2(-max(elapsed_us, 0) / (half_life_days * _DAY_US))


def _after_waiting(known: float, retained: float, parameters: Parameters) -> float:
    """What is left of it: it falls towards the prior, and nothing is forgotten below that."""
    return known - max(known - parameters.prior, 0.0) * (1 - retained)
