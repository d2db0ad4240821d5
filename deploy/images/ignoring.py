"""Which files of a checkout go into images, as .dockerignore says it."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.images.errors import UnusableContext


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of .dockerignore.

    Attributes:
        text: the pattern, without its exclamation mark.
        keeps: whether it takes back what rules before it left out.
        pattern: matches a path that the line names.
    """

    text: str
    keeps: bool
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Ignore:
    """The rules of a .dockerignore; of those that match a path or a folder above it, the last decides."""

    rules: tuple[Rule, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Understood are comments, `!`, `*` within a name and `**/` before one: what the file of this repository uses.

        Raises:
            UnusableContext: there is none, or it has another pattern.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise UnusableContext(path, str(error.strerror)) from error
        texts = (line.strip() for line in lines if line.strip() and not line.startswith("#"))
        return cls(tuple(_rule(path, text) for text in texts))

    def leaves_out(self, path: str) -> bool:
        """Whether a path, relative to the checkout and with slashes, stays out of images."""
        names = path.split("/")
        above = ["/".join(names[:count]) for count in range(1, len(names) + 1)]
        left_out = False
        for rule in self.rules:
            if rule.keeps == left_out and any(rule.pattern.fullmatch(each) for each in above):
                left_out = not left_out
        return left_out

    def files(self, root: Path) -> Iterator[str]:
        """The paths of all files below a folder that go into images, relative to it and with slashes.

        Raises:
            UnusableContext: one of them is a symbolic link.
        """
        yield from self._below(root, "")

    def _below(self, root: Path, folder: str) -> Iterator[str]:
        for entry in sorted(os.scandir(root / folder), key=lambda entry: entry.name):
            path = f"{folder}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if not self.leaves_out(path) or self._names_below(path):
                    yield from self._below(root, f"{path}/")
            elif not self.leaves_out(path):
                if entry.is_symlink():
                    raise UnusableContext(root / path, "is a symbolic link")
                yield path

    def _names_below(self, folder: str) -> bool:
        return any(rule.keeps and rule.text.startswith(f"{folder}/") for rule in self.rules)


def _rule(path: Path, line: str) -> Rule:
    keeps, text = line.startswith("!"), line.removeprefix("!").strip("/")
    anywhere, rest = text.startswith("**/"), text.removeprefix("**/")
    if re.search(r"\*\*|[?\[\\]", rest):
        raise UnusableContext(path, f"the pattern {line!r} is not understood here")
    names = (re.escape(part) for part in rest.split("*"))
    return Rule(text, keeps, re.compile(("(?:.*/)?" if anywhere else "") + "[^/]*".join(names), re.DOTALL))


def paths_of(service: str, paths: Sequence[str], services: str) -> tuple[str, ...]:
    """Those of `paths` that one service's image is made from: its own, and all outside of the folder of services."""
    own = f"{services}/{service}/"
    return tuple(path for path in paths if path.startswith(own) or not path.startswith(f"{services}/"))
