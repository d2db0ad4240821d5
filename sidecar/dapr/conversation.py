"""A language model through Dapr's Conversation API (alpha in 1.18: its second version, `ConverseAlpha2`)."""

from collections.abc import Sequence
from typing import Final

from dapr.proto.runtime.v1.ai_pb2 import (
    ConversationInputAlpha2,
    ConversationMessage,
    ConversationMessageContent,
    ConversationMessageOfSystem,
    ConversationMessageOfUser,
    ConversationRequestAlpha2,
    ConversationResponseAlpha2,
)

from sidecar.conversation import ConversationRefused, Message, Reply, Role
from sidecar.dapr.client import DaprClient
from sidecar.errors import MessageTooLarge

MOST_CHARACTERS: Final = 200_000
"""More than that is no answer to anything asked here."""
TEMPERATURE: Final = 0.1
"""Close to the same words each time. Dapr takes 0 for "not said", and its component leaves it out for models that have
only one temperature."""
_WHOLE: Final = frozenset({"stop", "unknown", ""})
"""How an answer may end that is whole; some components can't tell."""


class DaprConversation:
    """Implements `Conversation` over one component."""

    def __init__(self, client: DaprClient, component: str) -> None:
        self._client = client
        self._component = component

    @property
    def name(self) -> str:
        """See `Conversation`: the component's."""
        return self._component

    async def converse(self, messages: Sequence[Message], *, timeout_seconds: float) -> Reply:
        """See `Conversation`. What the sidecar says of a failure is in the program's log alone."""
        request = ConversationRequestAlpha2(
            name=self._component,
            inputs=[ConversationInputAlpha2(messages=[_message(one) for one in messages])],
            temperature=TEMPERATURE,
        )
        try:
            answer: ConversationResponseAlpha2 = await self._client.call(
                self._client.stub.ConverseAlpha2, request, what="conversation", seconds=timeout_seconds
            )
        except MessageTooLarge as large:
            raise ConversationRefused(str(large)) from large
        return _reply(answer)


def _message(message: Message) -> ConversationMessage:
    content = [ConversationMessageContent(text=message.text)]
    if message.role is Role.SYSTEM:
        return ConversationMessage(of_system=ConversationMessageOfSystem(content=content))
    return ConversationMessage(of_user=ConversationMessageOfUser(content=content))


def _reply(answer: ConversationResponseAlpha2) -> Reply:
    for output in answer.outputs:
        for choice in output.choices:
            if choice.finish_reason not in _WHOLE:
                # What ended otherwise was cut off, filtered, or wants a tool: part of an answer is none.
                raise ConversationRefused("it did not end by itself")
            text = choice.message.content
            if len(text) > MOST_CHARACTERS:
                raise ConversationRefused(f"{len(text)} characters")
            if text.strip():
                return Reply(text, output.model)
    raise ConversationRefused("there is no text in it")
