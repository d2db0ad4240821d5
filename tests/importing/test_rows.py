"""Keys name what is asked for: not the file, not the place in it."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnflow.importing.mapping import Endpoint, RowMapping
from learnflow.importing.rows import Survey, requests, survey
from learnflow.importing.source import CsvFile

NOW = datetime(2026, 1, 31, tzinfo=UTC)
MAPPING = RowMapping.parse(Endpoint.UPDATE_PROGRESS, ["learner_id={id}", "lesson_id={lesson}", "completion={done}"])
rows = st.lists(
    st.tuples(st.sampled_from(["ada", "ben", ""]), st.sampled_from(["x", "y"]), st.sampled_from(["0", "1"])),
    max_size=20,
)


def keys_of(folder: Path, content: Sequence[tuple[str, ...]], *, from_line: int = 0, name: str = "a.csv") -> list[str]:
    path = folder / name
    path.write_text("\n".join(["id,lesson,done", *map(",".join, content)]), encoding="utf-8")
    with_line = requests(CsvFile(path), MAPPING, NOW, from_line=from_line)
    return [request.key for request in with_line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@given(rows=rows, data=st.data())
def test_a_sorted_or_renamed_file_has_the_same_keys(
    folder: Path, rows: list[tuple[str, ...]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(rows))
    assert sorted(keys_of(folder, rows)) == sorted(keys_of(folder, shuffled, name="b.csv"))


@given(rows=rows, more=rows)
def test_an_extended_file_repeats_its_keys(
    folder: Path, rows: list[tuple[str, ...]], more: list[tuple[str, ...]]
) -> None:
    before = keys_of(folder, rows)
    assert keys_of(folder, rows + more)[: len(before)] == before


@given(rows)
def test_every_valid_row_has_a_key_of_its_own(folder: Path, rows: list[tuple[str, ...]]) -> None:
    keys = keys_of(folder, rows)
    assert len(set(keys)) == len(keys) == sum(learner != "" for learner, *_ in rows)
    assert all(key.startswith("import-") and len(key) < 255 for key in keys)


@given(rows, st.integers(0, 25))
def test_going_on_at_a_line_repeats_the_keys_from_there(folder: Path, rows: list[tuple[str, ...]], line: int) -> None:
    before = sum(learner != "" for learner, *_ in rows[: max(0, line - 2)])
    assert keys_of(folder, rows, from_line=line) == keys_of(folder, rows)[before:]


def test_the_endpoint_and_the_body_are_in_the_key(folder: Path) -> None:
    keys = keys_of(folder, [("ada", "x", "1"), ("ada", "x", "0"), ("ada", "y", "1"), ("ada", "x", "1")])
    assert len(set(keys)) == 4
    lessons = RowMapping.parse(Endpoint.GENERATE_LESSON, ["learner_id={id}", "topic={lesson}"])
    assert not {request.key for request in requests(CsvFile(folder / "a.csv"), lessons, NOW)} & set(keys)


@given(rows, st.integers(0, 25))
def test_the_survey_counts_what_is_sent(folder: Path, rows: list[tuple[str, ...]], line: int) -> None:
    keys = keys_of(folder, rows, from_line=line)
    found: Survey = survey(CsvFile(folder / "a.csv"), MAPPING, NOW, from_line=line)
    assert found.valid == len(keys)
    assert [fault.line for fault in found.first_faults] == [
        number for number, (learner, *_) in enumerate(rows, 2) if not learner and number >= line
    ]


moments = st.tuples(
    st.sampled_from(["ada", "ben", ""]), st.sampled_from(["x", "y"]), st.sampled_from("01"), st.sampled_from("12")
)


@given(st.lists(moments, max_size=20))
def test_rows_whose_order_is_by_chance_are_counted(folder: Path, content: list[tuple[str, ...]]) -> None:
    path = folder / "dated.csv"
    path.write_text("\n".join(["id,lesson,done,day", *map(",".join, content)]), encoding="utf-8")
    templates = ["learner_id={id}", "lesson_id={lesson}", "completion={done}", "occurred_at=2026-01-0{day}"]
    found = survey(CsvFile(path), RowMapping.parse(Endpoint.UPDATE_PROGRESS, templates), NOW)
    different = {one for one in content if one[0]}
    of_moment = Counter((learner, lesson, day) for learner, lesson, _, day in different)
    assert found.simultaneous == sum(count for count in of_moment.values() if count > 1)


@given(rows)
def test_rows_without_a_date_have_an_order(folder: Path, content: list[tuple[str, ...]]) -> None:
    keys_of(folder, content)
    assert survey(CsvFile(folder / "a.csv"), MAPPING, NOW).simultaneous == 0
