"""The parts of a pack that are TOML: `pack.toml`, and the header of a concept."""

import json
import re
import tomllib
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curriculum.fault_list import FaultList, nearest
from events.contracts import Level

NAME: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
"""Names of packs, modules and concepts: lower-case words joined by hyphens."""
VERSION: Final = (
    r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?"
    r"(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$"
)
"""As https://semver.org has it."""

_LINE: Final = r"^\S([^\x00-\x1f\x7f]*\S)?$"
_EXPECTED: Final = {
    "id": "lower-case words joined by hyphens, at most 50 characters",
    "version": "a semantic version such as 1.0.0",
    "title": "a text of 1 to 100 characters in one line",
    "summary": "a text of 1 to 500 characters in one line",
    "aliases": "a list of at most 20 texts of 1 to 80 characters",
    "modules": "at least one [[modules]] with id, title and concepts",
    "concepts": "a list of at least one name of a file in concepts/, without .md",
    "level": "beginner, intermediate or advanced",
    "prerequisites": "a list of names of concepts of this pack",
    "objectives": "a list of 1 to 6 sentences of at most 300 characters, each beginning with a verb",
}

Name = Annotated[str, Field(pattern=NAME, max_length=50)]
Title = Annotated[str, Field(pattern=_LINE, max_length=100)]
Aliases = Annotated[tuple[Annotated[str, Field(pattern=_LINE, max_length=80)], ...], Field(strict=False, max_length=20)]


class ModuleHeader(BaseModel):
    """One of the `[[modules]]` of a pack."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    id: Name
    title: Title
    concepts: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)]


class PackHeader(BaseModel):
    """What `pack.toml` says."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    id: Name
    version: Annotated[str, Field(pattern=VERSION, max_length=49)]
    title: Title
    summary: Annotated[str, Field(pattern=_LINE, max_length=500)]
    aliases: Aliases = ()
    modules: Annotated[tuple[ModuleHeader, ...], Field(strict=False, min_length=1)]


class ConceptHeader(BaseModel):
    """What stands above a concept's sections."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    title: Title
    level: Annotated[Level, Field(strict=False)]
    aliases: Aliases = ()
    prerequisites: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    objectives: Annotated[
        tuple[Annotated[str, Field(pattern=_LINE, max_length=300)], ...],
        Field(strict=False, min_length=1, max_length=6),
    ]


Header = TypeVar("Header", PackHeader, ConceptHeader)


class Places:
    """Finds the lines of what a TOML text says.

    Args:
        lines: of the file.
        first: the index of the first line that is TOML.
    """

    def __init__(self, lines: list[str], first: int = 0) -> None:
        self._lines = lines
        self._first = first

    def of(self, key: str, value: object = None, *, module: int | None = None) -> int:
        """The line, from 1, of a key or of a text in its value; where that can't be found, of what it is in."""
        start, stop = self._range(module)
        name = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=|\s*\[\[?\s*{re.escape(key)}\s*]""")
        at = next((at for at in range(start, stop) if name.match(self._lines[at])), start)
        if isinstance(value, str):
            spellings = (json.dumps(value, ensure_ascii=False), f"'{value}'")
            found = (here for here in range(at, stop) if any(one in self._lines[here] for one in spellings))
            at = next(found, at)
        return at + 1

    def beginning(self, module: int | None = None) -> int:
        """The line, from 1, on which the TOML or one of its modules begins."""
        return self._range(module)[0] + 1

    def _range(self, module: int | None) -> tuple[int, int]:
        heads = [at for at, line in enumerate(self._lines) if re.match(r"\s*\[\[\s*modules\s*]]", line)]
        bounds = [self._first, *heads, len(self._lines)]
        if module is None or module >= len(heads):
            # The first of the modules is also where the list of modules begins.
            return self._first, min(bounds[1] + 1, len(self._lines))
        return bounds[module + 1], bounds[module + 2]


def read_header(text: str, model: type[Header], places: Places, first: int, faults: FaultList) -> Header | None:
    """Read TOML into a model; notes every fault, and gives `None` where there are any.

    Args:
        text: the TOML.
        model: what it should say.
        places: of the file that it is in.
        first: the line, from 1, on which the TOML begins.
        faults: where to note them.
    """
    try:
        return model.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as invalid:
        line = re.search(r"at line (\d+)", str(invalid))
        # At its end it has no number: what is open there began on an earlier line.
        at = int(line[1]) if line else max(1, text.count("\n"))
        faults.add(first + at - 1, f"this is not TOML: {invalid}", "TOML (https://toml.io)")
    except ValidationError as invalid:
        errors = invalid.errors()
        for error in errors:
            location = error["loc"]
            if any(len(other["loc"]) > len(location) and other["loc"][: len(location)] == location for other in errors):
                continue  # it follows from what is wrong inside
            inner = next((one for one in reversed(location) if isinstance(one, str)), "")
            in_module = len(location) > 1 and location[0] == "modules" and isinstance(location[1], int)
            module = int(location[1]) if in_module else None
            known = ModuleHeader.model_fields if in_module else model.model_fields
            place = places.of(inner, error["input"], module=module)
            if error["type"] == "extra_forbidden":
                meant = nearest(inner, known)
                hint = f"{meant}?" if meant else f"one of {', '.join(known)}"
                faults.add(place, f"there is no key {inner!r}", hint)
            elif error["type"] == "missing":
                faults.add(places.beginning(module), f"{inner} is missing", _EXPECTED[inner])
            else:
                faults.add(place, f"{inner}: {_in_lower_case(error['msg'])}", _EXPECTED[inner])
    return None


def _in_lower_case(message: str) -> str:
    return message[:1].lower() + message[1:]
