"""Finds the objective of a concept that a learner's own objective means, by the words they share."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from curriculum.material import Concept
from curriculum.prose import in_one_line

_LEAST_SHARE: Final = 0.6  # of the learner's words that must be there; fewer would be another objective
_LEAST_WORDS: Final = 2
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


def match(text: str, concepts: Iterable[Concept]) -> tuple[Concept, int] | None:
    """The concept, and which of its objectives counted from 1, that treats what `text` asks for.

    Enough of the words of `text` must be in the objective or in the concept's title and aliases: all of them, or two
    at least and three of five. Of several the best is taken, then the first. `None`: none of them does.
    """
    words = _words(text)
    whole = in_one_line(text).casefold()
    best: tuple[float, int] = (0.0, 0)
    found: tuple[Concept, int] | None = None
    for concept in concepts:
        names = _words(concept.title).union(*map(_words, concept.aliases))
        for number, objective in enumerate(concept.objectives, start=1):
            if objective.casefold() == whole:
                return concept, number
            own = _words(objective)
            rank = (_share(words, names, own), len(words & own))
            if rank[0] and rank > best:
                best, found = rank, (concept, number)
    return found


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
