"""What the documents say, as the answers of the queries would."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from curriculum.material import Curriculum
from query_api.figures import learner_status, platform_status
from read_models import codec, keys
from read_models.documents import CataloguePage, LearnerDocument, PartitionDocument
from tests.projector.oracle import expected_concepts, expected_learners, expected_platform
from tests.strategies import Fact

GENERATION = 1
NOW = datetime(2024, 3, 1, tzinfo=UTC)


def partitions_of(values: Mapping[str, bytes], count: int) -> list[PartitionDocument]:
    return [codec.decode(values[keys.partition(GENERATION, number)], PartitionDocument) for number in range(count)]


def learner_of(values: Mapping[str, bytes], learner_id: str) -> LearnerDocument | None:
    value = values.get(keys.learner(GENERATION, learner_id))
    return None if value is None else codec.decode(value, LearnerDocument)


def check_accounts(accounts: PartitionDocument) -> None:
    accounted = accounts.applied + accounts.duplicate + accounts.parked + accounts.missing
    assert accounted == accounts.checkpoint - accounts.log_start + 1


def check_figures(values: Mapping[str, bytes], facts: Iterable[Fact], partitions: int) -> None:
    """Compare every learner's and the platform's figures with what the facts alone tell."""
    facts = list(facts)
    expected = expected_learners(facts)
    for learner_id in ("ada", "ben", "cyd"):
        document = learner_of(values, learner_id)
        if learner_id not in expected:
            assert document is None
            continue
        assert document is not None
        wanted = dict(expected[learner_id])
        seen = {
            concept: [(one.time_us, one.score_ppm) for one in found] for concept, found in document.concepts.items()
        }
        assert seen == wanted.pop("observations")
        totals = document.totals
        assert (totals.paced_lessons, totals.paced_time_ms, totals.paced_plan_minutes) == wanted.pop("pace")
        _check_learner(learner_status(document, NOW, Curriculum()).model_dump(), wanted)
    documents = partitions_of(values, partitions)
    found = platform_status(documents, Curriculum()).model_dump()
    for name, figure in expected_platform(facts).items():
        assert found[name] == figure, name
    concepts: dict[str, tuple[int, ...]] = {}
    for one in documents:
        for concept, figures in one.concepts.items():
            theirs = (figures.lessons, figures.scored, figures.score_sum_ppm, figures.weak)
            concepts[concept] = tuple(map(sum, zip(theirs, concepts.get(concept, (0, 0, 0, 0)), strict=True)))
    assert concepts == expected_concepts(facts)
    _check_catalogue(values, documents, expected)


def _check_learner(found: dict[str, Any], expected: dict[str, Any]) -> None:
    lessons = {lesson["lesson_id"]: lesson for lesson in found["lessons"]}
    for name, figure in expected.items():
        if name == "scores":
            assert {key: one["score"] for key, one in lessons.items() if one["score"] is not None} == figure_of(figure)
        elif name == "completions":
            reported = {key: one["completion"] for key, one in lessons.items() if one["completion"] is not None}
            assert reported == figure_of(figure)
        elif name == "titles":
            assert {key: one["title"] for key, one in lessons.items() if one["title"] is not None} == figure
        elif name != "time_spent_ms":
            assert found[name] == figure, name


def figure_of(fractions: Mapping[str, Any]) -> dict[str, float]:
    return {key: float(value) for key, value in fractions.items()}


def _check_catalogue(
    values: Mapping[str, bytes], partitions: Iterable[PartitionDocument], expected: Mapping[str, dict[str, Any]]
) -> None:
    listed = {}
    for accounts in partitions:
        pages = [
            codec.decode(values[key], CataloguePage)
            for key in values
            if key.startswith(f"g{GENERATION}/catalogue/{accounts.partition}/")
        ]
        entries = [entry for page in pages for entry in page.entries if entry is not None]
        assert len(entries) == accounts.catalogue
        listed.update({entry.lesson_id: entry.summary.title for entry in entries})
    assert listed == {lesson: title for learner in expected.values() for lesson, title in learner["titles"].items()}
