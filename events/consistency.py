"""The token with which a client asks for an answer that includes what it has just written."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from events.errors import InvalidToken
from events.identity import ID_PATTERN

_SHAPE = re.compile(r"1 (?P<learner>\S+) (?P<fingerprint>[A-Za-z0-9_-]{11})")


@dataclass(frozen=True, slots=True)
class ConsistencyToken:
    """Names an event of a learner; a document that counts the event includes it.

    Attributes:
        learner_id: whose document to look at.
        fingerprint: of the event, see `events.identity.fingerprint`.
    """

    learner_id: str
    fingerprint: str

    def encode(self) -> str:
        """The token as an opaque, header-safe text; `decode` gives it back."""
        return urlsafe_b64encode(f"1 {self.learner_id} {self.fingerprint}".encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "ConsistencyToken":
        """Read a token.

        Raises:
            InvalidToken: if the text is not a token of ours.
        """
        try:
            plain = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        except ValueError as damaged:
            raise InvalidToken("not a consistency token") from damaged
        match = _SHAPE.fullmatch(plain)
        if match is None or re.fullmatch(ID_PATTERN, match["learner"]) is None:
            raise InvalidToken("not a consistency token")
        return cls(match["learner"], match["fingerprint"])
