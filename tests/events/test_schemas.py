"""Contracts only grow."""

import copy
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import jsonschema
import pytest
from pydantic import Field

from events.contracts import CONTRACTS, EventData, Level
from events.schemas import breaking_changes, export


class Sample(EventData):
    """A bit of everything."""

    NAME: ClassVar[str] = "Sample"
    VERSION: ClassVar[int] = 1
    level: Level
    count: Annotated[int, Field(ge=0, le=10)]
    remark: Annotated[str, Field(min_length=1, max_length=5)] | None = None
    names: tuple[Annotated[str, Field(max_length=3)], ...] = ()


OLD = export(Sample)


def changed(change: Callable[[dict[str, Any]], object]) -> tuple[str, ...]:
    new = copy.deepcopy(OLD)
    change(new)
    return breaking_changes(OLD, new)


def test_schemas_are_valid_and_self_contained() -> None:
    for contract in CONTRACTS:
        schema = export(contract)
        jsonschema.Draft202012Validator.check_schema(schema)
        assert "$ref" not in str(schema)
        assert schema["$id"] == contract.dataschema()


def test_nothing_changed_is_compatible() -> None:
    assert breaking_changes(OLD, copy.deepcopy(OLD)) == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda new: new["properties"].update(mood={"type": "string"}),
        lambda new: new["properties"]["level"]["enum"].append("expert"),
        lambda new: new["properties"]["count"].update(maximum=11, minimum=-1),
        lambda new: new["properties"]["count"].pop("maximum"),
        lambda new: new["required"].remove("count"),
        lambda new: new["properties"]["remark"]["anyOf"].append({"type": "integer"}),
        lambda new: new["properties"]["count"].update(type="number"),
        lambda new: new.update(description="Otherwise described."),
    ],
)
def test_growth_is_compatible(change: Callable[[dict[str, Any]], object]) -> None:
    assert changed(change) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda new: new["properties"].pop("remark"), "remark: was removed"),
        (lambda new: new["required"].append("remark"), "remark: became required"),
        (lambda new: new["properties"]["count"].update(maximum=9), "count: maximum fell to 9"),
        (lambda new: new["properties"]["count"].update(minimum=1), "count: minimum rose to 1"),
        (lambda new: new["properties"]["count"].update(type="string"), "type integer became string"),
        (lambda new: new["properties"]["level"]["enum"].remove("advanced"), "no longer allows advanced"),
        (lambda new: new["properties"]["learner_id"].update(pattern="^x$"), "pattern is new or another"),
        (lambda new: new["properties"]["names"]["items"].update(maxLength=2), "names[]: maxLength fell to 2"),
        (lambda new: new["properties"]["names"].update(maxItems=4), "names: maxItems fell to 4"),
        (lambda new: new["properties"]["remark"]["anyOf"].pop(), "remark: type null became string"),
        (lambda new: new["properties"]["remark"]["anyOf"][0].update(maxLength=4), "remark: maxLength fell to 4"),
        (lambda new: new.update(additionalProperties=False), "unknown fields are no longer allowed"),
    ],
)
def test_what_old_events_would_not_survive_is_named(change: Callable[[dict[str, Any]], object], said: str) -> None:
    (found,) = changed(change)
    assert said in found
