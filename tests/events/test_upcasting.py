"""Old versions become the current one."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.contracts import CONTRACTS, EventData
from events.envelope import EventMetadata, decode, encode
from events.errors import EventRejected, IncompleteUpcasters, Reason
from events.upcasting import UpcasterChain
from tests.strategies import SOURCE, START, TRACE


class TastedV1(EventData):
    """As it once was."""

    NAME: ClassVar[str] = "Tasted"
    VERSION: ClassVar[int] = 1
    stars: int


class TastedV3(EventData):
    """As it is."""

    NAME: ClassVar[str] = "Tasted"
    VERSION: ClassVar[int] = 3
    percent: int
    remark: str


def to_v2(data: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"learner_id": data["learner_id"], "percent": data["stars"] * 20}


def to_v3(data: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**data, "remark": "none"}


CHAIN = UpcasterChain({"Tasted": 3}, {("Tasted", 1): to_v2, ("Tasted", 2): to_v3})
METADATA = EventMetadata("e-1", SOURCE, START, TRACE, "e-1")


@given(st.integers(0, 5))
def test_an_old_event_reads_like_one_written_today(stars: int) -> None:
    old = decode(encode(METADATA, TastedV1(learner_id="ada", stars=stars)), upcasters=CHAIN, contracts=(TastedV3,))
    today = TastedV3(learner_id="ada", percent=20 * stars, remark="none")
    assert old == decode(encode(METADATA, today), upcasters=CHAIN, contracts=(TastedV3,))


def test_an_upcaster_that_fails_parks_the_event() -> None:
    content = json.loads(encode(METADATA, TastedV1(learner_id="ada", stars=1)))
    del content["data"]["stars"]
    with pytest.raises(EventRejected) as caught:
        decode(json.dumps(content).encode(), upcasters=CHAIN, contracts=(TastedV3,))
    assert caught.value.reason is Reason.UPCAST_FAILED


@pytest.mark.parametrize(
    ("current", "steps", "problem"),
    [
        ({"Tasted": 3}, {("Tasted", 1): to_v2}, "no upcaster from Tasted v2"),
        ({"Tasted": 3}, {("Tasted", 2): to_v3}, "no upcaster from Tasted v1"),
        ({"Tasted": 1}, {("Tasted", 1): to_v2}, "no old version"),
        ({"Tasted": 1}, {("Testad", 1): to_v2}, "no old version"),
        ({"Tasted": 0}, {}, "count from 1"),
    ],
)
def test_a_hole_in_the_chain_shows_when_it_is_made(
    current: dict[str, int], steps: dict[tuple[str, int], Any], problem: str
) -> None:
    with pytest.raises(IncompleteUpcasters, match=problem):
        UpcasterChain(current, steps)


def test_contracts_have_names_of_their_own() -> None:
    assert len({contract.NAME for contract in CONTRACTS}) == len(CONTRACTS)
