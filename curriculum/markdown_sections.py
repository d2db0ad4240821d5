"""A Markdown text in sections: what its headings are, where blocks begin and end, and what can't be shown safely."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from curriculum.fault_list import FaultList, nearest

_BLOCKS: Final = MarkdownIt("commonmark").disable("inline")
_INLINE: Final = MarkdownIt("commonmark")

SECTION: Final = 2
"""The level of a heading that begins a section."""
PART: Final = 3
"""The level of a heading that begins a part of a section."""

_LANGUAGES: Final = ("python", "output", "pycon", "text")
_LONGEST_HEADING: Final = 100


@dataclass(frozen=True, slots=True)
class Block:
    """A block at the margin: a paragraph, a list, a fence.

    Attributes:
        kind: as markdown-it names its token, without `_open`.
        start: the index of its first line in the file.
        stop: the index after its last line.
        tokens: all of it.
    """

    kind: str
    start: int
    stop: int
    tokens: tuple[Token, ...]

    @property
    def language(self) -> str:
        """Of a fence, the word behind it; empty for anything else."""
        return self.tokens[0].info.strip() if self.kind == "fence" else ""


@dataclass(frozen=True, slots=True)
class Part:
    """A heading with what is under it, up to the next heading.

    Attributes:
        title: the heading's text; empty for what stands above all headings.
        depth: 2 for a section, 3 for a part of one.
        line: of the heading, from 1.
        start: the index of the first line under it.
        stop: the index after the last.
        blocks: under it.
    """

    title: str
    depth: int
    line: int
    start: int
    stop: int
    blocks: tuple[Block, ...]

    def code(self, language: str) -> list[Block]:
        """The blocks of code that are marked as this language."""
        return [block for block in self.blocks if block.language == language]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of the second level, with the parts that it has."""

    head: Part
    parts: tuple[Part, ...] = field(default=())


def read_sections(lines: Sequence[str], first: int, faults: FaultList) -> list[Section]:
    """Split Markdown at its headings; notes a fault for whatever has no place in a section.

    Args:
        lines: of the file.
        first: the index of the first line that is Markdown.
        faults: where to note them.
    """
    environment: dict[str, dict[str, dict[str, list[int]]]] = {}
    tokens = _BLOCKS.parse("\n".join(lines[first:]), environment)
    for reference in environment.get("references", {}).values():
        # A lesson shows sections one by one: what another section defines is not there.
        faults.add(first + reference["map"][0] + 1, "a link is defined apart from its use", "[text](address) in place")
    _check_tokens(tokens, lines, first, faults)
    sections: list[Section] = []
    for part in _parts(_blocks(tokens, first), lines, first):
        if part.depth == PART and sections:
            sections[-1] = Section(sections[-1].head, (*sections[-1].parts, part))
        elif part.depth == SECTION:
            sections.append(Section(part))
        elif part.blocks or part.title:
            what = f"the heading {part.title!r}" if part.title else "text above the first heading"
            faults.add(part.line, f"{what} has no place here", "sections that begin with ##")
    return sections


def text_of(lines: Sequence[str], start: int, stop: int) -> str:
    """Lines of a file as one text, without the blank lines around it."""
    kept = list(lines[start:stop])
    while kept and not kept[0].strip():
        del kept[0]
    return "\n".join(kept).rstrip()


def code_of(block: Block) -> str:
    """What is in a fence, without the line break at its end."""
    return block.tokens[0].content.removesuffix("\n")


def has_html(text: str) -> bool:
    """Whether HTML stands among Markdown; `<` in code or in a sentence is none."""
    if "<" not in text:
        return False
    return any(
        child.type in ("html_block", "html_inline")
        for token in _INLINE.parse(text)
        for child in (token, *(token.children or ()))
    )


def _blocks(tokens: Sequence[Token], first: int) -> list[Block]:
    found: list[Block] = []
    begun = 0
    for at, token in enumerate(tokens):
        if token.level == 0 and token.nesting != -1:
            begun = at
        if token.level == 0 and token.nesting != 1:
            opening = tokens[begun]
            start, stop = opening.map or (0, 0)
            kind = opening.type.removesuffix("_open")
            found.append(Block(kind, first + start, first + stop, tuple(tokens[begun : at + 1])))
    return found


def _parts(blocks: Sequence[Block], lines: Sequence[str], first: int) -> list[Part]:
    heads = [at for at, block in enumerate(blocks) if block.kind == "heading"]
    starts = [*heads, len(blocks)]
    above = tuple(blocks[: starts[0]])
    end_above = blocks[starts[0]].start if heads else len(lines)
    begin = above[0].start if above else first
    found = [Part("", 0, begin + 1, begin, end_above, above)]
    for at, following in zip(heads, starts[1:], strict=True):
        head = blocks[at]
        stop = blocks[following].start if following < len(blocks) else len(lines)
        depth = int(head.tokens[0].tag[1:])
        found.append(
            Part(head.tokens[1].content, depth, head.start + 1, head.stop, stop, tuple(blocks[at + 1 : following]))
        )
    return found


def _check_tokens(tokens: Sequence[Token], lines: Sequence[str], first: int, faults: FaultList) -> None:
    for token in tokens:
        start, stop = token.map or (0, 0)
        line = first + start + 1
        if token.type == "html_block" or (token.type == "inline" and has_html(token.content)):
            faults.add(line, "HTML can't be shown", "Markdown; `<` in code is fine")
        elif token.type == "heading_open":
            _check_heading(token, line, faults)
        elif token.type == "fence":
            _check_fence(token, lines[first + stop - 1] if stop - start > 1 else "", line, faults)


def _check_heading(token: Token, line: int, faults: FaultList) -> None:
    if token.markup in ("-", "="):
        faults.add(line, "a line below a text makes a heading of it", "a blank line between, or a heading with ##")
    elif token.level:
        faults.add(line, "a heading stands in a list or a quote", "headings at the margin")


def _check_fence(token: Token, last: str, line: int, faults: FaultList) -> None:
    closing = last.strip().lstrip("> \t")
    if set(closing) != {token.markup[0]} or len(closing) < len(token.markup):
        faults.add(line, "a block of code is not closed", f"{token.markup} on a line of its own below it")
    language = token.info.strip()
    meant = nearest(language, _LANGUAGES) if language else None
    if language not in _LANGUAGES and meant:
        faults.add(line, f"a block of code is marked {language!r}", f"{meant}?")
    elif language and not re.fullmatch(r"[\w+#.-]+", language):
        faults.add(line, f"a block of code is marked {language!r}", "one word, such as python, output, pycon or text")
    elif token.level and language == "output":
        faults.add(line, "a block of output stands in a list or a quote", "output at the margin, below its program")
