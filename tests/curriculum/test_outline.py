"""What an outline promises, for any request."""

import re
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curriculum.lesson import ComposedLesson, LessonRequest
from curriculum.outline import OUTLINE_COMPOSER, outline
from curriculum.pacing import apportion, plan
from events.contracts import LessonElement, LessonRequested, Level, StandingUsed

LONGEST_OBJECTIVES = tuple(f"{number:02} " + "compare this and that " * 13 for number in range(20))
ANY_CHARACTER = st.characters(exclude_categories=["Cs"])


def texts(longest: int) -> st.SearchStrategy[str]:
    """Texts of any script, with at least one visible character."""
    return st.text(ANY_CHARACTER, min_size=1, max_size=longest).filter(lambda text: bool(one_line(text)))


def one_line(text: str) -> str:
    """What is left of a text in one line: no control characters (C0, C1), single spaces."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())


def typed(text: str) -> str:
    """A text in one line, as Markdown has it that shows just that."""
    return re.sub(r"([\\`*_\[\]<>&~])", r"\\\1", one_line(text))


def asking(topic: str, level: Level, objectives: tuple[str, ...], duration_minutes: int) -> LessonRequest:
    return LessonRequest(topic, level, objectives, duration_minutes, datetime(2026, 11, 14, 9, 30, tzinfo=UTC))


TOPICS = st.sampled_from(["Python decorators", "the French Revolution", "日本語の助詞"]) | texts(200)
SOME_OBJECTIVES = st.lists(texts(300), min_size=1, max_size=20).map(tuple)
NO_OBJECTIVES: st.SearchStrategy[tuple[str, ...]] = st.just(())


def requests(
    topics: st.SearchStrategy[str] = TOPICS,
    objectives: st.SearchStrategy[tuple[str, ...]] = NO_OBJECTIVES | SOME_OBJECTIVES,
) -> st.SearchStrategy[LessonRequest]:
    return st.builds(
        asking,
        topic=topics,
        level=st.sampled_from(Level),
        objectives=objectives,
        duration_minutes=st.integers(5, 240),
    )


def of_kind(lesson: ComposedLesson, kind: str) -> list[LessonElement]:
    return [element for element in lesson.elements if element.kind == kind]


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 9, 20])
def test_the_minutes_add_up_for_every_duration(level: Level, count: int) -> None:
    objectives = tuple(f"Explain part {number}" for number in range(count))
    for duration in range(5, 241):
        lesson = outline(asking("recursion", level, objectives, duration))
        assert sum(element.minutes for element in lesson.elements) == duration
        assert all(1 <= element.minutes <= 45 for element in lesson.elements)


@given(requests())
def test_the_same_request_gives_the_same_lesson(request: LessonRequest) -> None:
    again = asking(request.topic, request.level, tuple(request.objectives), request.duration_minutes)
    assert outline(request) == outline(again)


@given(requests())
def test_an_event_can_record_it(request: LessonRequest) -> None:
    lesson = outline(request)
    recorded = LessonRequested(
        learner_id="ada",
        lesson_id="lesson-1",
        topic=request.topic,
        title=lesson.title,
        level=lesson.level,
        duration_minutes=lesson.duration_minutes,
        objectives=lesson.objectives,
        elements=lesson.elements,
        composer=lesson.composer,
    )
    # Limits are checked by the contract itself; and what is written can be read again.
    assert LessonRequested.model_validate_json(recorded.model_dump_json()) == recorded
    assert lesson.composer == OUTLINE_COMPOSER
    assert (lesson.level, lesson.duration_minutes) == (request.level, request.duration_minutes)


@given(requests())
def test_the_kinds_come_in_their_order(request: LessonRequest) -> None:
    kinds = " ".join(element.kind for element in outline(request).elements)
    assert re.fullmatch(r"objectives( explanation practice check)+ reflection", kinds)


@given(requests(objectives=SOME_OBJECTIVES))
def test_every_given_objective_is_explained_practised_and_checked(request: LessonRequest) -> None:
    lesson = outline(request)
    assert lesson.objectives == request.objectives
    for kind in ("explanation", "practice", "check"):
        lines = "\n".join(element.content for element in of_kind(lesson, kind)).split("\n")
        for number, objective in enumerate(request.objectives, start=1):
            named = re.compile(rf"(- )?\*\*Objective {number}( \(\d+ minutes?\))?\.\*\* {re.escape(typed(objective))}")
            assert any(named.fullmatch(line) for line in lines)


@given(requests(objectives=NO_OBJECTIVES))
def test_without_objectives_it_derives_a_few_that_name_the_topic(request: LessonRequest) -> None:
    lesson = outline(request)
    assert 2 <= len(lesson.objectives) <= 4
    assert len(set(lesson.objectives)) == len(lesson.objectives)
    assert all(one_line(request.topic) in objective for objective in lesson.objectives)
    assert "You named no objectives" in lesson.elements[0].content


@given(requests())
def test_it_says_that_it_is_an_outline_that_knows_nothing_of_the_topic(request: LessonRequest) -> None:
    lesson = outline(request)
    assert lesson.elements[0].content.startswith("This is an outline.")
    for element in (lesson.elements[0], *of_kind(lesson, "explanation")):
        assert "without knowledge of" in element.content
        assert "your own material" in element.content
    assert typed(request.topic) in lesson.elements[0].content


@given(requests())
def test_no_two_levels_give_the_same_lesson(request: LessonRequest) -> None:
    lessons = [outline(asking(request.topic, level, request.objectives, request.duration_minutes)) for level in Level]
    titles = {lesson.title for lesson in lessons}
    practices = {of_kind(lesson, "practice")[0].content for lesson in lessons}
    explanations = {of_kind(lesson, "explanation")[0].content for lesson in lessons}
    assert [len(titles), len(practices), len(explanations)] == [3, 3, 3]


@given(requests())
@example(asking("x" * 200, Level.ADVANCED, LONGEST_OBJECTIVES, 240))
def test_the_times_of_the_steps_are_the_time_of_their_element(request: LessonRequest) -> None:
    for element in outline(request).elements:
        # A line that starts with a number is ours: an objective has its own word in front of it.
        steps = [int(minutes) for minutes in re.findall(r"^\d\. \((\d+) min\) ", element.content, re.MULTILINE)]
        assert all(minutes >= 1 for minutes in steps)
        if element.kind == "practice" and element.content.count("**Objective ") > element.minutes:
            assert not steps
        elif element.kind != "check":
            assert sum(steps) == element.minutes


@given(requests(topics=st.just("Objective"), objectives=SOME_OBJECTIVES))
def test_one_line_of_a_request_stays_one_line(request: LessonRequest) -> None:
    usual = outline(asking(request.topic, request.level, ("x",) * len(request.objectives), request.duration_minutes))
    lesson = outline(request)
    for element, plain in zip(lesson.elements, usual.elements, strict=True):
        assert len(element.content.split("\n\n")) == len(plain.content.split("\n\n"))


@pytest.mark.parametrize("duration", range(5, 241, 5))
@pytest.mark.parametrize("level", Level)
def test_the_largest_lesson_is_well_under_64_kib(level: Level, duration: int) -> None:
    lesson = outline(asking("word " * 40, level, LONGEST_OBJECTIVES, duration))
    assert sum(len(element.model_dump_json()) for element in lesson.elements) < 52 * 1024


@pytest.mark.parametrize("duration", [5, 30, 120, 186, 240])
def test_the_largest_lesson_in_any_script_fits_into_an_event(duration: int) -> None:
    # Four bytes for each character is the most that UTF-8 needs; an event holds 256 KiB.
    lesson = outline(asking("\U0001f600" * 200, Level.ADVANCED, ("\U0001f600" * 300,) * 20, duration))
    size = sum(len(element.model_dump_json().encode()) for element in lesson.elements)
    assert size + len("".join(lesson.objectives).encode()) < 192 * 1024


def test_five_minutes_are_one_minute_for_each_step() -> None:
    lesson = outline(asking("baking sourdough", Level.BEGINNER, (), 5))
    assert [(element.kind, element.minutes) for element in lesson.elements] == [
        ("objectives", 1),
        ("explanation", 1),
        ("practice", 1),
        ("check", 1),
        ("reflection", 1),
    ]


def test_a_long_lesson_comes_back_to_its_only_objective_each_time_in_another_way() -> None:
    lesson = outline(asking("chess", Level.INTERMEDIATE, ("Explain why rooks belong on open files",), 240))
    for kind in ("explanation", "practice", "check"):
        elements = of_kind(lesson, kind)
        assert len(elements) > 3
        assert len({element.content for element in elements}) == len(elements)
        assert all("Explain why rooks belong on open files" in element.content for element in elements)


def test_practice_and_check_follow_what_an_objective_asks_for() -> None:
    objectives = ("Compare lists with tuples", "Explain why tuples can be keys", "使い分ける")
    lesson = outline(asking("Python sequences", Level.BEGINNER, objectives, 60))
    compare, explain, other = (element.content for element in of_kind(lesson, "practice"))
    assert "table" in compare
    assert "because" in explain
    assert "table" not in explain
    assert "show it" in other
    judged = [element.content.count("Good enough if") for element in of_kind(lesson, "check")]
    assert all(count >= 1 for count in judged)


def test_the_opening_lists_many_long_objectives_by_their_first_words() -> None:
    few = outline(asking("chess", Level.BEGINNER, LONGEST_OBJECTIVES[:3], 60)).elements[0].content
    many = outline(asking("chess", Level.BEGINNER, LONGEST_OBJECTIVES, 240)).elements[0].content
    assert LONGEST_OBJECTIVES[2].strip() in few
    listed = [line for line in many.split("\n") if line.startswith("- **Objective ")]
    assert len(listed) == 20
    assert all(f" {number:02} compare this" in line and len(line) < 160 for number, line in enumerate(listed))
    assert "in full" in many


def test_too_many_objectives_for_the_time_are_named_as_such() -> None:
    objectives = tuple(f"Describe part {number}" for number in range(1, 13))
    lesson = outline(asking("the human hand", Level.BEGINNER, objectives, 30))
    assert "There is little time for 12 objectives. Pick the 4 objectives" in lesson.elements[0].content


@pytest.mark.parametrize(
    ("topic", "level", "title"),
    [
        ("Recursion", Level.BEGINNER, "Recursion: a first lesson"),
        ("the French Revolution", Level.INTERMEDIATE, "The French Revolution: working with what you know"),
        ("iPhone photography", Level.ADVANCED, "iPhone photography: in depth"),
        ("ქართული ანბანი", Level.BEGINNER, "ქართული ანბანი: a first lesson"),
        ("Why is the sky blue?", Level.BEGINNER, "Why is the sky blue? (a first lesson)"),
        ("two\nlines", Level.BEGINNER, "Two lines: a first lesson"),
    ],
)
def test_titles(topic: str, level: Level, title: str) -> None:
    assert outline(asking(topic, level, (), 30)).title == title


@pytest.mark.parametrize(
    ("topic", "objectives", "duration"),
    [
        ("", (), 30),
        (" \n\t", (), 30),
        ("x" * 201, (), 30),
        ("chess", ("Explain forks", " "), 30),
        ("chess", ("x" * 301,), 30),
        ("chess", ("x",) * 21, 30),
        ("chess", (), 4),
        ("chess", (), 241),
    ],
)
def test_a_request_out_of_range_is_refused(topic: str, objectives: tuple[str, ...], duration: int) -> None:
    with pytest.raises(ValueError, match=r"^(a|an) (lesson|topic|objective) "):
        asking(topic, Level.BEGINNER, objectives, duration)


@given(
    weights=st.lists(st.integers(1, 20), min_size=1, max_size=20).map(tuple),
    least=st.integers(1, 5),
    spare=st.integers(0, 300),
)
def test_minutes_are_apportioned_exactly_and_nearly_in_proportion(
    weights: tuple[int, ...], least: int, spare: int
) -> None:
    parts = apportion(least * len(weights) + spare, weights, least=least)
    assert sum(parts) == least * len(weights) + spare
    for part, weight in zip(parts, weights, strict=True):
        assert part >= least
        assert abs(part - least - spare * weight / sum(weights)) <= 1


def test_what_cannot_be_split_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be split"):
        apportion(2, (1, 1, 1))


@given(st.integers(5, 240), st.integers(1, 20), st.tuples(*[st.integers(1, 9)] * 3))
def test_a_plan_visits_every_objective_in_order_and_as_often_as_the_others(
    duration: int, count: int, shares: tuple[int, int, int]
) -> None:
    rounds = plan(duration, count, shares).rounds
    by_visit = [[one for one in rounds if one.visit == visit] for visit in range(rounds[-1].visit + 1)]
    assert [one for visit in by_visit for one in visit] == list(rounds)
    for visit in by_visit:
        assert (visit[0].start, visit[-1].stop) == (0, count)
        assert all(before.stop == after.start for before, after in pairwise(visit))
        assert all(one.start < one.stop for one in visit)


def test_a_request_names_its_offset_from_utc() -> None:
    with pytest.raises(ValueError, match="offset"):
        LessonRequest("chess", Level.BEGINNER, (), 30, datetime(2026, 11, 14, 9, 30))  # noqa: DTZ001


@given(requests())
def test_it_says_that_no_pack_knows_the_topic_and_what_may_have_been_meant(request: LessonRequest) -> None:
    plain = outline(request)
    asked_back = outline(request, suggestions=("Recursion", "While\nloops"))
    assert "No installed pack of teaching material knows " in plain.elements[0].content
    assert "Did you mean" not in plain.elements[0].content
    assert 'Did you mean: "Recursion" or "While loops"?' in asked_back.elements[0].content
    assert asked_back.suggestions == ("Recursion", "While\nloops")
    assert (asked_back.concepts, asked_back.packs) == ((), ())


@given(requests(), st.sampled_from(StandingUsed))
def test_it_says_what_it_could_not_look_up(request: LessonRequest, standing: StandingUsed) -> None:
    lesson = outline(request, standing)
    assert lesson.standing is standing
    said = "could not be looked up" in lesson.elements[0].content
    assert said == (standing is StandingUsed.UNAVAILABLE)
