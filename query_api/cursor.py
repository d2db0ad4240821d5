"""Cursors: where the next page of a list begins."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

import msgspec

from web.problems import INVALID, FieldProblem, ProblemError


class _Content(msgspec.Struct, forbid_unknown_fields=True):
    g: int
    f: str
    p: dict[str, int]


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list.

    Attributes:
        generation: whose catalogue the positions count in.
        positions: by partition, the length of the catalogue that is still to be listed.
    """

    generation: int
    positions: dict[int, int]

    def encode(self, filters: object) -> str:
        """The cursor as an opaque text, bound to the filters of the list."""
        content = _Content(
            self.generation, _digest(filters), {str(key): value for key, value in self.positions.items()}
        )
        return urlsafe_b64encode(msgspec.json.encode(content)).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, filters: object) -> "Cursor":
        """Read a cursor.

        Raises:
            ProblemError: it is not a cursor of ours, or belongs to a list with other filters.
        """
        try:
            content = msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Content)
            positions = {int(key): value for key, value in content.p.items()}
        except (ValueError, msgspec.MsgspecError):
            raise _refusal("is not a cursor") from None
        if content.f != _digest(filters):
            raise _refusal("belongs to a list with other filters")
        if any(value < 0 for value in positions.values()):
            raise _refusal("is not a cursor")
        return cls(content.g, positions)


def _refusal(detail: str) -> ProblemError:
    return ProblemError(INVALID, errors=[FieldProblem(field="cursor", detail=detail)])


def _digest(filters: object) -> str:
    return hashlib.sha256(repr(filters).encode()).hexdigest()[:12]
