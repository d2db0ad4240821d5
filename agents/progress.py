"""ProgressAgent: has advice written for a learner, once for each version of the learner's status."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.advice import Advice, StatusDigest, fault_of, plain_advice, prompt
from sidecar.agents import Memory
from sidecar.conversation import Conversation, ConversationRefused
from sidecar.errors import SidecarUnavailable

logger = logging.getLogger(__name__)

AGENT_TYPE: Final = "ProgressAgent"
METHOD: Final = "advise"
RETRY_SECONDS: Final = 60.0
"""How long after a failure the model is left alone with that version of the status."""
_LONGEST_AUTHOR: Final = 100


class Question(BaseModel):
    """What a ProgressAgent is asked.

    Attributes:
        status_version: names the status.
        digest: what it says.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    status_version: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    digest: StatusDigest


class _Remembered(BaseModel):
    """The advice given last.

    Attributes:
        status_version: of the status that it is on.
        advice: what was answered.
        tried_at: when the model was asked or failed, in seconds since 1970; `None` where the advice is final for its
            version.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    status_version: str
    advice: Advice
    tried_at: float | None = None


class ProgressAgent:
    """What `ProgressAgent` does when it is asked, for any learner."""

    def __init__(
        self,
        conversation: Conversation,
        *,
        timeout_seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Make it.

        Args:
            conversation: with the model.
            timeout_seconds: that the model has.
            now: the time.
        """
        self._conversation = conversation
        self._timeout_seconds = timeout_seconds
        # As long as a call may be under way elsewhere, at least.
        self._pause_seconds = max(RETRY_SECONDS, timeout_seconds)
        self._now = now

    async def turn(self, agent_id: str, body: bytes, memory: Memory) -> bytes:  # noqa: ARG002 - who asks is not told
        """Take a turn for a `Question` in JSON; answers with an `Advice`.

        Raises:
            ValueError: this is no question.
            SidecarUnavailable: what the agent remembers can't be had.
        """
        try:
            question = Question.model_validate_json(body)
        except ValidationError:
            raise ValueError("this is no question") from None  # the cause would repeat what somebody sent
        known = _recall(await memory.load())
        if known is not None and known.status_version == question.status_version and not self._may_retry(known):
            return known.advice.model_dump_json().encode()
        # Before the call: where Dapr moves the actor meanwhile, it asks again at its new place within seconds.
        await memory.save(self._plain(question, final=False).model_dump_json().encode())
        written = await self._write(question)
        await memory.save(written.model_dump_json().encode())
        return written.advice.model_dump_json().encode()

    def _may_retry(self, known: _Remembered) -> bool:
        # A clock that was put back must not make it wait for longer.
        return known.tried_at is not None and abs(self._now().timestamp() - known.tried_at) >= self._pause_seconds

    def _plain(self, question: Question, *, final: bool) -> _Remembered:
        return _Remembered(
            status_version=question.status_version,
            advice=plain_advice(question.digest),
            tried_at=None if final else self._now().timestamp(),
        )

    async def _write(self, question: Question) -> _Remembered:
        try:
            reply = await self._conversation.converse(prompt(question.digest), timeout_seconds=self._timeout_seconds)
        except SidecarUnavailable as failure:
            logger.warning("advice stays without a model: %s", failure)
            return self._plain(question, final=False)
        except ConversationRefused as refused:
            logger.warning("advice stays without a model: %s", refused)
            return self._plain(question, final=True)
        text = reply.text.strip()
        fault = fault_of(text, question.digest)
        if fault is not None:
            # Asked the same once more, it would say much the same.
            logger.warning("what the model wrote as advice is not taken: %s", fault)
            return self._plain(question, final=True)
        author = f"{self._conversation.name} {reply.model}".strip()[:_LONGEST_AUTHOR]
        return _Remembered(status_version=question.status_version, advice=Advice(text=text, author=author))


def _recall(stored: bytes | None) -> _Remembered | None:
    if stored is None:
        return None
    try:
        return _Remembered.model_validate_json(stored)
    except ValidationError as error:
        # At worst advice is written a second time.
        logger.error("what a ProgressAgent remembers can't be read, it begins anew: %s", error)  # noqa: TRY400
        return None
