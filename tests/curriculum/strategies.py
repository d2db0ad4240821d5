"""Curricula, standings and requests, made up.

Each text of the material holds a word of its own, so that a test can see where in a lesson it is.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import strategies as st
from typing_extensions import override

from curriculum.lesson import LessonRequest
from curriculum.material import Answer, Concept, Curriculum, Example, Exercise, Module, Pack, Question
from curriculum.search import Finding
from curriculum.standing import ConceptStanding, Grasp, Standing
from events.contracts import Level

NOW = datetime(2026, 11, 14, 9, 30, tzinfo=UTC)
ANY_CHARACTER = st.characters(exclude_categories=["Cs"])


@dataclass(frozen=True, repr=False)
class Case:
    """Somebody asks for something that the material has."""

    request: LessonRequest
    standing: Standing | None
    curriculum: Curriculum
    asked: Finding

    @override
    def __repr__(self) -> str:
        builds_on = {one.id: one.prerequisites for one in self.curriculum.by_id.values()}
        asked = [one.id for group in (self.asked.concepts, self.asked.modules, self.asked.packs) for one in group]
        return f"<{self.request}, by {self.standing}, for {asked}, where {builds_on}>"


def word(*places: int) -> str:
    """A word that no other places give."""
    return "q" + "z".join("abcdefghij"[int(digit)] for place in places for digit in f"{place:02}")


def solution_word(concept: Concept, place: int) -> str:
    """The word in the solution of one of the exercises of a made-up concept."""
    return f"solved{concept.title.rpartition(' ')[2]}x{'i' * (place + 1)}x"


@st.composite
def concepts(draw: st.DrawFn, pack: str, place: int, earlier: list[str]) -> Concept:
    """A concept that builds on up to three of the earlier ones."""
    name = word(len(pack), place)
    prerequisites = draw(st.lists(st.sampled_from(earlier), max_size=3, unique=True)) if earlier else []
    # What matters less is not worth the time it takes to draw it bit by bit.
    rest = Random(draw(st.integers(0, 2**16)))
    count = rest.randint(1, 4)
    numbers = list(range(1, count + 1))

    def some() -> tuple[int, ...]:
        return tuple(sorted(rest.sample(numbers, rest.randint(1, count))))

    covers = [*(some() for _ in range(rest.randint(0, 3))), *((number,) for number in numbers)]
    difficulties = sorted(rest.randint(1, 3) for _ in covers)
    exercises = tuple(
        Exercise(
            title=f"Exercise {name}e{'i' * at}x",
            objectives=objectives,
            difficulty=difficulty,
            minutes=rest.randint(1, 30),
            task=f"Task {name}.",
            hints=("A nudge.", "A push."),
            solution=f"solved{name}x{'i' * (at + 1)}x",
            start="..." if at % 2 else "",
            checks="" if at % 2 else "- It works.",
            check_code="assert True" if at % 2 else "",
        )
        for at, (objectives, difficulty) in enumerate(zip(covers, difficulties, strict=True))
    )
    asked = [*((number,) for number in numbers), *(some() for _ in range(rest.randint(0, 2)))]
    questions = tuple(
        Question(
            text=f"Question {name}q{'i' * at}x?",
            objectives=objectives,
            answers=tuple(
                Answer(f"Answer {choice}.", choice == at % 3, f"Reason {name} {choice}.") for choice in range(3)
            ),
        )
        for at, objectives in enumerate(asked)
    )
    return Concept(
        id=f"{pack}/c{place}",
        title=f"Topic {name}",
        aliases=(),
        prerequisites=tuple(f"{pack}/{one}" for one in prerequisites),
        objectives=tuple(f"Make {name}o{'i' * number}x." for number in numbers),
        level=rest.choice(list(Level)),
        explanations={level: f"Explained {name} {level.value}.\n\nMore of it." for level in Level},
        examples=tuple(Example(f"Example {at}", some(), f"Shown {name}.") for at in range(rest.randint(1, 3))),
        exercises=exercises,
        questions=questions,
    )


@st.composite
def packs(draw: st.DrawFn, pack: str) -> Pack:
    """A pack of one to ten concepts in one to three modules."""
    count = draw(st.integers(1, 10))
    found = [draw(concepts(pack, place, [f"c{at}" for at in range(place)])) for place in range(count)]
    borders = sorted({0, len(found), *draw(st.lists(st.integers(0, len(found)), max_size=2))})
    modules = tuple(
        Module(f"m{start}", f"Module {word(len(pack), start)}", tuple(found[start:stop]))
        for start, stop in pairwise(borders)
    )
    return Pack(pack, "1.0.0", f"Subject {pack}", "A subject.", (), modules)


curricula = st.builds(
    lambda first, second: Curriculum((first, *second)), packs("art"), st.lists(packs("music"), max_size=1)
)
levels = st.sampled_from(Level)
moments = st.integers(0, 60 * 24 * 800).map(lambda minutes: NOW - timedelta(minutes=minutes))


@st.composite
def concept_standings(draw: st.DrawFn) -> ConceptStanding:
    """How somebody may stand with a concept, without contradictions."""
    mastery = draw(st.sampled_from([0.0, 0.2, 0.49, 0.5, 0.51, 0.8, 0.95, 1.0]) | st.floats(0, 1))
    grasps = {0.9: Grasp.MASTERED, 0.7: Grasp.PROFICIENT, 0.4: Grasp.DEVELOPING, 0.0: Grasp.BEGINNING}
    grasp = next(grasp for least, grasp in grasps.items() if mastery >= least)
    return ConceptStanding(
        mastery=mastery,
        grasp=grasp,
        fading=draw(st.booleans()),
        last_score=draw(st.none() | st.floats(0, 1)),
        last_seen_at=draw(moments),
        lessons=draw(st.integers(1, 50)),
    )


def standings(curriculum: Curriculum) -> st.SearchStrategy[Standing | None]:
    """Somebody known, somebody new, somebody who could not be looked up."""
    known = st.dictionaries(st.sampled_from([*curriculum.by_id, "gone/away"]), concept_standings(), min_size=1)
    paces = st.none() | st.sampled_from([0.01, 0.5, 1.0, 1.3, 2.0, 9.0])
    return st.builds(Standing, known, paces, st.just(NOW)) | st.sampled_from([None, Standing()])


def texts(longest: int) -> st.SearchStrategy[str]:
    """Texts of any script, with at least one visible character."""
    return st.text(ANY_CHARACTER, min_size=1, max_size=longest).filter(_is_visible)


def _is_visible(text: str) -> bool:
    return bool("".join(" " if char < " " or "\x7f" <= char <= "\x9f" else char for char in text).strip())


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Somebody asks for concepts, a module or a pack, now and then with objectives of theirs or of the material's."""
    curriculum = draw(curricula)
    every = list(curriculum.by_id.values())
    modules = [module for pack in curriculum.packs for module in pack.modules]
    asked = draw(
        st.lists(st.sampled_from(every), min_size=1, max_size=3, unique_by=lambda one: one.id).map(
            lambda chosen: Finding(concepts=tuple(chosen))
        )
        | st.sampled_from(modules).map(lambda module: Finding(modules=(module,)))
        | st.sampled_from(curriculum.packs).map(lambda pack: Finding(packs=(pack,)))
    )
    treated = st.sampled_from([text for one in every for text in one.objectives])
    request = LessonRequest(
        topic=draw(st.just("what was asked for") | texts(200)),
        level=draw(levels),
        objectives=tuple(draw(st.just([]) | st.lists(treated | texts(300), max_size=20, unique=True))),
        duration_minutes=draw(st.integers(5, 240) | st.integers(5, 15)),
        asked_at=NOW,
    )
    return Case(request, draw(standings(curriculum)), curriculum, asked)
