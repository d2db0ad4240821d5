"""Text with placeholders for columns, like `{module}-{assessment_id}` or `{presentation:.4}`.

The notation is that of `str.format`, of which only column names and the padding and cutting of text are taken:
nothing is looked up in the cells, so a template can't reach anything but the row.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Final, Self

# Fill and alignment, width, cut. Widths are bounded: a template must not ask for a gigabyte of spaces.
_SPEC: Final = re.compile(r"(?:.?[<>^])?\d{0,3}(?:\.\d{1,3})?s?", re.DOTALL | re.ASCII)


class TemplateError(ValueError):
    """The text is no template; the message says why."""


class EmptyCell(Exception):
    """A placeholder's column is empty in this row.

    Attributes:
        column: which one.
    """

    def __init__(self, column: str) -> None:
        super().__init__(f"column {column} is empty")
        self.column = column


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Where a cell goes.

    Attributes:
        column: which cell.
        spec: how it is padded and cut, as `str.format` writes it.
    """

    column: str
    spec: str


@dataclass(frozen=True, slots=True)
class Template:
    """Literal text and placeholders, in order."""

    parts: tuple[str | Placeholder, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a template.

        Raises:
            TemplateError: unbalanced braces, or a placeholder that is more than a column and how it is cut.
        """
        try:
            return cls(tuple(_parts(text)))
        except TemplateError:
            raise
        except ValueError as error:
            raise TemplateError(f"{text!r}: {_plainly(str(error))}") from None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are needed, each once, in order."""
        return tuple(dict.fromkeys(part.column for part in self.parts if isinstance(part, Placeholder)))

    def render(self, cells: Mapping[str, str]) -> str:
        """The text for a row; the outer space of cells does not count.

        Raises:
            EmptyCell: a placeholder has nothing to show.
        """
        return "".join(part if isinstance(part, str) else _show(part, cells) for part in self.parts)


def _parts(text: str) -> Iterator[str | Placeholder]:
    for literal, column, spec, conversion in Formatter().parse(text):
        if literal:
            yield literal
        if column is not None:
            yield _placeholder(column, spec or "", conversion)


def _plainly(complaint: str) -> str:
    """What `str.format` complains of, in the words of a template."""
    if "conversion" in complaint:
        return "conversions (!) are not taken"
    if "'}' encountered" in complaint:
        return "a } has no { before it; a column is named as {column}, and }} is the character itself"
    if "unexpected '{'" in complaint:
        return "a { within braces; is a } missing before it?"
    return "a { has no } behind it; a column is named as {column}, and {{ is the character itself"


def _placeholder(column: str, spec: str, conversion: str | None) -> Placeholder:
    if not column.strip():
        raise TemplateError("a placeholder names a column: {column}")
    if conversion:
        raise TemplateError(f"{{{column}!{conversion}}}: conversions are not taken")
    if any(mark in column for mark in ".[]"):
        raise TemplateError(f"{{{column}}}: only a column's name is taken, no attribute and no index")
    if not _SPEC.fullmatch(spec):
        raise TemplateError(f"{{{column}:{spec}}}: only padding and cutting are taken, e.g. {{{column}:.4}}")
    return Placeholder(column.strip(), spec)


def _show(placeholder: Placeholder, cells: Mapping[str, str]) -> str:
    cell = cells[placeholder.column].strip()
    if not cell:
        raise EmptyCell(placeholder.column)
    return format(cell, placeholder.spec)
