"""The names in a curriculum, arranged so that a topic can be looked up in them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

from typing_extensions import override

from curriculum.material import Concept, Curriculum, Module, Pack
from curriculum.topic_words import APART, CONJUNCTIONS, CONNECTIVES, FILLERS, SPANNED, spellings_of, words_of

Words = tuple[str, ...]

ARTICLES: Final = frozenset(("a", "an", "the"))
"""What is left out of account even in names that consist of little words, such as `and or not`."""

_SEPARATOR: Final = frozenset((APART,))
_FEWEST_WORDS: Final = 2  # "for loops" without its connective would be another topic
_FEWEST_SHARING: Final = 2
_KEPT: Final = 4


class Strength(IntEnum):
    """How surely somebody who says a name means what it names; of several only the strongest counts."""

    PART = 1
    """Half of a title that joins two with `and`, or a name without its pack's: it counts next to the pack's alone."""
    SHARED = 2
    """The last word of several titles, such as `loops`: it means all of them."""
    MODULE = 3
    CONCEPT = 4
    PACK = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that a name names."""

    strength: Strength
    pack: Pack
    target: Concept | Module | Pack


@dataclass(frozen=True, slots=True)
class Name:
    """A name in words, without its pack's title, fillers and articles where other words are left."""

    words: Words
    entry: Entry


@dataclass(frozen=True, slots=True)
class Index:
    """The names of a curriculum.

    Attributes:
        exact: what is named by words in this order; articles are left out.
        loose: what is named by words in this order, as `joined` has them.
        names: all names, in the usual order.
        vocabulary: their words.
        titles: of the packs, each in the words that count; a pack whose title has none is left out.
        longest: the number of words in the longest name.
    """

    exact: Mapping[Words, Sequence[Entry]]
    loose: Mapping[Words, Sequence[Entry]]
    names: Sequence[Name]
    vocabulary: Sequence[str]
    titles: Sequence[Words]
    longest: int


class _Same:
    """A curriculum as a key: one is the same as another only if it is that one."""

    def __init__(self, curriculum: Curriculum) -> None:
        self.curriculum = curriculum

    @override
    def __hash__(self) -> int:
        return id(self.curriculum)

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.curriculum is self.curriculum


def index_of(curriculum: Curriculum) -> Index:
    """The index of a curriculum; made once for each of the last few."""
    return _made(_Same(curriculum))


@lru_cache(maxsize=_KEPT)
def _made(same: _Same) -> Index:
    exact: dict[Words, list[Entry]] = defaultdict(list)
    loose: dict[Words, list[Entry]] = defaultdict(list)
    names: list[Name] = []
    for pack in same.curriculum.packs:
        title = words_of(pack.title)
        for text, entry in _texts(pack):
            words = _without(words_of(text), ARTICLES)
            for spelling in spellings_of(words):
                _enter(exact, spelling, entry)
                _enter(exact, _without(spelling, _SEPARATOR), entry)
                bare = _without(spelling, CONNECTIVES)
                if len(bare) >= _FEWEST_WORDS:
                    _enter(loose, joined(spelling), entry)
                    _enter(loose, bare, entry)
            apart = words if entry.strength is Strength.PACK else _apart_from(words, title)
            if apart and apart != words:
                # Of "records in python" just "records" is too little; but "python records" says as much.
                for spelling in spellings_of(apart):
                    _enter(exact, spelling, Entry(Strength.PART, pack, entry.target))
            names.append(Name(_without(apart or words, FILLERS) or words, entry))
        for word, sharing in _shared_heads(pack).items():
            for concept in sharing:
                _enter(exact, (word,), Entry(Strength.SHARED, pack, concept))
    return Index(
        exact=exact,
        loose=loose,
        names=names,
        vocabulary=sorted({word for name in names for spelling in spellings_of(name.words) for word in spelling}),
        titles=[title for pack in same.curriculum.packs if (title := _without(words_of(pack.title), FILLERS))],
        longest=max(map(len, (*exact, *loose)), default=0),
    )


def joined(words: Words) -> Words:
    """Words without what a name may be spread across; one `APART` stands for what joins two topics, however it is said.

    So `try/except` is the name `try and except`, but `lists and dictionaries` is not `lists of dictionaries`.
    """
    said: list[str] = []
    for word in words:
        extend(said, word)
    return tuple(said)


def extend(said: list[str], word: str) -> None:
    """Add the next word of a topic or a name to those that `joined` has of it."""
    if word in CONJUNCTIONS:
        if said and said[-1] != APART:
            said.append(APART)
    elif word not in SPANNED:
        said.append(word)


def _texts(pack: Pack) -> Iterator[tuple[str, Entry]]:
    for name in (pack.title, *pack.aliases):
        yield name, Entry(Strength.PACK, pack, pack)
    for module in pack.modules:
        yield module.title, Entry(Strength.MODULE, pack, module)
        for concept in module.concepts:
            for name in (concept.title, *concept.aliases):
                yield name, Entry(Strength.CONCEPT, pack, concept)
                if "-" in name:
                    yield name.replace("-", ""), Entry(Strength.CONCEPT, pack, concept)
            halves = concept.title.split(" and ")
            if len(halves) > 1:
                for half in halves:
                    yield half, Entry(Strength.PART, pack, concept)


def _shared_heads(pack: Pack) -> dict[str, list[Concept]]:
    heads: dict[str, list[Concept]] = defaultdict(list)
    for concept in pack.concepts:
        words = words_of(concept.title)
        if len(words) > 1:
            heads[words[-1]].append(concept)
    return {word: sharing for word, sharing in heads.items() if len(sharing) >= _FEWEST_SHARING}


def _enter(names: dict[Words, list[Entry]], words: Words, entry: Entry) -> None:
    if words and entry not in names[words]:
        names[words].append(entry)


def _without(words: Words, unwanted: frozenset[str]) -> Words:
    return tuple(word for word in words if word not in unwanted)


def _apart_from(words: Words, title: Words) -> Words:
    """A name without its pack's title before it, or behind it after a connective."""
    size = len(title)
    if words[:size] == title:
        return words[size:]
    if words[-size:] == title:
        words = words[:-size]
        while words and words[-1] in CONNECTIVES:
            words = words[:-1]
    return words
