"""Differences that somebody expects, as patterns: a new fold is meant to make something else of the log."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from projector.errors import ProjectorError
from projector.verification.json_paths import Change
from projector.verification.names import Kind


class InvalidPattern(ProjectorError):
    """A pattern that no difference could ever match.

    Attributes:
        pattern: as it was given.
    """

    def __init__(self, pattern: str) -> None:
        super().__init__(f"the pattern {pattern!r} is not KIND:PATH with a kind of {', '.join(Kind)}, or `*`")
        self.pattern = pattern


class Acceptance:
    """Patterns `KIND:PATH` of differences that are no fault; `*` stands for any characters in either part.

    `learner:totals.time_spent_ms`, `learner:days.*`, `partition:*`, `learner:(only in new)`; `*` for all.

    Attributes:
        given: the patterns as they were given.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        """Take patterns.

        Raises:
            InvalidPattern: one names no kind, or no path.
        """
        self.given = tuple(patterns)
        self._patterns = [_parse(pattern) for pattern in self.given]

    def covers(self, kind: Kind, change: Change) -> bool:
        """Whether a pattern matches a change, by its path as it is or with `*` for ids."""
        return any(
            fnmatchcase(kind, of_kind) and (fnmatchcase(change.text, path) or fnmatchcase(change.general, path))
            for of_kind, path in self._patterns
        )


def option_for(kind: Kind, path: str) -> str:
    """The option of `learnflow verify` that accepts the differences of a path, as a shell takes it."""
    return f"--accept-differences '{kind}:{path}'"


def options_for(paths: Sequence[tuple[Kind, str]]) -> str:
    """The options that accept the differences of all these paths."""
    return " ".join(option_for(kind, path) for kind, path in paths)


def _parse(pattern: str) -> tuple[str, str]:
    if pattern == "*":
        return "*", "*"
    kind, colon, path = pattern.partition(":")
    if not colon or not path or not any(fnmatchcase(one, kind) for one in Kind):
        raise InvalidPattern(pattern)
    return kind, path
