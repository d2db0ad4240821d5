"""How figures and moments are told, how objectives are recognised, how minutes are spread."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curriculum.composing.matching import match
from curriculum.composing.telling import day_of, percent, time_since
from curriculum.composing.warming import main_idea
from curriculum.material import Concept, Curriculum, Module, Pack
from curriculum.pacing import Need, spread
from curriculum.prose import indented, listed
from curriculum.reading import BUNDLED, read_curriculum
from events.contracts import Level
from tests.curriculum.strategies import concepts

SATURDAY = datetime(2026, 11, 14, 9, 30, tzinfo=UTC)


def concept(title: str, *objectives: str, aliases: tuple[str, ...] = (), explained: str = "Text.") -> Concept:
    return Concept(
        id=f"python/{title.casefold().replace(' ', '-')}",
        title=title,
        aliases=aliases,
        prerequisites=(),
        objectives=objectives,
        level=Level.BEGINNER,
        explanations=dict.fromkeys(Level, explained),
        examples=(),
        exercises=(),
        questions=(),
    )


@pytest.mark.parametrize(
    ("share", "told"),
    [(0, "0 %"), (0.001, "1 %"), (0.4, "40 %"), (0.125, "13 %"), (0.994, "99 %"), (0.9999, "99 %"), (1, "100 %")],
)
def test_percent(share: float, told: str) -> None:
    assert percent(share) == told


@given(st.floats(0, 1))
def test_percent_is_near_and_says_all_and_nothing_of_those_alone(share: float) -> None:
    figure = int(percent(share).removesuffix(" %"))
    assert abs(figure - share * 100) <= 1
    assert (figure == 0, figure == 100) == (share == 0, share == 1)


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (-1, "today"),
        (0, "today"),
        (1, "yesterday"),
        (2, "on Thursday 12 November"),
        (4, "on Tuesday 10 November"),
        (6, "on Sunday 8 November"),
        (7, "on 7 November 2026"),
        (11, "on 3 November 2026"),
        (365, "on 14 November 2025"),
    ],
)
def test_days(days: int, told: str) -> None:
    assert day_of(SATURDAY - timedelta(days=days), SATURDAY) == told


def test_days_are_those_of_utc() -> None:
    late = datetime(2026, 11, 14, 23, 30, tzinfo=timezone(timedelta(hours=-5)))  # already the 15th in UTC
    assert day_of(late, datetime(2026, 11, 16, 1, tzinfo=UTC)) == "yesterday"


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2030, 1, 1)), st.integers(2, 3000))  # noqa: DTZ001
def test_days_agree_with_the_calendar(moment: datetime, days: int) -> None:
    told = day_of(moment.replace(tzinfo=UTC), (moment + timedelta(days=days)).replace(tzinfo=UTC))
    # The names of the C locale are the English ones.
    expected = f"{moment:on %A} {moment.day} {moment:%B}" if days <= 6 else f"on {moment.day} {moment:%B %Y}"
    assert told == expected


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (0, "today"),
        (1, "yesterday"),
        (5, "five days ago"),
        (13, "13 days ago"),
        (14, "two weeks ago"),
        (22, "three weeks ago"),
        (59, "eight weeks ago"),
        (62, "two months ago"),
        (364, "eleven months ago"),
        (800, "two years ago"),
    ],
)
def test_how_long_ago(days: int, told: str) -> None:
    assert time_since(SATURDAY - timedelta(days=days), SATURDAY) == told


LOOPS = concept("For loops", "Write a `for` loop over a list.", "Predict which numbers a `range` gives.")
SETS = concept("Sets", "Choose the set operation that answers a question about two groups.", aliases=("python sets",))


def pack_of(*found: Concept) -> Curriculum:
    return Curriculum((Pack("python", "1.0.0", "Python", "A language.", (), (Module("all", "All of it", found),)),))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write a for loop over a list", (LOOPS, 1)),
        ("I want to predict the numbers of a range", (LOOPS, 2)),
        ("choose the set operation that answers a question about two groups.", (SETS, 1)),
        ("Understand sets", (SETS, 1)),
        ("Understand for-loops", (LOOPS, 1)),
        ("Make a list of friends", None),
        ("Juggle five balls", None),
        ("学ぶ", None),
        ("Write it well", None),
    ],
)
def test_objectives_are_recognised_by_their_words(text: str, found: tuple[Concept, int] | None) -> None:
    assert match(text, (LOOPS, SETS), pack_of(LOOPS, SETS)) == found


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("use for loops", "For loops"),
        ("write if statements", "Conditionals"),
        ("Write classes", "Classes"),
        ("test my code", "Testing"),
        ("use methods", "Methods and state"),
        ("compare values", "Booleans"),
        ("Write code", None),
        ("Use strings", "Strings"),
        ("Slice lists", "Slicing"),
        ("Choose between lists and tuples", "Tuples"),
    ],
)
def test_objectives_with_a_name_in_them(text: str, title: str | None) -> None:
    curriculum = read_curriculum([BUNDLED])
    found = match(text, curriculum.pack_of("python/lists").concepts, curriculum)
    assert (found[0].title if found else None) == title


@pytest.mark.parametrize("verb", ["Use", "Explain", "Be able to use"])
def test_a_title_behind_a_verb_is_its_concept(verb: str) -> None:
    curriculum = read_curriculum([BUNDLED])
    for one in curriculum.by_id.values():
        for pool in (list(curriculum.by_id.values()), curriculum.pack_of(one.id).concepts, (one,)):
            found = match(f"{verb} {one.title}", pool, curriculum)
            assert found, one.title
            assert found[0] is one


def test_a_word_that_several_have_in_their_names_means_none_of_them_wherever_it_is_looked_for() -> None:
    first, second = concept("Bread crumbs", "Bake it."), concept("Bread dough", "Knead it.")
    other = concept("Rye crackers", "Break it.")
    curriculum = pack_of(first, second, other)
    assert match("Eat bread", (first,), curriculum) is None
    assert match("Understand bread", (first,), curriculum) is None
    assert match("Understand rye", (first, other), curriculum) == (other, 1)


@given(concepts("art", 3, []), concepts("art", 4, []), st.data())
def test_an_objective_in_the_words_of_the_material_is_found(
    first: Concept, second: Concept, data: st.DataObject
) -> None:
    owner = data.draw(st.sampled_from([first, second]))
    number = data.draw(st.integers(1, len(owner.objectives)))
    assert match(f"  {owner.objectives[number - 1].upper()}\n", (first, second), pack_of(first, second)) == (
        owner,
        number,
    )


@pytest.mark.parametrize(
    ("explained", "idea"),
    [
        ("One.\n\nTwo.", "One."),
        ("One,\nstill one.\n\n```text\na\n\nb\n```\n\nTwo.", "One,\nstill one."),
        ("See:\n\n```text\na\n\nb\n```\n\nTwo.", "See:\n\n```text\na\n\nb\n```"),
        ("```text\na\n\nb\n```\n\nTwo.", "Two."),
        ("- a\n- b\n\nAfter.", "After."),
        ("x" * 2000, ""),
    ],
)
def test_the_main_idea_is_the_first_paragraph_of_prose(explained: str, idea: str) -> None:
    assert main_idea(concept("It", "Do it.", explained=explained)) == idea


def test_lists_in_sentences() -> None:
    assert [listed(["a", "b", "c"][:count]) for count in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert listed(["Printing and input", "Numbers"]) == "Printing and input, and Numbers"
    assert indented("one\n\n```\ntwo\n```") == "one\n\n  ```\n  two\n  ```"


NEEDS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 20), st.integers(0, 40)).map(
        lambda steps: Need(steps[0], steps[0] + steps[1], sum(steps))
    ),
    min_size=1,
    max_size=30,
)


@given(NEEDS, st.data())
def test_minutes_are_spread_exactly_within_what_each_can_take(needs: list[Need], data: st.DataObject) -> None:
    total = data.draw(st.integers(sum(one.least for one in needs), sum(one.most for one in needs)))
    parts = spread(total, needs)
    assert sum(parts) == total
    wanted = sum(one.want for one in needs)
    for part, need in zip(parts, needs, strict=True):
        assert need.least <= part <= need.most
        # Nobody gets more than is wanted while somebody has less.
        assert part <= need.want if total <= wanted else part >= need.want


def test_what_cannot_be_spread_is_refused() -> None:
    for total in (1, 10):
        with pytest.raises(ValueError, match="cannot be spread"):
            spread(total, [Need(1, 2, 4), Need(1, 2, 5)])
