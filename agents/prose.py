"""Whether a text may take the place of another: the same code, facts and structure in other words. Pure.

Everything that can be compared is compared. What can't be is the meaning of a sentence: a text that passes may still be
a poor one, so it is only ever shown to the learner it was written for.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SHORTEST: Final = 0.4
LONGEST: Final = 2.0
"""How long the prose may be, as a multiple of what it was."""
SLACK: Final = 80
"""Characters by which it may be shorter or longer in any case: of a short text a half is little."""
KEPT_WORDS: Final = 0.25
"""The share of a text's long words that is kept at least, by their beginnings: below, it is about something else."""
_LONG_WORD: Final = 6
_STEM: Final = 5
_FEW_WORDS: Final = 8


class Fault(StrEnum):
    """Why a text may not take the place of another."""

    UNCHANGED = "unchanged"
    CODE = "code"
    """A block of code is missing, new, changed or moved."""
    INLINE_CODE = "inline-code"
    NUMBERS = "numbers"
    OBJECTIVES = "objectives"
    """An objective is not there word for word."""
    HTML = "html"
    """Anything that looks like it, were it there before or not."""
    LINKS = "links"
    """A link, an address or an image that was not there."""
    LENGTH = "length"
    CHARACTERS = "characters"
    """Control characters, or others that nobody sees."""
    HEADINGS = "headings"
    REFUSAL = "refusal"
    """It speaks of its author, or declines."""
    SUBJECT = "subject"
    """Too few of the words are left."""


@dataclass(frozen=True, slots=True)
class Markdown:
    """A text, taken apart.

    Attributes:
        blocks: of code, word for word with their fences; also lines with a tab or four spaces before a word, which may
            be code, or are set in columns.
        prose: the lines outside of these.
        pieces: of code within the prose.
        plain: the prose without these pieces.
        clear: whether code and prose can be told apart for sure.
    """

    blocks: tuple[str, ...]
    prose: str
    pieces: frozenset[str]
    plain: str
    clear: bool


# Only at the beginning of a line: an indented one may belong to an item of a list, and end with that.
_OPENING: Final = re.compile(r"(`{3,})[^`]*|(~{3,}).*")
_CLOSING: Final = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*")
_ANY_FENCE: Final = re.compile(r"`{3,}|~{3,}")
_IN_COLUMNS: Final = re.compile(r".*(?: {4}|\t).*\S.*")
_INLINE: Final = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_NUMBER: Final = re.compile(r"\d+(?:[.,:/]\d+)*")
_TAG: Final = re.compile(r"<[A-Za-z/!?][^<>]*>?|&#?\w+;")
# Bounded repetitions: a stranger who writes the text must not be able to make the search slow.
_LINK: Final = re.compile(
    r"""!?\[[^\]]{0,300}\]\s{0,3}[(\[:][^)\]\s]*   # [text](target), [text][name], [name]: target
    | \b\w[\w+.-]{0,20}://\S*                       # https://...
    | \bwww\.\S+
    | \b(?:mailto|javascript|vbscript|data|file|tel|sms):\S*
    | [\w.+-]{1,64}@[\w-]{1,64}\.\w+
    | \b(?:[a-z0-9-]{1,63}\.){1,4}(?:com|net|org|io|dev|app|info|biz|co|ai|xyz|ru|cn|de|uk|edu|gov)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_CONTAINERS: Final = re.compile(r"(?:[>\s]|[-*+]\s|\d{1,9}[.)]\s)*")
_HEADING: Final = re.compile(r"(#{1,6})(?:\s|$)")
_UNDERLINE: Final = re.compile(r"(?:=+|-+)\s*")
_REFUSAL: Final = re.compile(
    r"""\bas\s+an?\s+(?:ai|a\.i\.|assistant|(?:large\s+)?language\s+model)\b
    | \blanguage\s+model\b | \bsystem\s+prompt\b | \b(?:previous|prior|above)\s+instructions\b
    | \bI(?:['\u2019]m|\s+am)\s+(?:sorry|unable|not\s+able|an\s+AI)\b
    | \bI\s+(?:can(?:not|['\u2019]t)|won['\u2019]t|must\s+(?:decline|refuse))\b
    | \bI\s+apologi[sz]e\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
_NUMERIC: Final = frozenset({"Nl", "No"})


def take_apart(text: str) -> Markdown:
    """Tell code from prose, as CommonMark 0.31 does, or say that it is not clear."""
    blocks: list[str] = []
    prose: list[str] = []
    block: list[str] = []
    fence = ""
    for line in text.split("\n"):
        if fence:
            block.append(line)
            closing = _CLOSING.fullmatch(line)
            if closing and closing[1].startswith(fence):
                blocks.append("\n".join(block))
                block, fence = [], ""
        elif opening := _OPENING.fullmatch(line):
            block, fence = [line], opening[1] or opening[2]
        elif _IN_COLUMNS.fullmatch(line):
            blocks.append(line)
        else:
            prose.append(line)
    outside = "\n".join(prose)
    pieces = frozenset(match[2] for line in prose for match in _INLINE.finditer(line))
    plain = "\n".join(_INLINE.sub(" ", line) for line in prose)
    # A backtick that is escaped, or whose other half is on another line, may begin code or not.
    clear = not fence and not _ANY_FENCE.search(outside) and "`" not in plain and "\\`" not in outside
    return Markdown(tuple(blocks), outside, pieces, plain, clear)


def fault_of(original: str, written: str, objectives: Sequence[str] = ()) -> Fault | None:
    """What keeps a text from taking the place of the original; `None` for nothing.

    Nothing may take the place of a text whose code can't be told from its prose, such as a fence in a quote.

    Args:
        original: Markdown.
        written: by a stranger.
        objectives: texts that, where they are in the original, are to stay word for word, as often as they are there.
    """
    if written == original:
        return Fault.UNCHANGED
    if len(written) > LONGEST * len(original) + SLACK:
        return Fault.LENGTH  # before anything that takes its time
    pair = _Pair(take_apart(original), take_apart(written), tuple(objectives))
    return next((fault for fault, is_there in _CHECKS if is_there(pair)), None)


def intrusion_of(text: str) -> Fault | None:
    """What a short plain text must not hold wherever it comes from: see `Fault`; `None` if it holds none of that."""
    pair = _Pair(take_apart(""), take_apart(text), ())
    return next((fault for fault, is_there in _CHECKS if fault in _INTRUSIONS and is_there(pair)), None)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two texts to compare."""

    before: Markdown
    after: Markdown
    objectives: tuple[str, ...]


def _code_differs(pair: _Pair) -> bool:
    return not (pair.before.clear and pair.after.clear) or pair.before.blocks != pair.after.blocks


def _length_differs(pair: _Pair) -> bool:
    old, new = len(pair.before.plain.strip()), len(pair.after.plain.strip())
    shortest, longest = min(SHORTEST * old, old - SLACK), max(LONGEST * old, old + SLACK)
    return not max(shortest, 1) <= new <= longest


def _objectives_differ(pair: _Pair) -> bool:
    before, after = _in_one_line(pair.before.prose), _in_one_line(pair.after.prose)
    wanted = [text for text in map(_in_one_line, pair.objectives) if text]
    return any(before.count(text) != after.count(text) for text in wanted)


def _more_of(pattern: re.Pattern[str]) -> Callable[[_Pair], bool]:
    """Whether there are more matches, or others, than there were."""
    return lambda pair: bool(_all(pattern, pair.after.plain) - _all(pattern, pair.before.plain))


def _odd_characters(prose: str) -> Counter[str]:
    return Counter(one for one in prose if one != "\n" and unicodedata.category(one) in _INVISIBLE)


def _numbers(prose: str) -> Counter[str]:
    found = Counter(_NUMBER.findall(prose))
    found.update(one for one in prose if unicodedata.category(one) in _NUMERIC)
    found["%"] = prose.count("%")
    return found


def _all(pattern: re.Pattern[str], prose: str) -> Counter[str]:
    return Counter(_in_one_line(match[0]).casefold() for match in pattern.finditer(prose))


def _headings_differ(pair: _Pair) -> bool:
    before, after = _headings(pair.before.plain), _headings(pair.after.plain)
    return bool(after) and not (before and min(before) <= min(after) and max(after) <= max(before))


def _headings(prose: str) -> list[int]:
    """The levels of all headings, also of those in quotes and lists, and of what might be one."""
    found: list[int] = []
    above = ""
    for line in prose.split("\n"):
        bare = line[_CONTAINERS.match(line).end() :]  # type: ignore[union-attr] # it matches everywhere
        if heading := _HEADING.match(bare):
            found.append(len(heading[1]))
        elif above and _UNDERLINE.fullmatch(bare):
            found.append(1 if "=" in bare else 2)
        above = bare.strip()
    return found


def _other_subject(pair: _Pair) -> bool:
    stems = _stems(pair.before.plain)
    return len(stems) >= _FEW_WORDS and len(stems & _stems(pair.after.plain)) < KEPT_WORDS * len(stems)


def _stems(prose: str) -> set[str]:
    return {word.casefold()[:_STEM] for word in _WORD.findall(prose) if len(word) >= _LONG_WORD}


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


_CHECKS: Final[Sequence[tuple[Fault, Callable[[_Pair], bool]]]] = (
    (Fault.LENGTH, _length_differs),
    (Fault.CHARACTERS, lambda pair: bool(_odd_characters(pair.after.prose) - _odd_characters(pair.before.prose))),
    (Fault.CODE, _code_differs),
    (Fault.INLINE_CODE, lambda pair: pair.before.pieces != pair.after.pieces),
    (Fault.NUMBERS, lambda pair: _numbers(pair.after.plain) != _numbers(pair.before.plain)),
    (Fault.HTML, lambda pair: bool(_TAG.search(pair.after.plain))),
    (Fault.LINKS, _more_of(_LINK)),
    (Fault.HEADINGS, _headings_differ),
    (Fault.REFUSAL, _more_of(_REFUSAL)),
    (Fault.SUBJECT, _other_subject),
    (Fault.OBJECTIVES, _objectives_differ),
)
_INTRUSIONS: Final = frozenset(
    {Fault.CHARACTERS, Fault.CODE, Fault.INLINE_CODE, Fault.HTML, Fault.LINKS, Fault.HEADINGS, Fault.REFUSAL}
)
