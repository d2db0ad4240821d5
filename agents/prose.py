"""Whether a text may take the place of another: the same code, facts and structure in other words. Pure.

Everything that can be compared is compared. What can't be is the meaning of a sentence: a text that passes may still be
a poor one, so it is only ever shown to the learner it was written for.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from curriculum.prose import literal

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
    """A piece is missing or new, or they come up in another order."""
    NUMBERS = "numbers"
    OBJECTIVES = "objectives"
    """An objective is not there word for word."""
    HTML = "html"
    """Anything that looks like it, were it there before or not."""
    LINKS = "links"
    """A link, an address or an image that was not there; or others among the brackets, where these make links."""
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
            be code, or are set in columns; these with the line break before them where an empty line is above.
        prose: the lines outside of these.
        pieces: of code within the prose, in their order.
        plain: the prose without these pieces.
        clear: whether code and prose can be told apart for sure.
    """

    blocks: tuple[str, ...]
    prose: str
    pieces: tuple[str, ...]
    plain: str
    clear: bool


# A stranger who writes the text must not be able to make a search slow: each of these takes a time that grows as the
# text does. So nothing is repeated without a bound from where it can fail after all, once for every place to begin at.
# Only at the beginning of a line: an indented one may belong to an item of a list, and end with that.
_OPENING: Final = re.compile(r"(`{3,})[^`]*|(~{3,}).*")
_CLOSING: Final = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*")
_ANY_FENCE: Final = re.compile(r"`{3,}|~{3,}")
_BACKTICKS: Final = re.compile(r"`+")
_BACKTICKS_OR_ESCAPE: Final = re.compile(r"\\[\\`]|`+")
_NUMBER: Final = re.compile(r"\d+(?:[.,:/]\d+)*")
_ESCAPE: Final = r"\\[!-/:-@\[-`{-~]"
_TAG: Final = re.compile(rf"{_ESCAPE}|(<[A-Za-z/!?][^<>]*>?|&#?\w+;)")
_BRACKET: Final = re.compile(
    rf"""{_ESCAPE}
    | (!?\[ | \](?:
        \(\s*(?:<[^<>\n]*>|\S*\)|\S*)  # [text](target)
        | \[\S*                        # [text][name]
        | :\s*\S*                      # [name]: target
      )?)
    """,
    re.VERBOSE,
)
_MAKES_LINKS: Final = 1
"""The length of a bracket that makes no link."""
_NAME: Final = re.compile(r"[\w.+-]+")
_MARKS: Final = str.maketrans("", "", "\\*_")
_AFTER_AN_ADDRESS: Final = ".,:;!?\"')]"
_SCHEMES: Final = frozenset({"mailto", "javascript", "vbscript", "data", "file", "tel", "sms"})
_SUFFIXES: Final = frozenset(
    {
        *("com", "net", "org", "info", "biz", "edu", "gov", "io", "dev", "app", "ai", "xyz", "shop", "site", "online"),
        *("co", "me", "ru", "cn", "de", "uk"),
    }
)
_SUFFIX: Final = re.compile(r"[^\W\d]{2,63}|xn--[\w-]{1,59}")
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
    fence = above = ""
    for line in text.split("\n"):
        if fence:
            block.append(line)
            closing = _CLOSING.fullmatch(line)
            if closing and closing[1].startswith(fence):
                blocks.append("\n".join(block))
                block, fence = [], ""
        elif opening := _OPENING.fullmatch(line):
            block, fence = [line], opening[1] or opening[2]
        elif _in_columns(line):
            # Below an empty line it is code, below another it goes on with a paragraph.
            blocks.append(line if above.strip() else f"\n{line}")
        else:
            prose.append(line)
        above = line
    outside = "\n".join(prose)
    lines = [_without_code(line) for line in prose]
    pieces = tuple(piece for line in lines for piece in line.pieces)
    # A backtick whose other half is on another line may begin code or not.
    clear = not fence and not _ANY_FENCE.search(outside) and all(line.clear for line in lines)
    return Markdown(tuple(blocks), outside, pieces, "\n".join(line.plain for line in lines), clear)


def fault_of(original: str, written: str, objectives: Sequence[str] = ()) -> Fault | None:
    """What keeps a text from taking the place of the original; `None` for nothing.

    Nothing may take the place of a text whose code can't be told from its prose, such as a fence in a quote.

    Args:
        original: Markdown.
        written: by a stranger.
        objectives: plain texts that, where they are in the original as they are or escaped for Markdown, are to stay
            so word for word, as often as they are there.
    """
    return next(faults_of(original, written, objectives), None)


def faults_of(original: str, written: str, objectives: Sequence[str] = ()) -> Iterator[Fault]:
    """All that keeps a text from taking the place of the original, looked for one by one; see `fault_of`."""
    if written == original:
        yield Fault.UNCHANGED
    elif len(written) > LONGEST * len(original) + SLACK:
        yield Fault.LENGTH  # before anything that takes its time
    else:
        pair = _Pair(take_apart(original), take_apart(written), tuple(objectives))
        yield from (fault for fault, is_there in _CHECKS if is_there(pair))


def intrusion_of(text: str) -> Fault | None:
    """What a short plain text must not hold wherever it comes from: see `Fault`; `None` if it holds none of that."""
    pair = _Pair(take_apart(""), take_apart(text), ())
    return next((fault for fault, is_there in _CHECKS if fault in _INTRUSIONS and is_there(pair)), None)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of prose.

    Attributes:
        pieces: of code within it.
        plain: it without these.
        clear: whether every backtick belongs to one of them, or is escaped.
    """

    pieces: tuple[str, ...]
    plain: str
    clear: bool


def _in_columns(line: str) -> bool:
    """Whether a tab or four spaces come before a word."""
    words = line.rstrip()
    return "\t" in words or "    " in words


def _without_code(line: str) -> _Line:
    # The places of all runs of backticks by their length, the last first: what is behind us is taken off once.
    ends: dict[int, list[int]] = {}
    for run in reversed(list(_BACKTICKS.finditer(line))):
        ends.setdefault(len(run[0]), []).append(run.start())
    pieces: list[str] = []
    plain: list[str] = []
    done = place = 0
    clear = True
    while found := _BACKTICKS_OR_ESCAPE.search(line, place):
        place = found.end()
        if found[0].startswith("\\"):
            continue
        length = len(found[0])
        further = ends.get(length, [])
        while further and further[-1] < place:
            further.pop()
        if not further:
            clear = False
            continue
        pieces.append(line[place : further[-1]])
        plain += (line[done : found.start()], " ")
        done = place = further[-1] + length
    plain.append(line[done:])
    return _Line(tuple(pieces), "".join(plain), clear)


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
    forms = {form for text in pair.objectives for form in (_in_one_line(text), _in_one_line(literal(text))) if form}
    return any(before.count(form) != after.count(form) for form in forms)


def _inline_code_differs(pair: _Pair) -> bool:
    # What was named before may be named once more.
    return list(dict.fromkeys(pair.before.pieces)) != list(dict.fromkeys(pair.after.pieces))


def _has_html(pair: _Pair) -> bool:
    return any(found[1] for text in (pair.before, pair.after) for found in _TAG.finditer(text.plain))


def _has_new_links(pair: _Pair) -> bool:
    before, after = _brackets(pair.before.plain), _brackets(pair.after.plain)
    makes_links = any(len(one) > _MAKES_LINKS and one.startswith("]") for one in after)
    # Which bracket belongs to which is a parser's business: they are the same, or none of them makes a link.
    return (makes_links and before != after) or bool(_addresses(pair.after.plain) - _addresses(pair.before.plain))


def _brackets(prose: str) -> list[str]:
    """Those that are not escaped, with the target that follows at once."""
    return [_in_one_line(found[1]) for found in _BRACKET.finditer(prose) if found[1]]


def _addresses(prose: str) -> Counter[str]:
    """What might be addresses: as they are written, and as a reader sees them, without emphasis and escapes within."""
    found: Counter[str] = Counter()
    for word in (*prose.split(), *prose.translate(_MARKS).split()):
        for name in _NAME.finditer(word):
            if _is_address(name[0].casefold(), word[name.end() : name.end() + 3]):
                found[word[name.start() :].rstrip(_AFTER_AN_ADDRESS).casefold()] += 1
                break
    return found


def _is_address(name: str, following: str) -> bool:
    """Whether a name begins an address: by what follows, or by its own end."""
    if following == "://" or "www." in name:
        return True
    *labels, last = name.rstrip(".").split(".")
    if following.startswith(":") and len(following) > 1 and re.split(r"[+-]", last)[-1] in _SCHEMES:
        return True
    if following.startswith("@") and len(following) > 1:
        return True
    goes_on = following.startswith("/") or (following[:1] in {":", "?"} and following[1:2].isalnum())
    if goes_on and any(labels[-1:]) and _SUFFIX.fullmatch(last):
        return True
    return any(re.split(r"[+-]", label, maxsplit=1)[0] in _SUFFIXES for label in (*labels, last)[1:])


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
        elif above and (_UNDERLINE.fullmatch(bare) or _UNDERLINE.fullmatch(line.lstrip("> \t"))):
            # A dash by itself is an underline below a paragraph, and an item of a list elsewhere.
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
    (Fault.INLINE_CODE, _inline_code_differs),
    (Fault.NUMBERS, lambda pair: _numbers(pair.after.plain) != _numbers(pair.before.plain)),
    (Fault.HTML, _has_html),
    (Fault.LINKS, _has_new_links),
    (Fault.HEADINGS, _headings_differ),
    (Fault.REFUSAL, _more_of(_REFUSAL)),
    (Fault.SUBJECT, _other_subject),
    (Fault.OBJECTIVES, _objectives_differ),
)
_INTRUSIONS: Final = frozenset(
    {Fault.CHARACTERS, Fault.CODE, Fault.INLINE_CODE, Fault.HTML, Fault.LINKS, Fault.HEADINGS, Fault.REFUSAL}
)
