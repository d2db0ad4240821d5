"""How well mastery predicts: for each real submission, would it pass, by what came before?

    make bench-mastery
    python -m bench.mastery --pass-mark 60

Every submission of the Open University's module AAA is predicted from the same student's earlier ones, in the order of
days, and so by everything that the service would know then. Beside the model stand two baselines that know as much: the
share of passes so far, and the student's own share so far. AUC is the chance that a pass was given a higher probability
than a fail (Hanley and McNeil 1982); the Brier score is the mean squared error of the probabilities (Brier 1950), and
calibration the mean distance between what was predicted and what came, over ten groups of equal size.
"""

import argparse
import csv
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final

from events.quantities import PPM
from read_models.documents import OBSERVATIONS_KEPT, Observation
from read_models.mastery import DEFAULTS, Parameters, success, trace

DATA: Final = Path(__file__).parents[1] / "tests" / "data" / "oulad-aaa-submissions.csv"
DAY_US: Final = 24 * 60 * 60 * 1_000_000
GROUPS: Final = 10
TRIALS: Final = 400
SMOOTHING: Final = 2.0
"""How many passes and fails of everybody a student's own share begins with."""


@dataclass(frozen=True)
class Submission:
    """What a student handed in: on which day, with which score from 0 to 100."""

    presentation: str
    student: str
    day: int
    score: float


@dataclass(frozen=True)
class Prediction:
    """The probability of a pass, and whether it was one."""

    probability: float
    passed: bool


def submissions(path: Path) -> list[Submission]:
    """All submissions with a score, by day; those of a day in the order of the file."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = [
            Submission(row["presentation"], row["student_id"], int(row["day"]), float(row["score"]))
            for row in csv.DictReader(lines)
            if row["score"]
        ]
    return sorted(rows, key=lambda one: one.day)


def by_mastery(parameters: Parameters) -> Callable[[Sequence[Submission], float], list[Prediction]]:
    """Predict by the model that the service has, from the observations that it keeps."""

    def predict(rows: Sequence[Submission], mark: float) -> list[Prediction]:
        seen: dict[tuple[str, str], list[Observation]] = defaultdict(list)
        found: list[Prediction] = []
        for _, today in groupby(rows, key=lambda one: one.day):
            batch = list(today)
            for one in batch:
                known = trace(seen[one.presentation, one.student], one.day * DAY_US, parameters).now
                found.append(Prediction(success(known, parameters), one.score >= mark))
            for number, one in enumerate(batch):
                own = seen[one.presentation, one.student]
                own.append(Observation(one.day * DAY_US, str(number), round(one.score / 100 * PPM)))
                del own[:-OBSERVATIONS_KEPT]
        return found

    return predict


def by_everybody(rows: Sequence[Submission], mark: float) -> list[Prediction]:
    """Predict by the share of passes of everybody on days before."""
    passes, total = 1.0, 2.0
    found: list[Prediction] = []
    for _, today in groupby(rows, key=lambda one: one.day):
        batch = list(today)
        found += [Prediction(passes / total, one.score >= mark) for one in batch]
        passes += sum(one.score >= mark for one in batch)
        total += len(batch)
    return found


def by_own_share(rows: Sequence[Submission], mark: float) -> list[Prediction]:
    """Predict by the student's own share of passes on days before, which begins with that of everybody."""
    own: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    passes, total = 1.0, 2.0
    found: list[Prediction] = []
    for _, today in groupby(rows, key=lambda one: one.day):
        batch = list(today)
        for one in batch:
            theirs = own[one.presentation, one.student]
            share = (theirs[0] + SMOOTHING * passes / total) / (theirs[1] + SMOOTHING)
            found.append(Prediction(share, one.score >= mark))
        for one in batch:
            theirs = own[one.presentation, one.student]
            theirs[0] += one.score >= mark
            theirs[1] += 1
        passes += sum(one.score >= mark for one in batch)
        total += len(batch)
    return found


def auc(predictions: Sequence[Prediction]) -> float:
    """The area under the ROC curve, ties counting half: the statistic of Mann and Whitney."""
    ordered = sorted(predictions, key=lambda one: one.probability)
    ranks: list[tuple[float, bool]] = []
    place = 0
    for _, equal in groupby(ordered, key=lambda one: one.probability):
        group = list(equal)
        rank = place + (len(group) + 1) / 2
        ranks += [(rank, one.passed) for one in group]
        place += len(group)
    passes = sum(one.passed for one in predictions)
    fails = len(predictions) - passes
    return (sum(rank for rank, passed in ranks if passed) - passes * (passes + 1) / 2) / (passes * fails)


def brier(predictions: Sequence[Prediction]) -> float:
    """The mean squared error of the probabilities."""
    return sum((one.probability - one.passed) ** 2 for one in predictions) / len(predictions)


def groups(predictions: Sequence[Prediction]) -> list[tuple[float, float, int]]:
    """Predicted share, real share and size of ten groups of equal size, from the least probable up."""
    ordered = sorted(predictions, key=lambda one: one.probability)
    edges = [round(number * len(ordered) / GROUPS) for number in range(GROUPS + 1)]
    parts = [ordered[first:until] for first, until in pairwise(edges) if until > first]
    return [
        (sum(one.probability for one in part) / len(part), sum(one.passed for one in part) / len(part), len(part))
        for part in parts
    ]


def calibration_error(predictions: Sequence[Prediction]) -> float:
    """The mean distance between predicted and real share over `groups`."""
    return sum(abs(said - was) * size for said, was, size in groups(predictions)) / len(predictions)


def fitted(rows: Sequence[Submission], mark: float, seed: int) -> Parameters:
    """Parameters with the least Brier score on these rows, of `TRIALS` drawn at random."""
    chance = random.Random(seed)
    trials = [
        replace(
            DEFAULTS,
            prior=chance.uniform(0.1, 0.95),
            learn=chance.uniform(0.0, 0.4),
            slip=chance.uniform(0.01, 0.3),
            guess=chance.uniform(0.05, 0.6),
            half_life_days=chance.uniform(5, 400),
        )
        for _ in range(TRIALS)
    ]
    return min(trials, key=lambda one: brier(by_mastery(one)(rows, mark)))


def table(named: Iterable[tuple[str, Sequence[Prediction]]]) -> str:
    """One line for each way to predict."""
    lines = ["| predicted by | AUC | Brier | calibration error |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {auc(found):.3f} | {brier(found):.4f} | {calibration_error(found):.3f} |" for name, found in named
    ]
    return "\n".join(lines)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pass-mark", type=float, default=40.0, help="the least score that passes (the OU's: 40)")
    parser.add_argument("--file", type=Path, default=DATA)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows, mark = submissions(options.file), options.pass_mark
    passes = sum(one.score >= mark for one in rows) / len(rows)
    print(f"{len(rows)} submissions, {passes:.1%} of them with {mark:g} or more\n")
    ours = by_mastery(DEFAULTS)(rows, mark)
    print(
        table(
            [("mastery", ours), ("everybody's mean", by_everybody(rows, mark)), ("own mean", by_own_share(rows, mark))]
        )
    )
    first, second = sorted({one.presentation for one in rows})
    learned = [one for one in rows if one.presentation == first]
    tried = [one for one in rows if one.presentation == second]
    best = fitted(learned, mark, options.seed)
    print(f"\nParameters fitted on {first}, tried on {second}: {best}\n")
    print(
        table(
            [
                ("mastery, fitted", by_mastery(best)(tried, mark)),
                ("mastery", by_mastery(DEFAULTS)(tried, mark)),
                ("everybody's mean", by_everybody(tried, mark)),
                ("own mean", by_own_share(tried, mark)),
            ]
        )
    )
    print("\nCalibration of mastery, ten groups:\n\n| predicted | came | submissions |\n|---|---|---|")
    print("\n".join(f"| {said:.2f} | {was:.2f} | {size} |" for said, was, size in groups(ours)))


if __name__ == "__main__":
    main()
