"""Where two documents differ, by JSON path, whatever shape they have."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

ONLY_IN_OLD: Final = "(only in old)"
ONLY_IN_NEW: Final = "(only in new)"
NOT_JSON: Final = "(not JSON)"
BYTES: Final = "(bytes)"
"""The path of a difference that JSON does not see: spaces, the order of an object's members, escapes."""
ABSENT: Final = "(absent)"
SHOWN_CHARACTERS: Final = 80
MAPS: Final = frozenset({"lessons", "days", "achievements", "concepts", "as_of", "entries", "parts"})
"""Members of documents whose own members are ids, dates, names or numbers."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*|\(.*\)")

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One place where two documents differ.

    Attributes:
        path: names of members and indices of elements, from the outermost in.
        old: what the old document has there, shortened for people.
        new: what the new one has.
    """

    path: Path
    old: str
    new: str

    @property
    def text(self) -> str:
        """The path as one text: `lessons.intro.summary.index`."""
        return ".".join(self.path)

    @property
    def general(self) -> str:
        """The path with ids, dates and indices as `*`: `lessons.*.summary.index`."""
        return ".".join(
            "*" if (number and self.path[number - 1] in MAPS) or not _NAME.fullmatch(part) else part
            for number, part in enumerate(self.path)
        )


def changes(old: bytes | None, new: bytes | None) -> list[Change]:
    """Every place where two documents differ; none if and only if they are the same bytes, or both absent."""
    if old == new:
        return []
    if old is None:
        return [Change((ONLY_IN_NEW,), ABSENT, _shorten(new))]
    if new is None:
        return [Change((ONLY_IN_OLD,), _shorten(old), ABSENT)]
    try:
        before, after = msgspec.json.decode(old), msgspec.json.decode(new)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return [Change((NOT_JSON,), _shorten(old), _shorten(new))]
    return list(_walk((), before, after)) or [Change((BYTES,), _shorten(old), _shorten(new))]


def _walk(path: Path, old: Any, new: Any) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            if name not in new:
                yield Change((*path, name), _show(old[name]), ABSENT)
            elif name not in old:
                yield Change((*path, name), ABSENT, _show(new[name]))
            else:
                yield from _walk((*path, name), old[name], new[name])
    elif isinstance(old, list) and isinstance(new, list):
        yield from _walk_list(path, old, new)
    elif type(old) is not type(new) or old != new:
        yield Change(path or ("(all)",), _show(old), _show(new))


def _walk_list(path: Path, old: list[Any], new: list[Any]) -> Iterator[Change]:
    if all(isinstance(one, str) for one in [*old, *new]):
        # Ids: one that was put in between moves all behind it, and is still one difference.
        gone, come = Counter(old) - Counter(new), Counter(new) - Counter(old)
        yield from (Change((*path, one), _show(one), ABSENT) for one in sorted(gone.elements()))
        yield from (Change((*path, one), ABSENT, _show(one)) for one in sorted(come.elements()))
        if not gone and not come and old != new:
            yield Change((*path, "(order)"), _show(old), _show(new))
        return
    for index in range(max(len(old), len(new))):
        at = (*path, str(index))
        if index >= len(new):
            yield Change(at, _show(old[index]), ABSENT)
        elif index >= len(old):
            yield Change(at, ABSENT, _show(new[index]))
        else:
            yield from _walk(at, old[index], new[index])


def _show(value: Any) -> str:
    return _shorten(msgspec.json.encode(value))


def _shorten(value: bytes | None) -> str:
    text = ABSENT if value is None else value[: SHOWN_CHARACTERS * 4 + 1].decode(errors="replace")
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
