"""What a topic finds: names with certainty, near misses as suggestions, and nothing where there is nothing."""

import random
import string
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curriculum.material import Answer, Concept, Curriculum, Example, Exercise, Module, Pack, Question
from curriculum.reading import BUNDLED, read_curriculum
from curriculum.search import Finding, find
from events.contracts import Level

NOTHING = Finding()
LONGEST_TOPIC = 200
AROUND = (
    "{}",
    "Introduction to {}",
    "the basics of {}",
    "How to use {}",
    "learn {}!",
    "  {}?",
    "{} (tutorial)",
    "“{}”",
)


def concept(pack: str, title: str, *aliases: str) -> Concept:
    """A concept of which only the names matter here."""
    return Concept(
        id=f"{pack}/{'-'.join(title.casefold().split())}",
        title=title,
        aliases=aliases,
        prerequisites=(),
        objectives=("Do it.",),
        level=Level.BEGINNER,
        explanations=dict.fromkeys(Level, "So it is."),
        examples=(Example("One", (1,), "See."),),
        exercises=(Exercise("One", (1,), 1, 5, "Do it.", ("Try.",), "Done.", checks="- Is it done?"),),
        questions=(
            Question("Done?", (1,), (Answer("Yes", right=True, reason="So."), Answer("No", right=False, reason="No."))),
        ),
    )


KITCHEN = Pack(
    id="cooking",
    version="1.0.0",
    title="Cooking",
    summary="Food.",
    aliases=("home cooking", "how to cook"),
    modules=(
        Module(
            "cuts", "Knife work", (concept("cooking", "Slicing", "cutting into slices"), concept("cooking", "Dicing"))
        ),
        Module(
            "heat",
            "Heat",
            (
                concept("cooking", "Deep frying", "fritters"),
                concept("cooking", "Pan frying", "sautéing"),
                concept("cooking", "Stocks and sauces", "gravy"),
                concept("cooking", "For two", "cooking for couples"),
                concept("cooking", "Soups", "bisque in cooking", "sous-vide"),
                concept("cooking", "Caramelising", "browning of sugar"),
            ),
        ),
        Module("soup", "Soups", (concept("cooking", "Borscht", "the @ taste"),)),
    ),
)
MUSIC = Pack("music", "1.0.0", "Music", "Sound.", (), (Module("ear", "Ear", (concept("music", "Slicing", "beats"),)),))
CURRICULUM = Curriculum((KITCHEN, MUSIC))


@pytest.fixture(scope="module")
def bundled() -> Curriculum:
    return read_curriculum([BUNDLED])


def concepts(topic: str, curriculum: Curriculum = CURRICULUM) -> list[str]:
    """Names of the concepts that are certain, of a topic that has nothing else."""
    finding = find(topic, curriculum)
    assert finding == Finding(concepts=finding.concepts)
    return [found.id.partition("/")[2] for found in finding.concepts]


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("dicing", ["dicing"]),
        ("Cooking: dicing", ["dicing"]),
        ("how to dice", ["dicing"]),
        ("gravy & fritters", ["stocks-and-sauces", "deep-frying"]),
        ("Gravies, fritters; borscht", ["stocks-and-sauces", "deep-frying", "borscht"]),
        ("for two", ["for-two"]),
        ("deep frying for two", ["deep-frying", "for-two"]),
        ("frying", ["deep-frying", "pan-frying"]),
        ("deep and pan frying", ["deep-frying", "pan-frying"]),
        ("soups", ["soups"]),
        ("the @ taste", ["borscht"]),
        ("@taste", ["borscht"]),
        ("taste", None),
        ("taste in cooking", None),
        ("@borscht", ["borscht"]),
        ("stocks", None),
        ("stocks in cooking", ["stocks-and-sauces"]),
        ("sauces and stocks", None),
        ("stocks, sauces", ["stocks-and-sauces"]),
        ("stocks/sauces", ["stocks-and-sauces"]),
        ("stocks, with sauces", ["stocks-and-sauces"]),
        ("browning and sugar", None),
        ("browning, sugar", None),
        ("browning to sugar", None),
        ("the browning of the sugar", ["caramelising"]),
        ("browning sugar", ["caramelising"]),
        ("sousvide", ["soups"]),
        ("bisque", None),
        ("cooking bisque", ["soups"]),
        ("how to make a bisque in home cooking", ["soups"]),
        ("SAUTÉING", ["pan-frying"]),
        ("sau\u0074e\u0301ing", ["pan-frying"]),
        ("slicing", ["slicing", "slicing"]),
        ("slicing in music", ["slicing"]),
        ("cooking 2.1 dicing", ["dicing"]),
        ("dicing in 20 minutes", ["dicing"]),
        ("dicing borscht", None),
        ("cooking: dicing borscht", ["dicing", "borscht"]),
    ],
)
def test_names_are_certain_when_they_account_for_the_topic(topic: str, expected: list[str] | None) -> None:
    if expected is None:
        assert find(topic, CURRICULUM).concepts == ()
        assert find(topic, CURRICULUM).suggestions
    else:
        assert concepts(topic) == expected


def test_a_pack_restricts_where_names_are_looked_for() -> None:
    assert [found.id for found in find("music slicing", CURRICULUM).concepts] == ["music/slicing"]
    assert find("music borscht", CURRICULUM).concepts == ()


def test_modules_and_packs_are_found_by_their_names() -> None:
    assert find("Knife work", CURRICULUM) == Finding(modules=(KITCHEN.modules[0],))
    assert find("cooking", CURRICULUM) == Finding(packs=(KITCHEN,))
    assert find("How to cook", CURRICULUM) == Finding(packs=(KITCHEN,))
    assert find("Cooking and music", CURRICULUM) == Finding(packs=(KITCHEN, MUSIC))


@pytest.mark.parametrize(
    ("topic", "suggestions"),
    [
        ("carmelising", ("Caramelising",)),
        ("caramleising", ("Caramelising",)),
        ("carameliseng", ("Caramelising",)),
        ("deep frying and carmelising", ("Deep frying", "Caramelising")),
        ("dicing borscht", ("Dicing", "Borscht")),
        ("coking", ("Cooking",)),
    ],
)
def test_near_misses_are_offered_and_not_taken(topic: str, suggestions: tuple[str, ...]) -> None:
    assert find(topic, CURRICULUM) == Finding(suggestions=suggestions)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "   ",
        "?!",
        "how to learn",
        "the and of",
        "astrology",
        "dicing with death",
        "soup kitchens of New York",
        "type 2 soups",
        "bicing",
        "quantum cooking",
        "make bisque",
        "料理",
        "🍲",
    ],
)
def test_what_the_material_lacks_finds_nothing(topic: str) -> None:
    assert find(topic, CURRICULUM) == NOTHING


def test_no_more_than_five_are_suggested() -> None:
    many = tuple(
        concept("zoo", f"{first}ing elephants") for first in ("Feed", "Wash", "Walk", "Groom", "Draw", "Weigh", "Call")
    )
    zoo = Curriculum((Pack("zoo", "1.0.0", "Zoo", "Animals.", (), (Module("all", "All", many),)),))
    assert find("elephnats", zoo).suggestions == tuple(one.title for one in many[:5])


def test_an_empty_curriculum_has_nothing() -> None:
    assert find("Python", Curriculum()) == NOTHING


@given(st.text(max_size=LONGEST_TOPIC))
@example("," * LONGEST_TOPIC)
@example("for " * 50)
@example("dicing " * 28)
@example("\N{LATIN SMALL LETTER LONG S} \N{LATIN SMALL LIGATURE FI} İ ß ǆ")
def test_any_text_is_a_topic_and_finds_the_same_again(topic: str) -> None:
    finding = find(topic, CURRICULUM)
    assert finding == find(topic, CURRICULUM)
    assert len(finding.suggestions) <= 5
    assert not (finding.suggestions and (finding.concepts or finding.modules or finding.packs))
    assert len({id(one) for one in finding.concepts}) == len(finding.concepts)


@given(st.sampled_from([one for pack in CURRICULUM.packs for one in pack.concepts]), st.sampled_from(AROUND), st.data())
def test_each_name_finds_its_concept_whatever_is_around_it(one: Concept, around: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([one.title, *one.aliases]))
    written = data.draw(st.sampled_from([name, name.upper(), name.replace("-", " "), name.replace(" ", "  ")]))
    assert one in find(around.format(written), CURRICULUM).concepts


@given(
    st.sampled_from([one for pack in CURRICULUM.packs for one in pack.concepts]),
    st.text(string.ascii_lowercase, min_size=1),
)
def test_a_word_that_is_not_accounted_for_makes_nothing_certain(one: Concept, letters: str) -> None:
    topic = f"{one.title} zq{letters}qz"
    assert find(topic, CURRICULUM) == NOTHING


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("Python decorators", ["python/decorators"]),
        ("decorators in Python", ["python/decorators"]),
        ("for loop", ["python/for-loops"]),
        ("a FOR-loop", ["python/for-loops"]),
        ("loops", ["python/while-loops", "python/for-loops"]),
        ("for and while loops", ["python/for-loops", "python/while-loops"]),
        ("loops and functions", ["python/while-loops", "python/for-loops", "python/functions"]),
        ("lists, dicts", ["python/lists", "python/dicts"]),
        ("Introduction to recursion", ["python/recursion"]),
        ("basics of classes in Python", ["python/classes"]),
        ("Python 3.12 generators", ["python/generators"]),
        ("try/except", ["python/handling-exceptions"]),
        ("fstrings", ["python/formatting"]),
        ("spaced repetition", ["learning-to-learn/spaced-practice"]),
    ],
)
def test_topics_of_the_bundled_packs(topic: str, expected: list[str], bundled: Curriculum) -> None:
    assert [found.id for found in find(topic, bundled).concepts] == expected


@pytest.mark.parametrize(
    "topic",
    [
        *("Python", "learn Python", "Introduction to Python programming", "python 3", "Python3"),
        *("I want to learn Python", "python basics for kids", "the Python language"),
    ],
)
def test_python_itself_is_a_topic(topic: str, bundled: Curriculum) -> None:
    finding = find(topic, bundled)
    assert finding == Finding(packs=finding.packs)
    assert [pack.id for pack in finding.packs] == ["python"]


@pytest.mark.parametrize(
    ("topic", "meant"),
    [
        ("decoraters", "Decorators"),
        ("list comprehenson", "Comprehensions"),
        ("recursoin", "Recursion"),
        ("inheritence", "Inheritance"),
        ("pyhton", "Python"),
        ("Python genrators", "Generators"),
    ],
)
def test_a_slip_is_offered_by_the_right_name_first(topic: str, meant: str, bundled: Curriculum) -> None:
    finding = find(topic, bundled)
    assert finding == Finding(suggestions=finding.suggestions)
    assert finding.suggestions[0] == meant


@pytest.mark.parametrize(
    "topic",
    [
        "French Revolution",
        "Rust lifetimes",
        "snake python care",
        "Monty Python",
        "the history of sets in mathematics",
        "class struggle",
        "file a tax return",
        "type 2 diabetes",
        "property law",
        "testing for covid",
        "how to teach a class",
        "string theory",
        "C++ lists",
        "JavaScript functions",
        "guitar strings",
        "stained glass",
        "privacy settings",
        "the decorators of the Sistine Chapel",
        "number theory",
        "interior decorators",
        "kidney function",
        "Java",
        "Rust",
        "Latin declensions",
        "photosynthesis",
        "Überraschung",
        "装饰器",
    ],
)
def test_other_subjects_find_nothing(topic: str, bundled: Curriculum) -> None:
    assert find(topic, bundled) == NOTHING


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("lists and dictionaries", ["python/lists", "python/dicts"]),
        ("functions and decorators", ["python/functions", "python/decorators"]),
        ("lists, slicing", ["python/lists", "python/slicing"]),
        ("strings and methods", ["python/strings", "python/methods-and-state"]),
        ("strings and special methods", ["python/strings", "python/special-methods"]),
        ("functions and values", []),
        ("data and classes", []),
        ("bases and cases", []),
        ("keys & values", ["python/dicts"]),
        ("I want to learn about Python decorators", ["python/decorators"]),
        ("Can you teach me decorators", ["python/decorators"]),
        ("help me understand recursion", ["python/recursion"]),
        ("What is the difference between lists and tuples?", ["python/lists", "python/tuples"]),
        ("python file handling", ["python/files"]),
        ("python errors", ["python/reading-errors"]),
        ("python data types", ["python/values-and-names"]),
        ("reading csv files with python", ["python/json-and-csv"]),
        ("the concept of property in Python", ["python/properties"]),
        ("language classes", []),
        ("master class", []),
        ("language test", []),
        ("course assignment", []),
        ("concept of property", []),
    ],
)
def test_what_is_said_and_no_more_is_named(topic: str, expected: list[str], bundled: Curriculum) -> None:
    assert [found.id for found in find(topic, bundled).concepts] == expected


@pytest.mark.parametrize("joint", [" and ", ", ", " & ", " vs ", " or "])
def test_two_titles_name_both(joint: str, bundled: Curriculum) -> None:
    for pack in bundled.packs:
        for one in pack.concepts:
            for other in pack.concepts:
                if one is not other:
                    topic = f"{one.title}{joint}{other.title}"
                    found = find(topic, bundled).concepts or find(f"{pack.title}: {topic}", bundled).concepts
                    assert {one.id, other.id} <= {concept.id for concept in found}, topic


@pytest.mark.parametrize("topic", ["python if", "python syntax", "python decoraters", "python retreival practice"])
def test_with_a_pack_named_only_what_is_in_it_is_suggested(topic: str, bundled: Curriculum) -> None:
    python = bundled.pack_of("python/lists")
    titles = {python.title, *(one.title for one in python.modules), *(one.title for one in python.concepts)}
    assert set(find(topic, bundled).suggestions) <= titles
    assert find("retreival practice", bundled).suggestions


def test_every_name_of_the_bundled_packs_finds_what_it_names(bundled: Curriculum) -> None:
    for pack in bundled.packs:
        for name in (pack.title, *pack.aliases):
            assert find(name, bundled).packs == (pack,), name
        for one in pack.concepts:
            for name in (one.title, *one.aliases):
                assert one in find(name, bundled).concepts, name
                assert one in find(f"{pack.title}: {name}", bundled).concepts, name


def test_a_topic_of_any_words_is_answered_within_five_milliseconds(bundled: Curriculum) -> None:
    chance = random.Random(20)
    words = [word for one in bundled.by_id.values() for name in one.aliases for word in name.split()]
    topics = ["for " * 50, "a b " * 50, "in a for loop of the " * 9]
    for _ in range(30):
        topics.append(
            "".join(chr(chance.choice((chance.randrange(32, 127), chance.randrange(160, 0xD7FF)))) for _ in range(200))
        )
        topics.append(" ".join(chance.choices(words, k=60)))
        topics.append(", ".join(word[:-1] + "x" for word in chance.choices(words, k=60)))
    find("", bundled)
    for topic in topics:
        assert min(seconds_for(topic[:LONGEST_TOPIC], bundled) for _ in range(3)) < 0.005, topic


def seconds_for(topic: str, curriculum: Curriculum) -> float:
    begun = time.process_time()
    find(topic, curriculum)
    return time.process_time() - begun
