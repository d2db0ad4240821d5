"""A version to come: it knows version 2 of every event, which the version under test parks as unknown."""

import json
from functools import partial
from typing import ClassVar, Final

from events.contracts import LessonAuthored, LessonRequested, ProgressUpdated
from events.envelope import decode
from events.errors import EventRejected
from events.upcasting import UpcasterChain
from projector.items import Happened, Refused
from sidecar.records import LogRecord
from tests.strategies import Fact, value_of


class LessonRequested2(LessonRequested):
    """As version 1 has it."""

    VERSION: ClassVar[int] = 2


class ProgressUpdated2(ProgressUpdated):
    """As version 1 has it."""

    VERSION: ClassVar[int] = 2


class LessonAuthored2(LessonAuthored):
    """As version 1 has it."""

    VERSION: ClassVar[int] = 2


_CONTRACTS: Final = (LessonRequested2, ProgressUpdated2, LessonAuthored2)
newer_decode: Final = partial(
    decode,
    contracts=_CONTRACTS,
    upcasters=UpcasterChain(
        {contract.NAME: contract.VERSION for contract in _CONTRACTS},
        {(contract.NAME, 1): lambda data: data for contract in _CONTRACTS},
    ),
)


def newer(record: LogRecord) -> Happened | Refused:
    """What a record holds, as the version to come sees it."""
    try:
        return Happened(record, newer_decode(record.value))
    except EventRejected as rejection:
        return Refused(record, rejection)


def newer_value_of(fact: Fact) -> bytes:
    """The bytes that the log holds for a fact which the version to come has recorded."""
    event = json.loads(value_of(fact))
    name, _, version = event["type"].rpartition(".v")
    assert version == "1"
    return json.dumps({**event, "type": f"{name}.v2"}).encode()
