"""What a Markdown parser that is not ours finds in a text."""

from dataclasses import dataclass, field
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

_parser: Final = MarkdownIt("commonmark")


@dataclass
class Parsed:
    """What matters of a text.

    Attributes:
        blocks: contents of code blocks with their info strings, in order.
        pieces: contents of inline code, in order.
        html: every piece of HTML.
        targets: of links and images.
        levels: of headings.
    """

    blocks: list[tuple[str, str]] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    targets: set[str] = field(default_factory=set)
    levels: list[int] = field(default_factory=list)


def parse(text: str) -> Parsed:
    found = Parsed()
    _collect(_parser.parse(text), found)
    return found


def _collect(tokens: list[Token], found: Parsed) -> None:
    for token in tokens:
        if token.type in {"fence", "code_block"}:
            found.blocks.append((token.info, token.content))
        elif token.type == "code_inline":
            found.pieces.append(token.content)
        elif token.type in {"html_block", "html_inline"}:
            found.html.append(token.content)
        elif token.type == "link_open":
            found.targets.add(str(token.attrs["href"]))
        elif token.type == "image":
            found.targets.add(str(token.attrs["src"]))
        elif token.type == "heading_open":
            found.levels.append(int(token.tag[1:]))
        _collect(token.children or [], found)
