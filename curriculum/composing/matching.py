"""Finds the objective of a concept that a learner's own objective means: by a name in it, or by words they share."""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from curriculum.material import Concept, Curriculum
from curriculum.prose import in_one_line
from curriculum.search import find_certain

_LEAST_SHARE: Final = 0.6  # of the learner's words that must be there; fewer would be another objective
_LEAST_WORDS: Final = 2
_MOST_WORDS_WITH_A_NAME: Final = 12  # beyond that it is no name with a verb, and long to look through
_SHORTEST_PLURAL: Final = 4
# Words that say nothing about the subject: grammar, and what any objective is about.
_FILLER_WORDS: Final = (
    "a able about after all also an and any apply are as at basic be been between both but by can correctly could "
    "describe do does each etc every explain few for from good have how i if in into is it its know knowing learn "
    "lesson let make me more most my new of on one or our own should so some such than that the their them then there "
    "these they this those through to topic understand up use used using want was way we well what when where whether "
    "which who why will with without work would write you your"
)
_FILLERS: Final = frozenset(_FILLER_WORDS.split())


def match(text: str, concepts: Collection[Concept], curriculum: Curriculum) -> tuple[Concept, int] | None:
    """The concept, and which of its objectives counted from 1, that treats what `text` asks for.

    That is the concept that has this very objective; else the one that `text` names, alone or behind a verb
    (`Use for loops`), if it names no other; else the one whose words are enough of those of `text`: all of them, or two
    at least and three of five. Of several the best is taken, then the first; but a single word that several have in
    their names says nothing. `None`: no concept does.

    Args:
        text: an objective in anybody's words.
        concepts: among which to look.
        curriculum: they are of; it knows their names.
    """
    whole = in_one_line(text).casefold()
    for concept in concepts:
        for number, objective in enumerate(concept.objectives, start=1):
            if objective.casefold() == whole:
                return concept, number
    words = _words(text)
    named = _named(text, concepts, curriculum)
    if named:
        return named, _best_objective(words, named)
    if len(words) == 1 and _is_common(words, concepts, curriculum):
        return None
    best: tuple[float, int] = (0.0, 0)
    found: tuple[Concept, int] | None = None
    for concept in concepts:
        names = _names_of(concept)
        for number, objective in enumerate(concept.objectives, start=1):
            own = _words(objective)
            rank = (_share(words, names, own), len(words & own))
            if rank[0] and rank > best:
                best, found = rank, (concept, number)
    return found


def _named(text: str, concepts: Collection[Concept], curriculum: Curriculum) -> Concept | None:
    """The one concept that an objective names, with its verb or without it."""
    line = in_one_line(text)
    if line.count(" ") >= _MOST_WORDS_WITH_A_NAME:
        return None
    among = {concept.id: concept for concept in concepts}
    # What an objective is about is known from its topic, as if it said so.
    subjects = sorted({curriculum.pack_of(one).title for one in among})
    for words in (line, line.partition(" ")[2]):
        found: dict[str, Concept] = {}
        for subject in subjects if words else ():
            finding = find_certain(f"{subject}: {words}", curriculum)
            found.update({one.id: one for one in (finding.concepts if finding else ()) if one.id in among})
        if found:
            return next(iter(found.values())) if len(found) == 1 else None
    return None


def _is_common(words: frozenset[str], concepts: Collection[Concept], curriculum: Curriculum) -> bool:
    """Whether several concepts of the same subjects have these words in their names."""
    packs = {pack.id: pack for concept in concepts for pack in (curriculum.pack_of(concept.id),)}
    return sum(words <= _names_of(one) for pack in packs.values() for one in pack.concepts) > 1


def _best_objective(words: frozenset[str], concept: Concept) -> int:
    shared = [len(words & _words(objective)) for objective in concept.objectives]
    return shared.index(max(shared)) + 1


def _names_of(concept: Concept) -> frozenset[str]:
    return _words(concept.title).union(*map(_words, concept.aliases))


def _share(words: frozenset[str], names: frozenset[str], own: frozenset[str]) -> float:
    """How much of `words` is treated; 0 where that is too little to go by."""
    if not words:
        return 0.0
    shared = words & (names | own)
    # A single word of a sentence is about something else as often as not; the name of a concept is not.
    enough = len(shared) >= _LEAST_WORDS or words <= names
    share = len(shared) / len(words)
    return share if enough and share >= _LEAST_SHARE else 0.0


@lru_cache(maxsize=4096)  # a curriculum's own texts come again with every request
def _words(text: str) -> frozenset[str]:
    return frozenset(map(_singular, re.findall(r"\w+", text.casefold()))) - _FILLERS


def _singular(word: str) -> str:
    if len(word) < _SHORTEST_PLURAL or not word.endswith("s") or word.endswith("ss"):
        return word
    return f"{word[:-3]}y" if word.endswith("ies") else word[:-1]
