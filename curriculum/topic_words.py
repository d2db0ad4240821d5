"""Words of topics and of names, in the form in which they are compared.

Case, punctuation and a plural's `s` don't matter. What a word means can't be known here; so few words are left out of
account, and only such as hardly ever decide what a topic is about.
"""

import re
import unicodedata
from itertools import product
from typing import Final

APART: Final = ","
"""Stands for punctuation that separates two topics; no word is spelt so."""

SIGN: Final = "@"
"""The one sign that is a word, as in `the @ syntax`; without it any syntax would be that one."""

_WORD: Final = re.compile(r"[^\W_]+|[@,;&+/|\n•·]")
_POSSESSIVE: Final = re.compile(r"['’]s\b")  # noqa: RUF001 - as it is typed in running text
_SHORTEST_PLURAL: Final = 4
_SHORTEST_ING: Final = 6
_MOST_VARIANTS: Final = 8


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in the form in which they are compared, with `APART` where punctuation separates them.

    Any text will do; one without letters and digits has no words.
    """
    plain = _POSSESSIVE.sub("", unicodedata.normalize("NFKC", text).casefold())
    return tuple(_singular(found) if found == SIGN or found[0].isalnum() else APART for found in _WORD.findall(plain))


def spellings_of(words: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The words of a name as they are, and with verbs in `-ing` as one asks how to do it: `sorting`, `sort`.

    Only names are spelt anew, not topics: whoever asks for `settings` doesn't mean sets.
    """
    spellings = product(*((word, *_plain_verbs(word)) for word in words))
    return tuple(spelling for spelling, _ in zip(spellings, range(_MOST_VARIANTS), strict=False))


def _singular(word: str) -> str:
    if len(word) < _SHORTEST_PLURAL or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > _SHORTEST_PLURAL:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "xes", "shes", "ches")):
        return word[:-2]
    return word[:-1]


def _plain_verbs(word: str) -> tuple[str, ...]:
    stem = word.removesuffix("ing")
    if stem == word or len(word) < _SHORTEST_ING or not re.search("[aeiouy]", stem):
        return ()
    if stem[-1] == stem[-2]:
        return (stem[:-1], stem)
    return (stem, f"{stem}e")


CONNECTIVES: Final = frozenset(
    {APART, *words_of("a an the of in to with for as by on from at your and or vs versus plus then")}
)
"""Words that may be missing, or be others, between the words of a name."""
CONJUNCTIONS: Final = frozenset({APART, *words_of("and or vs versus plus then")})
"""What stands between two topics that are asked for together."""
SPANNED: Final = CONNECTIVES - CONJUNCTIONS - {"to"}
"""Words across which a name may be spread; across another, `lists and dictionaries`, there are two topics."""
FILLERS: Final = CONNECTIVES | {
    SIGN,
    *words_of(
        "introduction intro introductory basic fundamental essential overview beginner intermediate advanced about"
    ),
    *words_of(
        "how what why when do does is are i we my can please learn learning study understand understanding use using"
    ),
    *words_of("tutorial lesson guide explained mastering"),
}
"""Words that say nothing about which topic it is."""
DOING: Final = frozenset(
    words_of(
        "create make write build define work working do need handle add "
        "language master course concept code coding programming"
    )
)
"""Next to the name of a pack these say nothing either: `write functions in Python`, but `language classes`."""
UNITS: Final = frozenset(words_of("minute hour day week month"))
"""What a lesson is to take: with a number before it, it says nothing about the topic either."""
FILLER_PHRASES: Final = tuple(
    map(
        words_of,
        (
            *("teach me", "show me", "help me", "help me with", "can you", "could you", "be able to"),
            *("i want to", "i want to know", "i would like to", "difference between"),
            *("getting started", "from scratch", "deep dive", "crash course"),
            *("for kids", "for children", "for dummies"),
        ),
    )
)
"""The same, of several words."""
