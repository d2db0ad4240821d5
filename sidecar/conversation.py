"""The port to a language model."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sidecar.errors import SidecarError


class Role(StrEnum):
    """Who says something."""

    SYSTEM = "system"
    """The program: rules."""
    USER = "user"
    """Anybody: data that the rules are about."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something said to a model."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered. Anybody's data may have had an influence on it: it is to be checked like a stranger's.

    Attributes:
        text: not blank; bounded by the adapter.
        model: that wrote it; empty where that is not told.
    """

    text: str
    model: str = ""


class ConversationRefused(SidecarError):
    """The model answered, and it is nothing to be used: no text, cut off, filtered, or too much of it.

    Attributes:
        why: in a few words.
    """

    def __init__(self, why: str) -> None:
        super().__init__(f"the model's answer can't be used: {why}")
        self.why = why


class Conversation(Protocol):
    """Talks to a language model. Every call may cost money, also one that fails."""

    @property
    def name(self) -> str:
        """What it is called where it was configured."""
        ...

    async def converse(self, messages: Sequence[Message], *, timeout_seconds: float) -> Reply:
        """Say all of this at once, and wait for the answer. Nothing is remembered between calls, nothing repeated.

        Raises:
            SidecarUnavailable: there is no such model, it failed, or gave no answer in time.
            ConversationRefused: it answered, and with nothing that can be used.
        """
        ...
