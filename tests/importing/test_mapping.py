"""A row becomes a request that the endpoint takes, or a fault that names line, field and column."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_api.commands import GenerateLesson, UpdateProgress
from learnflow.importing import oulad
from learnflow.importing.errors import MappingFault, RowFault
from learnflow.importing.mapping import Endpoint, RowMapping

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
OULAD = RowMapping.parse(Endpoint.UPDATE_PROGRESS, oulad.TEMPLATES)
ROW = {"module": "AAA", "presentation": "2013J", "assessment_id": "1752", "student_id": "11391", "day": "18"}
cell = st.one_of(st.text(), st.integers().map(str), st.floats().map(str), st.sampled_from(["", "2013J", "AAA", "100"]))


def test_a_row_of_oulad() -> None:
    assert OULAD.body(2, {**ROW, "score": "78"}, NOW) == {
        "learner_id": "11391",
        "lesson_id": "AAA-2013J-1752",
        "completion": 1,
        "score": 0.78,
        "occurred_at": "2013-10-19T00:00:00Z",
    }


def test_an_optional_field_is_left_out_where_its_column_is_empty() -> None:
    assert "score" not in OULAD.body(2, {**ROW, "score": " "}, NOW)


def mapped(cells: Mapping[str, str]) -> Mapping[str, object] | RowFault:
    try:
        return OULAD.body(7, cells, NOW)
    except RowFault as fault:
        return fault


@given(st.fixed_dictionaries(dict.fromkeys([*ROW, "score"], cell)))
def test_any_row_gives_a_valid_request_or_a_fault_that_says_where(cells: dict[str, str]) -> None:
    outcome = mapped(cells)
    if isinstance(outcome, RowFault):
        assert outcome.line == 7
        assert str(outcome).startswith("line 7: ")
        assert len(str(outcome)) < 500
        assert outcome.field in OULAD.readings
        assert set(outcome.columns) <= set(cells)
    else:
        assert UpdateProgress.model_validate(outcome).occurred(NOW) <= NOW + timedelta(minutes=2)
        assert mapped(cells) == outcome


@pytest.mark.parametrize(
    ("cells", "field", "column", "said"),
    [
        ({"student_id": ""}, "learner_id", "student_id", "empty"),
        ({"student_id": "a/b"}, "learner_id", "student_id", "letters"),
        ({"score": "seventy"}, "score", "score", "'seventy' is not a number"),
        ({"score": "101"}, "score", "score", "less than or equal to 1"),
        ({"day": "soon"}, "occurred_at", "day", "'soon' is not a number"),
        ({"day": "9999"}, "occurred_at", "day", "future"),
        ({"presentation": "1969J"}, "occurred_at", "presentation", "before 1970"),
    ],
)
def test_faults_name_field_and_column(cells: dict[str, str], field: str, column: str, said: str) -> None:
    with pytest.raises(RowFault, match=said) as fault:
        OULAD.body(12, {**ROW, "score": "78", **cells}, NOW)
    assert fault.value.field == field
    assert column in fault.value.columns
    assert f"line 12: {field} (column" in str(fault.value)


def test_lessons_are_mapped_too() -> None:
    mapping = RowMapping.parse(
        Endpoint.GENERATE_LESSON,
        ["learner_id={id}", "topic={topic}", "level={level}", "duration_minutes={hours}*60", "objectives={goals}"],
    )
    cells = {"id": "ada", "topic": "Loops", "level": "advanced", "hours": "0.5", "goals": "Write one; Leave one"}
    body = mapping.body(2, cells, NOW)
    assert body["duration_minutes"] == 30
    assert GenerateLesson.model_validate(body).objectives == ["Write one", "Leave one"]
    with pytest.raises(RowFault, match="duration_minutes"):
        mapping.body(2, {**cells, "hours": "0.51"}, NOW)
    with pytest.raises(RowFault, match="level"):
        mapping.body(2, {**cells, "level": "expert"}, NOW)


@pytest.mark.parametrize(
    ("templates", "field", "said"),
    [
        (["learner_id={a}", "lesson_id={a}", "completion=1", "mark={a}"], "mark", "no field of update-progress"),
        (["learner_id={a}", "learner_id={b}"], "learner_id", "twice"),
        (["learner_id"], "learner_id", "FIELD=TEMPLATE"),
        (["learner_id="], "learner_id=", "FIELD=TEMPLATE"),
        (["learner_id={a}", "completion=1"], "lesson_id", "missing"),
        (["learner_id={a"], "learner_id", "a { has no } behind it"),
        (["completion={a.real}"], "completion", "no attribute"),
        (["completion={a}/0"], "completion", "zero"),
    ],
)
def test_unusable_mappings_name_the_field(templates: list[str], field: str, said: str) -> None:
    with pytest.raises(MappingFault, match=said) as fault:
        RowMapping.parse(Endpoint.UPDATE_PROGRESS, templates)
    assert fault.value.field == field


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(MappingFault, match=r"no column 'student_id'; the file has id, mark") as fault:
        OULAD.check_columns(["id", "mark"])
    assert fault.value.field == "learner_id"
