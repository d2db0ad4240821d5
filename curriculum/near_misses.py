"""Titles that a topic perhaps means: each word that counts is nearly a word of the material."""

from collections.abc import Mapping
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from curriculum.search_index import Index, Name, Words
from curriculum.topic_words import CONJUNCTIONS, DOING, FILLERS, spellings_of, words_of

MOST: Final = 5
"""How many titles are offered."""

_MOST_WORDS: Final = 12
_LONGEST: Final = 30
_LONG: Final = 8  # letters; shorter words are spelt like too many others
_MIDDLING: Final = 5
_LEAST: Final = 0.55  # common to a name and a topic: a slip in one of the two words of a name will do


def near_misses(words: Words, index: Index) -> tuple[str, ...]:
    """Titles that were perhaps meant, best first; none where a word of the topic is far from all of the material.

    Of a topic that names a pack, only what is in that pack may be meant.

    Args:
        words: of the topic.
        index: of the curriculum.
    """
    named = {word for title in index.titles if set(title) <= set(words) for word in title}
    empty = FILLERS | named | DOING if named else FILLERS
    topics = [tuple(word for word in topic if word not in empty) for topic in _apart(words)]
    wanted = tuple(word for topic in topics for word in topic)
    if not wanted or len(wanted) > _MOST_WORDS:
        return ()
    near: dict[str, Mapping[str, float]] = {}
    for word in wanted:
        near[word] = _near(word, index, named=bool(named))
        if not near[word]:
            return ()
    packs = {
        pack.id
        for pack in {name.entry.pack.id: name.entry.pack for name in index.names}.values()
        if set(words_of(pack.title)) <= set(words)
    }
    best: dict[str, float] = {}
    for name in index.names:
        if named and name.entry.pack.id not in packs:
            continue
        score = max(_score(near, topic, name) for topic in (wanted, *topics))
        title = name.entry.target.title
        if score >= _LEAST and score > best.get(title, 0):
            best[title] = score
    # Among equals the usual order decides: sorting keeps it.
    return tuple(sorted(best, key=lambda title: -best[title]))[:MOST]


def _apart(words: Words) -> list[Words]:
    """The topics that stand between conjunctions."""
    topics: list[list[str]] = [[]]
    for word in words:
        if word in CONJUNCTIONS:
            topics.append([])
        else:
            topics[-1].append(word)
    return [tuple(topic) for topic in topics]


def _near(word: str, index: Index, *, named: bool) -> Mapping[str, float]:
    """Words of the material that a word may be, each with how near it is, up to 1.

    Args:
        word: of the topic.
        index: of the curriculum.
        named: the topic names a pack, so that a slip is more probable than another subject.
    """
    if len(word) > _LONGEST:
        return {}
    slips = 2 if len(word) >= _LONG else 1
    found = process.extract(word, index.vocabulary, scorer=OSA.distance, score_cutoff=slips, limit=None)
    return {
        known: 1 - distance / max(len(word), len(known))
        for known, distance, _ in found
        if distance == 0 or _may_be_slip(word, known, named=named)
    }


def _may_be_slip(word: str, known: str, *, named: bool) -> bool:
    if sorted(word) == sorted(known):
        return True  # letters that changed places make no other word, or rarely
    shorter = min(len(word), len(known))
    if shorter >= _LONG:
        return word[0] == known[0]
    if named:
        return shorter >= _MIDDLING
    # "glass" is not "class", and "seat" not "set": in short words another letter mostly makes another word.
    return shorter >= _MIDDLING and len(word) != len(known)


def _score(near: Mapping[str, Mapping[str, float]], wanted: Words, name: Name) -> float:
    """How much of a topic and a name is common to both, 0 to 1."""
    best = 0.0
    for spelling in spellings_of(name.words):
        common = sum(max((near[word].get(known, 0) for known in spelling), default=0) for word in wanted)
        best = max(best, 2 * common / (len(wanted) + len(spelling)))
    return best
