"""What a learner knows, what to do next, and where learners get stuck: from the API, and from documents alone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_api.commands import GenerateLesson
from curriculum.material import Curriculum
from curriculum.reading import BUNDLED, read_curriculum
from query_api.figures import learner_status
from query_api.knowing import stuck_concepts
from read_models.documents import (
    CONCEPTS_KEPT,
    ConceptFigures,
    LearnerDocument,
    LessonEntry,
    LessonSummary,
    Observation,
    PartitionDocument,
    Position,
    Register,
)
from tests.http.harness import Api

CURRICULUM = read_curriculum([BUNDLED])
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORDS = {"beginning": (0, 0.35), "developing": (0.35, 0.5), "proficient": (0.5, 0.8), "mastered": (0.8, 1.01)}


def us(moment: datetime) -> int:
    return round(moment.timestamp()) * 1_000_000


def under(concept: str) -> set[str]:
    """All that a concept builds on."""
    direct = CURRICULUM.by_id[concept].prerequisites
    return set(direct).union(*map(under, direct))


observations = st.lists(
    st.builds(
        Observation,
        time_us=st.integers(0, 1000).map(lambda days: us(NOW - timedelta(days=days))),
        event_id=st.uuids().map(str),
        score_ppm=st.none() | st.integers(0, 1_000_000),
    ),
    min_size=1,
    max_size=8,
).map(lambda found: sorted(found, key=lambda one: one.place))
concept_ids = st.sampled_from([*CURRICULUM.by_id, "elsewhere/notes"])
summaries = st.builds(
    LessonSummary,
    topic=st.sampled_from(["Sets", "Rust", "Python"]),
    title=st.just("A lesson"),
    level=st.sampled_from(["beginner", "intermediate", "advanced"]),
    duration_minutes=st.just(30),
    requested_at_us=st.just(0),
    partition=st.just(0),
    position=st.just(Position(0, 0)),
    index=st.just(0),
)
registers = st.builds(
    Register, time_us=st.just(0), event_id=st.just("e"), value=st.sampled_from([0, 400_000, 900_000, 1_000_000])
)
entries = st.builds(
    LessonEntry,
    summary=st.none() | summaries,
    completion=st.none() | registers,
    score=st.none() | registers,
    completed_at_us=st.none() | st.just(1),
    reports=st.integers(0, 2),
    concepts=st.lists(concept_ids, max_size=2),
)
learners = st.builds(
    LearnerDocument,
    learner_id=st.just("ada"),
    lessons=st.dictionaries(st.sampled_from(["l1", "l2", "l3", "l4"]), entries),
    concepts=st.dictionaries(concept_ids, observations, max_size=12),
)


@given(learners, st.sampled_from([CURRICULUM, Curriculum()]))
def test_every_recommendation_is_a_request_with_a_reason(learner: LearnerDocument, curriculum: Curriculum) -> None:
    found = learner_status(learner, NOW, curriculum).recommendations
    assert len(found) <= 6
    for one in found:
        GenerateLesson.model_validate(one.request.model_dump())
        assert one.what
        assert one.why
    wishes = [(one.request.topic, one.request.level) for one in found]
    assert len(set(wishes)) == len(wishes)


@given(learners)
def test_what_is_to_be_learnt_next_is_new_and_builds_on_what_is_held(learner: LearnerDocument) -> None:
    status = learner_status(learner, NOW, CURRICULUM)
    held = {one.concept for one in status.mastery if one.grasp in {"proficient", "mastered"}}
    for one in status.recommendations:
        if one.kind == "learn":
            assert one.concept is not None
            below = {needed for concept in held & CURRICULUM.by_id.keys() for needed in under(concept)}
            assert one.concept not in learner.concepts.keys() | below
            assert set(CURRICULUM.by_id[one.concept].prerequisites) <= held | below


@given(learners)
def test_a_word_stands_for_a_number_and_fading_is_told_twice(learner: LearnerDocument) -> None:
    status = learner_status(learner, NOW, CURRICULUM)
    assert {one.concept for one in status.mastery} == learner.concepts.keys()
    for one in status.mastery:
        least, below = WORDS[one.grasp]
        assert least - 1e-6 <= one.mastery < below + 1e-6
        assert (one.title is None) == (one.concept not in CURRICULUM.by_id)
    assert set(status.fading) == {one.concept for one in status.mastery if one.fading}
    known = [one.concept for one in status.mastery if one.title is not None]
    assert known == [concept for concept in CURRICULUM.by_id if concept in learner.concepts]


def test_what_was_held_well_fades_and_is_recommended_again() -> None:
    good = [Observation(us(NOW - timedelta(days=days)), str(days), 900_000) for days in (210, 205, 200)]
    fresh = [Observation(us(NOW - timedelta(days=days)), str(days), 900_000) for days in (10, 5, 1)]
    learner = LearnerDocument("ada", concepts={"python/lists": good, "python/for-loops": fresh})

    status = learner_status(learner, NOW, CURRICULUM)

    assert status.fading == ["python/lists"]
    (refresh,) = [one for one in status.recommendations if one.kind == "refresh"]
    assert (refresh.concept, refresh.request.topic) == ("python/lists", "Lists")
    assert "13 August 2025" in refresh.why


def test_who_begins_in_the_middle_is_not_sent_to_the_beginning() -> None:
    good = [Observation(us(NOW - timedelta(days=1)), "a", 1_000_000)]
    found = learner_status(LearnerDocument("ada", concepts={"python/for-loops": good}), NOW, CURRICULUM)
    assert [(one.kind, one.concept) for one in found.recommendations] == [("learn", "python/while-loops")]


def test_what_no_pack_knows_any_more_hides_nothing() -> None:
    old = [Observation(us(NOW - timedelta(days=days)), str(days), 900_000) for days in (410, 400)]
    weak = [Observation(us(NOW), "w", 100_000)]
    summary = LessonSummary("Gone", "Gone: a lesson", "beginner", 30, 0, 0, Position(0, 0), 0)
    lessons = {
        "l1": LessonEntry(summary, Register(0, "e", 1_000_000), Register(0, "e", 100_000), 1, concepts=["gone/a"])
    }
    concepts = {"gone/a": old, "gone/b": old, "gone/c": weak, "gone/d": weak, "python/lists": old, "python/sets": weak}

    found = learner_status(LearnerDocument("ada", lessons=lessons, concepts=concepts), NOW, CURRICULUM).recommendations

    assert [(one.kind, one.title) for one in found[:3]] == [
        ("refresh", "Lists"),
        ("strengthen", "Sets"),
        ("review", "Gone: a lesson"),
    ]


def test_a_topic_is_recommended_once_however_it_is_written() -> None:
    summary = LessonSummary("recursion", "Recursion: a lesson", "beginner", 30, 0, 0, Position(0, 0), 0)
    entry = LessonEntry(summary, Register(0, "e", 500_000), Register(0, "e", 300_000), concepts=["python/recursion"])
    weak = {"python/recursion": [Observation(us(NOW), "e", 300_000)]}

    found = learner_status(LearnerDocument("ada", lessons={"l": entry}, concepts=weak), NOW, CURRICULUM).recommendations

    assert [one.kind for one in found if one.request.topic.casefold() == "recursion"] == ["continue"]


def test_sums_that_miss_a_partition_are_not_shown() -> None:
    def partition(*names: str) -> PartitionDocument:
        figures = {name: ConceptFigures(5, 5, 500_000, 5) for name in names}
        return PartitionDocument(partition=0, log_start=0, checkpoint=-1, concepts=figures)

    first = [f"a/{number:03}" for number in range(CONCEPTS_KEPT)]
    found = stuck_concepts([partition(*first), partition("a/001", "z/last")], CURRICULUM)

    assert {one.concept for one in found} <= set(first)
    assert next(one for one in found if one.concept == "a/001").scored == 10


def test_where_learners_get_stuck() -> None:
    def partition(**concepts: ConceptFigures) -> PartitionDocument:
        named = {f"python/{name.replace('_', '-')}": figures for name, figures in concepts.items()}
        return PartitionDocument(partition=0, log_start=0, checkpoint=-1, concepts=named)

    found = stuck_concepts(
        [
            partition(for_loops=ConceptFigures(9, 4, 1_600_000, 3), lists=ConceptFigures(5, 5, 4_500_000, 0)),
            partition(for_loops=ConceptFigures(3, 1, 400_000, 1), sets=ConceptFigures(2, 2, 0, 2)),
            partition(dicts=ConceptFigures(4, 4, 800_000, 4)),
        ],
        CURRICULUM,
    )

    # Two scores on sets say nothing yet, and lists go well.
    assert [one.concept for one in found] == ["python/dicts", "python/for-loops"]
    loops = found[1]
    assert (loops.title, loops.lessons, loops.scored) == ("For loops", 12, 5)
    assert loops.average_score == pytest.approx(0.4)
    assert loops.weak_share == pytest.approx(0.8)


async def test_a_score_is_seen_in_mastery_and_pace_and_changes_what_is_next(api: Api) -> None:
    lesson = (await api.lesson(topic="Python for loops", duration_minutes=30))["lesson"]
    last = await api.progress(lesson_id=lesson["lesson_id"], completion=1, score=1, time_spent_seconds=45 * 60)

    status = await api.get("/status", after=last, learner_id="ada")

    assert {one["concept"] for one in status["mastery"]} == set(lesson["concepts"])
    assert all(one["last_score"] == 1 and one["mastery"] > 0.5 for one in status["mastery"])
    assert status["pace"] == {"lessons": 1, "minutes_taken": 45, "minutes_planned": 30, "ratio": 1.5}
    alone = await api.get("/status/mastery", learner_id="ada")
    assert [one["concept"] for one in alone["mastery"]] == [one["concept"] for one in status["mastery"]]
    assert alone["pace"] == status["pace"]
    for one in status["recommendations"]:
        await api.accepted("/generate-lesson", one["request"])


async def test_many_low_scores_show_where_learners_get_stuck(api: Api) -> None:
    for learner in ("ada", "ben", "cyd"):
        lesson = (await api.lesson(learner, topic="Python recursion"))["lesson"]
        last = await api.progress(learner, lesson["lesson_id"], completion=1, score=0.3)
        await api.get("/status", after=last, learner_id=learner)

    stuck = {one["concept"]: one for one in (await api.get("/status"))["stuck"]}

    assert stuck["python/recursion"] == {
        "concept": "python/recursion",
        "title": "Recursion",
        "lessons": 3,
        "scored": 3,
        "average_score": pytest.approx(0.3),
        "weak_share": 1,
    }


async def test_whose_mastery_is_asked_for_is_known_or_not(api: Api) -> None:
    await api.progress()
    assert (await api.client.get("/status/mastery", params={"learner_id": "nobody"})).status_code == 404
    assert (await api.client.get("/status/mastery")).status_code == 422
