"""What a lesson from packs promises, for any material, any learner and any request."""

import copy
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from curriculum.composing.assembling import CONCEPTS_COMPOSER, compose_concepts
from curriculum.composing.learner import Learner
from curriculum.lesson import ComposedLesson, LessonRequest
from curriculum.material import Concept, Curriculum
from curriculum.outline import outline
from curriculum.standing import ConceptStanding, Grasp, Standing
from events.contracts import LessonElement, LessonRequested, Level, StandingUsed
from events.envelope import MAX_EVENT_BYTES
from tests.curriculum.strategies import NOW, Case, cases, solution_word

LESSON_BYTES = 200_000


def lesson_of(case: Case) -> ComposedLesson:
    return compose_concepts(case.request, Learner(case.standing), case.curriculum, case.asked)


def of_kind(lesson: ComposedLesson, kind: str) -> list[LessonElement]:
    return [element for element in lesson.elements if element.kind == kind]


def taught_in(case: Case, lesson: ComposedLesson) -> list[Concept]:
    return [case.curriculum.by_id[one] for one in lesson.concepts]


def one_line(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())


def is_known(case: Case) -> bool:
    return case.standing is not None and bool(case.standing.concepts)


def is_mastered(case: Case, concept: str) -> bool:
    met = case.standing.concepts.get(concept) if case.standing else None
    return met is not None and met.grasp is Grasp.MASTERED and not met.fading


def is_unmet(case: Case, concept: str) -> bool:
    met = case.standing.concepts.get(concept) if case.standing else None
    return met is not None and met.mastery < 0.5


def was_never_met(case: Case, concept: str) -> bool:
    return case.standing is None or concept not in case.standing.concepts


def typed(text: str) -> str:
    """A text in one line, as Markdown has it that shows just that."""
    return re.sub(r"([\\`*_\[\]<>&~])", r"\\\1", one_line(text))


def all_before(curriculum: Curriculum, concept: Concept) -> set[str]:
    found: set[str] = set()
    for needed in concept.prerequisites:
        found |= {needed} | all_before(curriculum, curriculum.by_id[needed])
    return found


@given(cases())
def test_the_minutes_add_up(case: Case) -> None:
    lesson = lesson_of(case)
    assert sum(element.minutes for element in lesson.elements) == case.request.duration_minutes
    assert all(1 <= element.minutes <= 45 for element in lesson.elements)


@given(cases())
def test_the_same_input_gives_the_same_lesson(case: Case) -> None:
    packs, asked, request = copy.deepcopy((case.curriculum.packs, case.asked, case.request))
    standing = case.standing
    if standing:
        # What is equal may have come in another order.
        concepts = dict(reversed(list(copy.deepcopy(standing.concepts).items())))
        standing = Standing(concepts, standing.pace, standing.as_of)
    assert lesson_of(case) == lesson_of(Case(request, standing, Curriculum(packs), asked))


@given(cases())
def test_the_kinds_come_in_their_order(case: Case) -> None:
    lesson = lesson_of(case)
    kinds = " ".join(element.kind for element in lesson.elements)
    rounds = rf"( explanation( example)? practice check){{{len(lesson.concepts)},}}"
    beyond = r"( explanation| practice| check)*"
    assert re.fullmatch(rf"objectives( warm_up)*{rounds}{beyond} answers( reflection)?", kinds)
    # The concepts are taught one after the other, in the order in which they are named.
    first = [element.concept for element in of_kind(lesson, "explanation")[: len(lesson.concepts)]]
    assert tuple(first) == lesson.concepts


@given(cases())
def test_what_a_concept_builds_on_is_held_warmed_up_or_taught_earlier(case: Case) -> None:
    lesson = lesson_of(case)
    warmed = {element.concept for element in of_kind(lesson, "warm_up")}
    for place, concept in enumerate(taught_in(case, lesson)):
        for needed in all_before(case.curriculum, concept):
            assert not is_unmet(case, needed) or needed in warmed or needed in lesson.concepts[:place]
            assert needed not in lesson.concepts[place:]
    assert not warmed & set(lesson.concepts)


@given(cases())
def test_what_has_to_wait_is_named_with_what_is_taught_instead(case: Case) -> None:
    lesson = lesson_of(case)
    missing = [concept for concept in case.asked.concepts if concept.id not in lesson.concepts]
    waiting = [one for one in missing if f"{one.title} has to wait. It builds on " in lesson.elements[0].content]
    for concept in missing:
        left = re.search("Left for another lesson: .*", lesson.elements[0].content)
        assert concept in waiting or (left and concept.title in left[0])
    if missing and len(missing) == len(case.asked.concepts):
        assert waiting
        for one in lesson.concepts:
            assert any(one in all_before(case.curriculum, concept) for concept in waiting)


@given(cases())
def test_what_is_mastered_is_taught_again_only_where_it_was_asked_for(case: Case) -> None:
    lesson = lesson_of(case)
    asked = {concept.id for concept in case.asked.concepts}
    groups = case.asked.modules or case.asked.packs
    pool = {one.id for group in groups for one in group.concepts} | asked
    pack = {
        one.id
        for pack in case.curriculum.packs
        for one in pack.concepts
        if one.id.split("/")[0] in {name.split("/")[0] for name in pool}
    }
    for concept in taught_in(case, lesson):
        wanted = set(map(one_line, case.request.objectives)) & set(concept.objectives)
        if is_mastered(case, concept.id) and concept.id not in asked and not wanted:
            assert all(is_mastered(case, one) for one in pack)
    if not asked:
        for concept in case.curriculum.by_id.values():
            if concept.id in pool - set(lesson.concepts) and is_mastered(case, concept.id):
                left_out = re.search("Left out, because you have mastered it: (.*)", lesson.elements[0].content)
                assert left_out
                assert concept.title in left_out[1] or re.search(r"\d+ more", left_out[1])


@given(cases())
def test_what_was_never_met_is_asked_about_as_far_as_there_is_room(case: Case) -> None:
    lesson = lesson_of(case)
    warmed = {element.concept for element in of_kind(lesson, "warm_up")}
    direct = {needed for one in taught_in(case, lesson) for needed in one.prerequisites} - set(lesson.concepts)
    never = {needed for needed in direct if was_never_met(case, needed)}
    dropped = {one.id for one in case.asked.concepts if one.id not in lesson.concepts}
    # A quick check is of what nothing is known of; or of what was asked for, and is built on instead.
    assert {one for one in warmed if was_never_met(case, str(one))} <= never | dropped
    if not never <= warmed:
        quick = {one for one in warmed if was_never_met(case, str(one))} | (warmed & dropped)
        minutes = case.request.duration_minutes
        assert len(quick) >= min(minutes // 10, 3) or len(warmed) == min(minutes // 6, 5)
        order = list(case.curriculum.by_id)
        farthest = max(order.index(one) for one in never - warmed)
        assert all(order.index(one) > farthest for one in (never & warmed) - dropped)
    assert len({one for one in warmed if was_never_met(case, str(one))}) <= 3


@given(cases())
def test_somebody_new_is_believed_as_is_somebody_known_for_other_subjects_alone(case: Case) -> None:
    other = Standing({"gone/away": ConceptStanding(0.2, Grasp.BEGINNING, False, 0.2, NOW, 1)}, None, NOW)
    lessons = [
        compose_concepts(case.request, Learner(standing), case.curriculum, case.asked)
        for standing in (Standing(), other)
    ]
    assert lessons[0].elements == lessons[1].elements
    assert "Nothing is recorded" in lessons[1].elements[0].content
    assert "has to wait" not in lessons[1].elements[0].content


MARKUP = (
    "<script>alert(1)</script>",
    "![p](http://evil/p.png)",
    "[x](javascript:alert(1))",
    "**b** and _i_ and __b__",
    "`code` ``more`",
    "<http://evil/>",
    "&lt;b&gt; &copy;",
    "~~gone~~",
    "a\\`b\\*c*",
    "[x]: http://evil/",
    "*",
    "`",
)
PARSER = MarkdownIt("commonmark").enable("strikethrough")


def tokens_of(lesson: ComposedLesson) -> list[list[str]]:
    """What Markdown finds in each element; a run of text may come in pieces."""
    found = []
    for element in lesson.elements:
        inline = [child.type for token in PARSER.parse(element.content) for child in token.children or ()]
        blocks = [token.type for token in PARSER.parse(element.content)]
        found.append([kind for kind in (*blocks, *inline) if kind not in {"text", "text_special"}])
    return found


@given(
    cases(),
    st.lists(st.sampled_from(MARKUP), min_size=1, max_size=3).map(" ".join),
    st.text("*_`[]()<>&~!\\ab ", max_size=30),
)
def test_what_was_typed_is_shown_and_is_no_markdown(case: Case, markup: str, noise: str) -> None:
    def asking(topic: str, objective: str) -> LessonRequest:
        objectives = (f"Juggle {objective}",) if case.request.objectives else ()
        return LessonRequest(f"a{topic}", case.request.level, objectives, case.request.duration_minutes, NOW)

    plain, marked = asking("x", "balls"), asking(f"{markup}{noise}", f"{noise}{markup}")
    in_packs = [
        compose_concepts(request, Learner(case.standing), case.curriculum, case.asked) for request in (plain, marked)
    ]
    assert tokens_of(in_packs[0]) == tokens_of(in_packs[1])
    outlines = [outline(request) for request in (plain, marked)]
    assert tokens_of(outlines[0]) == tokens_of(outlines[1])
    shown = "".join(
        child.content for token in PARSER.parse(outlines[1].elements[0].content) for child in token.children or ()
    )
    assert one_line(marked.topic) in shown


@given(cases())
def test_what_fades_is_brought_back_first(case: Case) -> None:
    lesson = lesson_of(case)
    warmed = {element.concept for element in of_kind(lesson, "warm_up")}
    if case.standing is None:
        return
    fading = {
        needed
        for concept in taught_in(case, lesson)
        for needed in all_before(case.curriculum, concept) - set(lesson.concepts)
        if needed in case.standing.concepts and case.standing.concepts[needed].fading
    }
    if case.request.duration_minutes >= 15:
        assert len(warmed & fading) >= min(len(fading), 1)
    else:
        asked = {concept.id for concept in case.asked.concepts}
        assert all(is_unmet(case, concept) or concept in asked for concept in fading if concept in warmed)


@given(cases())
def test_the_objectives_are_those_of_the_request_or_of_the_concepts(case: Case) -> None:
    lesson = lesson_of(case)
    if case.request.objectives:
        assert lesson.objectives == case.request.objectives
    else:
        known = [text for concept in taught_in(case, lesson) for text in concept.objectives]
        assert 1 <= len(lesson.objectives) <= 20
        assert sorted(lesson.objectives, key=known.index) == list(lesson.objectives)
        if case.request.duration_minutes >= 200 and len(lesson.concepts) == 1:
            assert len(lesson.objectives) >= min(len(known), 2)


@given(cases())
def test_every_objective_is_practised_and_checked(case: Case) -> None:
    lesson = lesson_of(case)
    owners = {text: (one, at) for one in case.curriculum.by_id.values() for at, text in enumerate(one.objectives, 1)}
    practised = "\n".join(element.content for element in of_kind(lesson, "practice"))
    checked = "\n".join(element.content for element in of_kind(lesson, "check"))
    for number, text in enumerate(lesson.objectives, start=1):
        line = f"**Objective {number}.** {typed(text) if case.request.objectives else one_line(text)}"
        for content in (lesson.elements[0].content, practised, checked):
            assert line in [one.removeprefix("- ") for one in content.split("\n")]
        # Where it is an objective of a concept that is taught, material of that concept works on it.
        concept, at = owners.get(one_line(text), (None, 0))
        if concept and concept.id in lesson.concepts:
            assert any(at in one.objectives and f": {one.title} (" in practised for one in concept.exercises)
            assert any(at in one.objectives and one.text in checked for one in concept.questions)


@given(cases())
def test_no_practice_holds_a_solution_and_the_answers_hold_them_all(case: Case) -> None:
    lesson = lesson_of(case)
    before = "\n".join(element.content for element in lesson.elements if element.kind != "answers")
    (answers,) = of_kind(lesson, "answers")
    assert "solvedq" not in before
    for concept in taught_in(case, lesson):
        for place, exercise in enumerate(concept.exercises):
            is_set = f": {exercise.title} (" in before
            assert is_set == (solution_word(concept, place) in answers.content)
        for question in concept.questions:
            right = next(answer for answer in question.answers if answer.right)
            if question.text in before:
                assert f"is right. {right.reason}" in answers.content


@given(cases())
def test_the_score_counts_what_there_was_to_do(case: Case) -> None:
    lesson = lesson_of(case)
    (answers,) = of_kind(lesson, "answers")
    exercises = sum(
        len(re.findall(r"^### Exercise \d+: ", one.content, re.MULTILINE)) for one in of_kind(lesson, "practice")
    )
    questions = sum(
        len(re.findall(r"^### Question \d+$", one.content, re.MULTILINE)) for one in of_kind(lesson, "check")
    )
    own = sum(one.content.count("- Good enough if ") for one in of_kind(lesson, "check"))
    assert f"Divide by {exercises + questions + own}, " in answers.content


@given(cases())
def test_an_event_can_record_it(case: Case) -> None:
    lesson = lesson_of(case)
    recorded = LessonRequested(
        learner_id="ada",
        lesson_id="lesson-1",
        topic=case.request.topic,
        title=lesson.title,
        level=lesson.level,
        duration_minutes=lesson.duration_minutes,
        objectives=lesson.objectives,
        elements=tuple(LessonElement.model_validate_json(one.model_dump_json()) for one in lesson.elements),
        composer=lesson.composer,
        concepts=lesson.concepts,
        packs=lesson.packs,
        standing=lesson.standing,
        suggestions=lesson.suggestions,
    )
    assert LessonRequested.model_validate_json(recorded.model_dump_json()) == recorded
    assert len(recorded.model_dump_json().encode()) <= LESSON_BYTES
    assert (lesson.composer, lesson.level) == (CONCEPTS_COMPOSER, case.request.level)
    used = {element.concept.split("/")[0] for element in lesson.elements if element.concept}
    assert {release.partition("@")[0] for release in lesson.packs} == used


@given(cases())
def test_it_says_what_it_was_fitted_to(case: Case) -> None:
    lesson = lesson_of(case)
    expected = {True: StandingUsed.UNAVAILABLE}.get(case.standing is None) or (
        StandingUsed.KNOWN if is_known(case) else StandingUsed.NEW
    )
    assert lesson.standing is expected
    said = "could not be looked up" in lesson.elements[0].content
    assert said == (case.standing is None)


@given(cases())
def test_every_element_says_why_it_is_there(case: Case) -> None:
    for element in lesson_of(case).elements:
        assert element.why
        assert element.why.endswith((".", "..."))


@given(cases(), st.sampled_from(["\n# Injected", "\r\n\n### Injected\n", "x\n```\n# Injected"]))
def test_one_line_of_a_request_stays_one_line(case: Case, text: str) -> None:
    old = case.request
    request = LessonRequest(f"a{text}", old.level, (*old.objectives[:19], f"Do{text}"), old.duration_minutes, NOW)
    lesson = compose_concepts(request, Learner(case.standing), case.curriculum, case.asked)
    for element in lesson.elements:
        lines = element.content.split("\n")
        assert not any(re.match(r"#+ Injected", line) for line in lines)
        # Every block of code that is opened is closed again.
        assert sum(line.startswith("```") for line in lines) % 2 == 0


@pytest.mark.parametrize("text", ["\U0001f600", "\x00"])
@pytest.mark.parametrize("duration", [5, 240])
@given(case=cases())
@settings(max_examples=10)
def test_material_beyond_all_measure_still_fits_into_an_event(text: str, duration: int, case: Case) -> None:
    long = text * 8_000
    packs, asked = copy.deepcopy((case.curriculum.packs, case.asked))
    huge = Curriculum(packs)
    for concept in (*huge.by_id.values(), *asked.concepts):
        object.__setattr__(concept, "explanations", dict.fromkeys(Level, long))
        for exercise in concept.exercises:
            for field in ("task", "solution", "check_code"):
                object.__setattr__(exercise, field, long)
        for question in concept.questions:
            object.__setattr__(question, "text", long)
    request = LessonRequest("all", case.request.level, ("\U0001f600" * 300,) * 20, duration, NOW)
    lesson = compose_concepts(request, Learner(case.standing), huge, asked)
    assert sum(element.minutes for element in lesson.elements) == duration
    assert all(len(element.content) <= 50_000 for element in lesson.elements)
    size = sum(len(element.model_dump_json().encode()) for element in lesson.elements)
    assert size + len("".join(lesson.objectives).encode()) <= LESSON_BYTES < MAX_EVENT_BYTES


@given(cases())
def test_who_is_slow_gets_less_in_the_same_time(case: Case) -> None:
    if case.standing is None:
        return
    slow, fast = (
        compose_concepts(
            case.request, Learner(Standing(case.standing.concepts, pace, NOW)), case.curriculum, case.asked
        )
        for pace in (2.0, 0.5)
    )
    assert len(slow.concepts) <= len(fast.concepts)
