"""How texts of others get into the sentences and the Markdown of a lesson."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

_EFFECTIVE: Final = re.compile(r"[\\`*_\[\]<>&~]")  # characters with a meaning within a line
LONGEST_PLAIN_TOPIC: Final = 60
_SEVERAL: Final = 2
_PUNCTUATION: Final = (".", "!", "?", ":", ";", ",")


def in_one_line(text: str) -> str:
    """The text with control characters turned to spaces, and every run of white space to one space.

    A line break inside an objective would end its list item, and what follows could pass for a heading of the lesson.
    """
    return " ".join("".join(" " if unicodedata.category(char) == "Cc" else char for char in text).split())


def literal(text: str) -> str:
    """The text in one line, as Markdown that shows it character by character.

    What a learner typed is no Markdown: a topic such as `![x](http://...)` must load nothing, and `__init__` keeps its
    underscores. Only within a line: what would make a block at the beginning of one is not escaped.
    """
    return _EFFECTIVE.sub(r"\\\g<0>", in_one_line(text))


def in_a_sentence(topic: str) -> str:
    """The topic as a sentence can hold it: long ones, and those with a full stop of their own, go into quotes."""
    line = in_one_line(topic)
    return line if len(line) <= LONGEST_PLAIN_TOPIC and not line.endswith(_PUNCTUATION) else f'"{line}"'


def shortened(text: str, length: int) -> str:
    """The text in one line; of a longer one its first `length` characters, up to a whole word, and three dots."""
    line = in_one_line(text)
    if len(line) <= length:
        return line
    beginning = line[:length]
    return f"{beginning.rpartition(' ')[0] or beginning}..."


def with_subtitle(title: str, subtitle: str) -> str:
    """A title in one line, capitalised, and what sort of lesson it heads."""
    line = capitalised(in_one_line(title))
    return f"{line} ({subtitle})" if line.endswith(_PUNCTUATION) else f"{line}: {subtitle}"


def capitalised(title: str) -> str:
    """The title with a capital first letter, where its first word is a usual one in small letters."""
    first_word = title.split(maxsplit=1)[0]
    # Names like iPhone, pH or std::move start small on purpose.
    if not (first_word.isalpha() and first_word.islower()):
        return title
    # Title case, not upper case: Georgian would come out in capitals; and one letter must stay one letter.
    initial = title[0].title()
    return initial + title[1:] if len(initial) == 1 else title


def bullets(lines: Iterable[str]) -> str:
    """A Markdown list."""
    return "\n".join(f"- {line}" for line in lines)


def indented(text: str) -> str:
    """Markdown to go on with behind the bullet of a list item: all lines but the first are indented."""
    return "\n".join(f"  {line}" if line else "" for line in text.strip().split("\n")).lstrip()


def amount(count: int, unit: str) -> str:
    """A number with its unit, such as `1 minute` or `5 minutes`."""
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def listed(names: Sequence[str], *, last: str = "and") -> str:
    """Names in a row, as a sentence has them: `A, B and C`; with a comma more where a name has an "and" of its own."""
    if len(names) < _SEVERAL:
        return "".join(names)
    comma = "," if any(f" {last} " in name for name in names) else ""
    return f"{', '.join(names[:-1])}{comma} {last} {names[-1]}"
