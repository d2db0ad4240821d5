"""Teaching material in memory: packs, modules, concepts, and what a concept is taught with.

A pack is read from a folder (`curriculum.reading`, described for authors in `docs/packs.md`). Everything here is
immutable and checked: whoever holds a `Pack` may rely on what the attributes say.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from events.contracts import Level


@dataclass(frozen=True, slots=True)
class Example:
    """A worked example.

    Attributes:
        title: a short phrase.
        objectives: of its concept, from 1, which it shows; at least one.
        text: Markdown, with the code and its output where there are any.
        code: the Python program in it; empty where there is none.
        output: what that prints, exactly, but for the space at the end of lines.
    """

    title: str
    objectives: tuple[int, ...]
    text: str
    code: str = ""
    output: str = ""


@dataclass(frozen=True, slots=True)
class Exercise:
    """Something to do, with help and with a way to tell whether it was done.

    Attributes:
        title: a short phrase.
        objectives: of its concept, from 1, which it practises; at least one.
        difficulty: 1 (supported) to 3 (open).
        minutes: that a learner of its concept's level needs, 1 to 30.
        task: Markdown.
        start: Python to begin with; empty where there is no code.
        hints: Markdown, from the first nudge to the last; at least one.
        solution: Markdown; with code, a fenced block of it.
        solution_code: the Python of the solution; empty where there is no code.
        checks: Markdown bullets by which a learner can tell; for code empty, see `check_code`.
        check_code: Python that raises when it runs after a wrong solution, and does not after a right one.
    """

    title: str
    objectives: tuple[int, ...]
    difficulty: int
    minutes: int
    task: str
    hints: tuple[str, ...]
    solution: str
    start: str = ""
    solution_code: str = ""
    checks: str = ""
    check_code: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the answers to choose from.

    Attributes:
        text: Markdown.
        right: whether it is the one to choose.
        reason: Markdown: why it is right, or what whoever chooses it has missed.
    """

    text: str
    right: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Question:
    """A quiz question with exactly one right answer.

    Attributes:
        text: Markdown.
        objectives: of its concept, from 1, which it checks; at least one.
        answers: two to six.
    """

    text: str
    objectives: tuple[int, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Concept:
    """The smallest thing that is taught, checked and remembered by itself.

    Attributes:
        id: `<pack>/<name>`, such as `python/for-loops`; unique among all packs.
        title: as a learner reads it.
        aliases: other words for it, by which a topic finds it.
        prerequisites: ids of concepts of the same pack that it builds on directly.
        objectives: what a learner can do afterwards, each a sentence that begins with an observable verb; 1 to 6.
        level: the level at which most learners meet it first.
        explanations: Markdown by level; all three.
        examples: at least one.
        exercises: from easy to hard; each objective is in one at least.
        questions: each objective is in one at least.
    """

    id: str
    title: str
    aliases: tuple[str, ...]
    prerequisites: tuple[str, ...]
    objectives: tuple[str, ...]
    level: Level
    explanations: Mapping[Level, str]
    examples: tuple[Example, ...]
    exercises: tuple[Exercise, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Module:
    """Concepts that are usually taught together, in their usual order."""

    id: str
    title: str
    concepts: tuple[Concept, ...]


@dataclass(frozen=True, slots=True)
class Pack:
    """A subject: modules in their usual order, in which every concept comes after its prerequisites.

    Attributes:
        id: lower-case words joined by hyphens; the name of its folder.
        version: of its content, as semantic versioning has it.
        title: as a learner reads it.
        summary: a sentence or two.
        aliases: other words for the subject.
        modules: at least one.
    """

    id: str
    version: str
    title: str
    summary: str
    aliases: tuple[str, ...]
    modules: tuple[Module, ...]

    @property
    def concepts(self) -> tuple[Concept, ...]:
        """All concepts, in the usual order."""
        return tuple(concept for module in self.modules for concept in module.concepts)

    @property
    def release(self) -> str:
        """Names the pack and its version, such as `python@1.0.0`."""
        return f"{self.id}@{self.version}"


@dataclass(frozen=True, slots=True)
class Curriculum:
    """The packs that are installed."""

    packs: tuple[Pack, ...] = ()
    by_id: Mapping[str, Concept] = field(init=False, repr=False, compare=False)
    """Every concept, by its id."""

    def __post_init__(self) -> None:
        found = {concept.id: concept for pack in self.packs for concept in pack.concepts}
        object.__setattr__(self, "by_id", MappingProxyType(found))

    def pack_of(self, concept_id: str) -> Pack:
        """The pack that a concept is in.

        Raises:
            KeyError: no installed pack has it.
        """
        if concept_id in self.by_id:
            name = concept_id.partition("/")[0]
            for pack in self.packs:
                if pack.id == name:
                    return pack
        raise KeyError(concept_id)

    def prerequisites_of(self, concept: Concept) -> Sequence[Concept]:
        """All that a concept builds on, directly or not, in the usual order."""
        needed = self.implied_by([concept.id])
        return [one for one in self.pack_of(concept.id).concepts if one.id in needed]

    def implied_by(self, concepts: Iterable[str]) -> frozenset[str]:
        """All that these concepts build on, directly or not: who holds one of them can hardly lack what is under it.

        That is the surmise relation of knowledge spaces (Doignon and Falmagne 1985, International Journal of
        Man-Machine Studies 23, 175-196). Ids that no installed pack has imply nothing.
        """
        found: set[str] = set()
        waiting = list(concepts)
        while waiting:
            concept = self.by_id.get(waiting.pop())
            new = set(concept.prerequisites) - found if concept else set()
            found |= new
            waiting.extend(new)
        return frozenset(found)
