"""Finds what a topic names in the teaching material: surely, or nearly."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeVar

from curriculum.material import Concept, Curriculum, Module, Pack
from curriculum.near_misses import near_misses
from curriculum.search_index import ARTICLES, Entry, Index, Strength, Words, extend, index_of
from curriculum.topic_words import APART, CONJUNCTIONS, CONNECTIVES, DOING, FILLER_PHRASES, FILLERS, UNITS, words_of

T = TypeVar("T")

_GAPS: Final = 3  # words to look through for each word of a name: a name has few connectives


@dataclass(frozen=True, slots=True)
class Finding:
    """What a topic names; nothing at all where the material has nothing on it.

    Attributes:
        concepts: named with certainty, in the order in which the topic names them.
        packs: named with certainty, and none of their concepts or modules with them.
        modules: named with certainty, by words that name no concept.
        suggestions: where nothing is certain, up to five titles that were perhaps meant, best first.
    """

    concepts: tuple[Concept, ...] = ()
    packs: tuple[Pack, ...] = ()
    modules: tuple[Module, ...] = ()
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Hit:
    """A name in a topic: which words, and what they name."""

    start: int
    stop: int
    size: int
    entries: tuple[Entry, ...]

    @property
    def names_pack(self) -> bool:
        return any(entry.strength is Strength.PACK for entry in self.entries)


@dataclass(frozen=True, slots=True)
class _Cover:
    """Names that account for all that counts in the rest of a topic; of two covers the greater `rank` is better."""

    rank: tuple[int, int]
    hits: tuple[_Hit, ...]


def find(topic: str, curriculum: Curriculum) -> Finding:
    """Find what a topic names.

    Something is certain only if every word of the topic is accounted for: by the title or an alias of a concept, a
    module or a pack, or as a word that says nothing about the topic, such as `introduction to`. Several topics may be
    joined (`loops and functions`). Two names that stand side by side, as in `property file`, are certain only if the
    pack is named too, or one of them has several words: of common words other topics are made as well.

    Args:
        topic: any text in any language. The same topic always finds the same.
        curriculum: where to look. A first call with it takes longer than later ones.
    """
    certain = find_certain(topic, curriculum)
    return Finding(suggestions=near_misses(words_of(topic), index_of(curriculum))) if certain is None else certain


def find_certain(topic: str, curriculum: Curriculum) -> Finding | None:
    """What a topic names with certainty, as `find` has it; `None` where that is nothing."""
    words = words_of(topic)
    hits = _named(words, index_of(curriculum))
    return None if hits is None else _certain(words, hits)


def _named(words: Words, index: Index) -> tuple[_Hit, ...] | None:
    """The names that a topic consists of; `None` where words are left, or it has none."""
    whole = index.exact.get(tuple(word for word in words if word not in ARTICLES))
    if whole:
        return (_Hit(0, len(words), len(words), tuple(whole)),)
    empty = FILLERS | DOING if any(set(title) <= set(words) for title in index.titles) else FILLERS
    covers: list[_Cover | None] = [None] * len(words) + [_Cover((0, 0), ())]
    for start in reversed(range(len(words))):
        ways = [covers[stop] for stop in _skips(words, start, empty, index)]
        for hit in _hits(words, start, index):
            rest = covers[hit.stop]
            if rest is not None:
                covered, names = rest.rank
                ways.append(_Cover((covered + hit.size, names - 1), (hit, *rest.hits)))
        covers[start] = max((way for way in ways if way is not None), key=lambda way: way.rank, default=None)
    return None if covers[0] is None or not covers[0].hits else covers[0].hits


def _skips(words: Words, start: int, empty: frozenset[str], index: Index) -> Iterator[int]:
    """Where to go on behind words that say nothing about the topic."""
    word = words[start]
    if word in empty:
        yield start + 1
    elif word.isdecimal():
        # A version, such as 3.12: it counts for nothing only behind the name of its pack.
        before = start
        while before and words[before].isdecimal():
            before -= 1
        if any(words[before] == title[-1] for title in index.titles):
            yield start + 1
        if words[start + 1 : start + 2] and words[start + 1] in UNITS:
            yield start + 2
    for phrase in FILLER_PHRASES:
        if words[start : start + len(phrase)] == phrase:
            yield start + len(phrase)


def _hits(words: Words, start: int, index: Index) -> Iterator[_Hit]:
    """The names that begin with a word."""
    if words[start] not in ARTICLES:
        yield from _spread(words, start, index, index.exact, _exactly)
    if words[start] not in CONNECTIVES:
        yield from _spread(words, start, index, index.loose, extend)
    yield from _joined(words, start, index)


def _spread(
    words: Words,
    start: int,
    index: Index,
    names: Mapping[Words, Sequence[Entry]],
    add: Callable[[list[str], str], None],
) -> Iterator[_Hit]:
    """Names that begin with a word and go on with what `add` keeps of the next ones."""
    said: list[str] = []
    for stop in range(start, min(len(words), start + _GAPS * index.longest)):
        before = len(said)
        add(said, words[stop])
        if len(said) > index.longest:
            break
        entries = names.get(tuple(said)) if len(said) > before else None
        # A name of fillers alone, such as "learning to learn", is one only where it is the whole topic.
        if entries and not FILLERS.issuperset(said):
            yield _Hit(start, stop + 1, sum(word != APART for word in said), tuple(entries))


def _exactly(said: list[str], word: str) -> None:
    if word not in ARTICLES:
        said.append(word)


def _joined(words: Words, start: int, index: Index) -> Iterator[_Hit]:
    """Two names that share their last word, such as `for and while loops`; not where the first is a name by itself."""
    match words[start : start + 4]:
        case (first, conjunction, second, head) if conjunction in CONJUNCTIONS and (first,) not in index.exact:
            entries = [index.exact.get((word, head), ()) for word in (first, second)]
            if all(entries):
                yield _Hit(start, start + 4, 3, tuple(entry for both in entries for entry in both))
        case _:
            pass


def _certain(words: Words, hits: Sequence[_Hit]) -> Finding | None:
    """What the names name, where that is certain."""
    packs = _once(entry.pack for hit in hits for entry in hit.entries if hit.names_pack)
    named = [hit for hit in hits if not hit.names_pack]
    if not named:
        return Finding(packs=packs)
    if not packs and not _apart(words, named):
        return None
    chosen: list[Entry] = []
    for hit in named:
        entries = [entry for entry in hit.entries if (entry.pack in packs if packs else entry.strength > Strength.PART)]
        if not entries:
            return None
        strongest = max(entry.strength for entry in entries)
        chosen += [entry for entry in entries if entry.strength is strongest]
    return Finding(
        concepts=_once(entry.target for entry in chosen if isinstance(entry.target, Concept)),
        modules=_once(entry.target for entry in chosen if isinstance(entry.target, Module)),
    )


def _apart(words: Words, hits: Sequence[_Hit]) -> bool:
    """Whether several names are several topics, and not words of another one."""
    if len(hits) == 1 or any(hit.size > 1 for hit in hits):
        return True
    return all(
        any(word in CONJUNCTIONS for word in words[before.stop : after.start]) for before, after in pairwise(hits)
    )


def _once(found: Iterable[T]) -> tuple[T, ...]:
    """Each of them once; what is equal is the same here, and much faster to compare so."""
    return tuple({id(one): one for one in found}.values())
