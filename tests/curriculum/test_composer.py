"""Lessons as learners get them, from the material that comes with LearnFlow."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from curriculum.composer import ComposedLesson, LessonRequest, compose
from curriculum.material import Curriculum
from curriculum.reading import BUNDLED, read_curriculum
from curriculum.standing import ConceptStanding, Grasp, Standing
from events.contracts import LessonElement, Level, StandingUsed

SATURDAY = datetime(2026, 11, 14, 12, tzinfo=UTC)
NEW = Standing()


@cache
def bundled() -> Curriculum:
    return read_curriculum([BUNDLED])


def met(
    mastery: float, grasp: Grasp, *, days: int = 3, score: float | None = None, fading: bool = False
) -> ConceptStanding:
    return ConceptStanding(mastery, grasp, fading, score, SATURDAY - timedelta(days=days), 1)


def mastered(*names: str) -> dict[str, ConceptStanding]:
    return {f"python/{name}": met(0.97, Grasp.MASTERED, score=0.95) for name in names}


def ask(
    topic: str,
    minutes: int = 30,
    *,
    standing: Standing | None = NEW,
    level: Level = Level.BEGINNER,
    objectives: tuple[str, ...] = (),
) -> ComposedLesson:
    return compose(LessonRequest(topic, level, objectives, minutes, SATURDAY), standing, bundled())


def opening(lesson: ComposedLesson) -> str:
    return lesson.elements[0].content


def about(lesson: ComposedLesson, concept: str) -> LessonElement:
    return next(element for element in lesson.elements if element.concept == f"python/{concept}")


def shape(lesson: ComposedLesson) -> list[tuple[str, str]]:
    return [(element.kind, (element.concept or "").partition("/")[2]) for element in lesson.elements]


def test_half_an_hour_on_one_concept() -> None:
    lesson = ask("for loops")
    assert shape(lesson) == [
        ("objectives", ""),
        ("warm_up", "conditionals"),
        ("explanation", "for-loops"),
        ("example", "for-loops"),
        ("practice", "for-loops"),
        ("check", "for-loops"),
        ("answers", ""),
        ("reflection", ""),
    ]
    assert lesson.title == "For loops: a first lesson"
    assert lesson.objectives == bundled().by_id["python/for-loops"].objectives
    assert (lesson.composer, lesson.standing) == ("concepts/1", StandingUsed.NEW)
    assert lesson.concepts == ("python/for-loops",)
    assert [release.partition("@")[0] for release in lesson.packs] == ["python"]


def test_five_minutes_are_a_minute_for_each_part() -> None:
    lesson = ask("for loops", 5)
    kinds = [(element.kind, element.minutes) for element in lesson.elements]
    assert kinds == [(kind, 1) for kind in ("objectives", "explanation", "practice", "check", "answers")]
    assert "Next in line for you" in lesson.elements[-1].content


def test_two_learners_get_two_lessons_for_the_same_request() -> None:
    known = Standing(mastered("values-and-names", "numbers", "printing-and-input"), 1.0, SATURDAY)
    first, second = ask("Python", 25), ask("Python", 25, standing=known)
    assert first.concepts == ("python/values-and-names",)
    assert second.concepts == ("python/strings",)
    assert "Values and names" in opening(second)
    assert "Left out, because you have mastered it" in opening(second)


def test_a_whole_subject_begins_at_the_level_that_was_asked_for() -> None:
    lesson = ask("Python", level=Level.INTERMEDIATE)
    assert bundled().by_id[lesson.concepts[0]].level is Level.INTERMEDIATE
    before = list(bundled().by_id)[: list(bundled().by_id).index(lesson.concepts[0])]
    assert all(bundled().by_id[one].level is Level.BEGINNER for one in before if one.startswith("python/"))


def test_what_is_asked_for_waits_for_what_it_builds_on() -> None:
    names = ("conditionals", "functions", "arguments", "scope", "functions-as-values")
    weak = {f"python/{name}": met(0.2, Grasp.BEGINNING, score=0.1, days=4) for name in names}
    lesson = ask("decorators", standing=Standing({**mastered("values-and-names"), **weak}, None, SATURDAY))
    assert lesson.concepts != ("python/decorators",)
    assert "Decorators has to wait. It builds on " in opening(lesson)
    assert "Next in line for you" in opening(lesson)
    assert (about(lesson, lesson.concepts[0].partition("/")[2]).why or "").endswith(" builds on it.")


def test_what_was_never_met_here_is_no_gap_but_a_question() -> None:
    """A learner may have learnt elsewhere; only what the lesson builds on directly is looked at."""
    lesson = ask("decorators", standing=Standing(mastered("values-and-names"), None, SATURDAY))
    assert lesson.concepts == ("python/decorators",)
    assert [concept for kind, concept in shape(lesson) if kind == "warm_up"] == ["functions-as-values"]


@pytest.mark.parametrize("score", [0.2, 0.6])
def test_one_report_does_not_send_a_learner_back_to_the_first_page(score: float) -> None:
    known = Standing({"python/decorators": met(score, Grasp.DEVELOPING, score=score)}, None, SATURDAY)
    for standing in (NEW, known):
        lesson = ask("Python", 60, standing=standing, level=Level.ADVANCED)
        assert lesson.concepts == ("python/decorators", "python/context-managers")
        assert "values-and-names" not in {concept for _, concept in shape(lesson)}


def test_below_the_level_only_what_is_known_to_be_weak_is_taught() -> None:
    weak = Standing({"python/lists": met(0.2, Grasp.BEGINNING, score=0.2)}, None, SATURDAY)
    lesson = ask("Python", 60, standing=weak, level=Level.ADVANCED)
    assert lesson.concepts[0] == "python/lists"
    everything_advanced = mastered("decorators", "context-managers")
    lesson = ask("Python", 20, standing=Standing(everything_advanced, None, SATURDAY), level=Level.ADVANCED)
    assert lesson.concepts == ("python/values-and-names",)


def test_what_was_learnt_of_one_subject_says_nothing_of_another() -> None:
    other = {"learning-to-learn/spaced-practice": met(0.3, Grasp.BEGINNING, score=0.3)}
    lesson = ask("for loops", standing=Standing(other, None, SATURDAY))
    assert lesson.elements == ask("for loops").elements
    assert "Nothing is recorded of what you know of this yet" in opening(lesson)


def test_the_end_is_reached_only_when_nothing_is_left() -> None:
    of_python = [one.id.partition("/")[2] for one in bundled().pack_of("python/lists").concepts]
    last = of_python[-1]
    # Whoever learns this has learnt the first steps somewhere; what it does not build on comes next.
    assert "Next in line for you: While loops" in opening(ask(last.replace("-", " "), 20))
    all_but_two = mastered(*(name for name in of_python if name not in {last, "sets"}))
    lesson = ask(last.replace("-", " "), 20, standing=Standing(all_but_two, None, SATURDAY))
    assert "Next in line for you: Sets.\n" in opening(lesson)
    rest = Standing(mastered(*of_python), None, SATURDAY)
    assert "You have come to the end of this material." in opening(ask(last.replace("-", " "), 20, standing=rest))


def test_what_can_be_taught_without_a_question_comes_next() -> None:
    held = mastered("values-and-names", "printing-and-input", "numbers", "strings", "booleans", "conditionals")
    lesson = ask("while loops", 20, standing=Standing(held, None, SATURDAY))
    assert "Next in line for you: For loops, then Functions, then Formatting text." in opening(lesson)


@pytest.mark.parametrize("topic", ["csv files and reading files", "reading files and csv files"])
def test_with_room_for_one_the_thing_itself_goes_before_what_it_builds_on(topic: str) -> None:
    short, longer = ask(topic, 20), ask(topic, 50)
    assert short.concepts == ("python/json-and-csv",)
    assert about(short, "files").kind == "warm_up"
    assert "Left for another lesson: Reading and writing files." in opening(short)
    assert longer.concepts == ("python/files", "python/json-and-csv")
    assert ask("reading csv files with python", 20).concepts == ("python/json-and-csv",)


@pytest.mark.parametrize("minutes", [5, 10, 11])
def test_the_shortest_lessons_have_no_padding(minutes: int) -> None:
    lesson = ask("for loops", minutes)
    (answers,) = (element.content for element in lesson.elements if element.kind == "answers")
    is_short = minutes <= 10
    assert ("Getting ready" not in opening(lesson)) == ("Why this" not in opening(lesson)) == is_short
    assert "** is right. " in answers
    assert ("** is wrong. " not in answers) == is_short


def test_what_was_typed_is_shown_as_it_was_typed() -> None:
    objective = "Juggle `five` <b>balls</b> __now__"
    lesson = ask("for loops", objectives=(objective,))
    assert lesson.objectives == (objective,)
    assert "**Objective 1.** Juggle \\`five\\` \\<b\\>balls\\</b\\> \\_\\_now\\_\\_" in opening(lesson)
    assert "**Objective 1.** Write a `for` loop" in opening(ask("for loops"))


def test_a_gap_that_fits_is_taught_first_where_there_is_time_and_warmed_up_where_not() -> None:
    weak = Standing(
        {
            **mastered("values-and-names", "printing-and-input", "numbers", "strings", "booleans", "conditionals"),
            "python/for-loops": met(0.3, Grasp.BEGINNING, score=0.4, days=4),
        },
        1.0,
        SATURDAY,
    )
    short, long = ask("lists", 20, standing=weak), ask("lists", 50, standing=weak)
    assert short.concepts == ("python/lists",)
    assert about(short, "for-loops").kind == "warm_up"
    assert long.concepts == ("python/for-loops", "python/lists")
    why = "You scored 40 % on For loops on Tuesday 10 November, and Lists builds on it."
    assert about(short, "for-loops").why == about(long, "for-loops").why == why


def test_what_fades_is_warmed_up_before_what_builds_on_it() -> None:
    standing = Standing(
        {
            **mastered("values-and-names", "numbers", "strings", "booleans"),
            "python/conditionals": met(0.7, Grasp.PROFICIENT, days=22, fading=True),
        },
        1.0,
        SATURDAY,
    )
    lesson = ask("for loops", standing=standing)
    assert about(lesson, "conditionals").kind == "warm_up"
    assert about(lesson, "conditionals").why == "You held Conditionals well three weeks ago; it is fading."


def test_a_module_goes_on_with_what_can_be_taught_without_a_gap() -> None:
    # Of the module, all but formatting builds on lists: never met, they get a question; a known weakness is a gap.
    first_steps = mastered("values-and-names", "printing-and-input", "numbers", "strings", "booleans")
    held = {**first_steps, **mastered("conditionals", "for-loops", "while-loops", "loop-patterns")}
    lesson = ask("working with text and data in Python", 50, standing=Standing(held, 1.0, SATURDAY))
    assert lesson.concepts == ("python/string-methods", "python/formatting")
    assert [concept for kind, concept in shape(lesson) if kind == "warm_up"] == ["lists"]
    weak = {**held, "python/lists": met(0.2, Grasp.BEGINNING)}
    lesson = ask("working with text and data in Python", 50, standing=Standing(weak, 1.0, SATURDAY))
    assert lesson.concepts == ("python/formatting",)
    assert not [element for element in lesson.elements if element.kind == "warm_up"]


def test_a_known_weakness_further_back_is_warmed_up_as_well() -> None:
    held = mastered("values-and-names", "printing-and-input", "numbers", "strings", "booleans", "for-loops")
    weak = met(0.3, Grasp.BEGINNING, score=0.2)
    lesson = ask("lists", 20, standing=Standing({**held, "python/conditionals": weak}, 1.0, SATURDAY))
    assert lesson.concepts == ("python/lists",)
    assert about(lesson, "conditionals").kind == "warm_up"


def test_with_little_time_a_new_learner_is_asked_the_nearest_prerequisite() -> None:
    lesson = ask("loop patterns", 10)
    assert [concept for kind, concept in shape(lesson) if kind == "warm_up"] == ["for-loops"]


def test_each_warm_up_has_another_question_than_the_last() -> None:
    questions = bundled().by_id["python/conditionals"].questions
    for lessons, question in enumerate(questions):
        weak = ConceptStanding(0.3, Grasp.BEGINNING, False, 0.3, SATURDAY, lessons)
        held = mastered("values-and-names", "printing-and-input", "numbers", "strings", "booleans")
        lesson = ask("for loops", 25, standing=Standing({**held, "python/conditionals": weak}, 1.0, SATURDAY))
        warm_up = about(lesson, "conditionals")
        assert warm_up.kind == "warm_up"
        assert question.text.strip() in warm_up.content
        assert next(answer.reason.strip() for answer in question.answers if answer.right) in warm_up.content


def test_what_is_mastered_goes_deeper_when_it_is_asked_for_by_name() -> None:
    names = ("values-and-names", "booleans", "numbers", "strings", "printing-and-input", "conditionals", "for-loops")
    lesson = ask("for loops", standing=Standing(mastered(*names), 1.0, SATURDAY))
    concept = bundled().by_id["python/for-loops"]
    explanation = about(lesson, "for-loops")
    assert concept.explanations[Level.INTERMEDIATE].strip() in explanation.content
    assert "one level deeper" in opening(lesson)
    practised = "\n".join(element.content for element in lesson.elements if element.kind == "practice")
    chosen = [one for one in concept.exercises if f": {one.title} (" in practised]
    assert chosen
    assert all(one.difficulty >= 2 for one in chosen)


@pytest.mark.parametrize("level", Level)
def test_the_level_chooses_the_explanation(level: Level) -> None:
    concept = bundled().by_id["python/for-loops"]
    lesson = ask("for loops", level=level)
    assert concept.explanations[level].strip() in about(lesson, "conditionals").content + "\n".join(
        element.content for element in lesson.elements if element.kind == "explanation"
    )


def test_objectives_of_the_learner_pick_the_concept_and_stay_in_their_words() -> None:
    objectives = ("Write a function that calls itself with a base case", "Juggle five balls")
    lesson = ask("Python", objectives=objectives)
    assert lesson.objectives == objectives
    assert lesson.concepts == ("python/recursion",)
    assert "No installed pack of teaching material treats objective 2." in opening(lesson)
    for kind in ("practice", "check"):
        text = "\n".join(element.content for element in lesson.elements if element.kind == kind)
        assert all(f"**Objective {number}.** {line}" in text for number, line in enumerate(objectives, start=1))


def test_an_objective_that_is_no_part_of_the_topic_names_its_concept() -> None:
    lesson = ask("for loops", objectives=("Write a decorator that passes all arguments through",))
    assert lesson.concepts == ("python/for-loops",)
    assert "For objective 1 there is a concept of its own, Decorators, which is no part of the topic" in opening(lesson)


def test_an_objective_for_which_there_is_no_time_says_so() -> None:
    lesson = ask("Python", 20, objectives=("Use decorators", "Use sets"))
    assert lesson.concepts == ("python/sets",)
    assert "For objective 1 there is a concept of its own, Decorators, and no room for it today." in opening(lesson)


def test_a_lesson_says_that_the_learner_could_not_be_looked_up() -> None:
    lesson = ask("for loops", standing=None)
    assert lesson.standing is StandingUsed.UNAVAILABLE
    assert "could not be looked up in time" in opening(lesson)


@pytest.mark.parametrize("topic", ["the French Revolution", "baking sourdough", "recursoin", "日本語の助詞"])
@pytest.mark.parametrize("standing", [None, NEW])
def test_what_no_pack_knows_is_an_outline(topic: str, standing: Standing | None) -> None:
    lesson = ask(topic, standing=standing)
    assert lesson.composer == "outline/2"
    assert (lesson.concepts, lesson.packs) == ((), ())
    assert opening(lesson).startswith("This is an outline.")
    assert lesson.suggestions == (("Recursion",) if topic == "recursoin" else ())


def test_without_packs_everything_is_an_outline() -> None:
    request = LessonRequest("Python", Level.BEGINNER, (), 30, SATURDAY)
    assert compose(request, NEW, Curriculum()).composer == "outline/2"


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("pace", [0.1, 1.0, 7.0])
@pytest.mark.parametrize("topic", ["for loops", "Python", "loops and functions"])
def test_the_minutes_add_up_for_every_duration(topic: str, pace: float, level: Level) -> None:
    standing = Standing(
        {**mastered("values-and-names", "numbers"), "python/conditionals": met(0.7, Grasp.PROFICIENT, fading=True)},
        pace,
        SATURDAY,
    )
    for duration in range(5, 241):
        lesson = ask(topic, duration, standing=standing, level=level)
        assert sum(element.minutes for element in lesson.elements) == duration
        assert all(1 <= element.minutes <= 45 for element in lesson.elements)


@pytest.mark.parametrize(
    ("minutes", "fewest", "most"), [(10, 1, 1), (25, 1, 1), (26, 2, 2), (50, 2, 2), (80, 3, 3), (81, 4, 4), (240, 8, 8)]
)
def test_the_time_decides_how_many_concepts_there_are(minutes: int, fewest: int, most: int) -> None:
    assert fewest <= len(ask("Python", minutes).concepts) <= most


def test_a_learner_who_takes_twice_as_long_gets_half_as_much() -> None:
    known = mastered("values-and-names")
    slow, usual = (ask("Python", 100, standing=Standing(known, pace, SATURDAY)) for pace in (2.0, 1.0))
    assert (len(slow.concepts), len(usual.concepts)) == (2, 4)


@pytest.mark.parametrize("concept", bundled().by_id)
def test_every_concept_is_taught_by_its_name(concept: str) -> None:
    title = bundled().by_id[concept].title
    lesson = ask(f"{title} in {bundled().pack_of(concept).title}", 60)
    assert lesson.concepts == (concept,)
    assert lesson.objectives == bundled().by_id[concept].objectives
    for element in lesson.elements:
        fences = [line for line in element.content.split("\n") if re.match(r" *```", line)]
        assert len(fences) % 2 == 0
        assert not re.search(r"^#{1,2} ", re.sub(r"```.*?```", "", element.content, flags=re.DOTALL), re.MULTILINE)


def test_a_lesson_on_everything_for_somebody_who_has_mastered_everything_is_a_review() -> None:
    every = {one: met(0.97 if one != "python/sets" else 0.93, Grasp.MASTERED) for one in bundled().by_id}
    lesson = ask("Python", 20, standing=Standing(every, 1.0, SATURDAY))
    assert lesson.concepts == ("python/sets",)
    assert "least firmly" in opening(lesson)


def test_somebody_who_has_mastered_a_module_goes_on_behind_it() -> None:
    module = bundled().pack_of("python/lists").modules[0]
    names = [one.id.partition("/")[2] for one in module.concepts]
    lesson = ask(f"{module.title} in Python", 20, standing=Standing(mastered(*names), 1.0, SATURDAY))
    following = bundled().pack_of("python/lists").modules[1].concepts[0]
    assert lesson.concepts == (following.id,)
    assert "this comes next" in opening(lesson)


def test_what_was_mastered_and_is_fading_is_taught_again() -> None:
    standing = Standing({"python/values-and-names": met(0.95, Grasp.MASTERED, fading=True)}, 1.0, SATURDAY)
    assert ask("Python", 20, standing=standing).concepts == ("python/values-and-names",)
