"""Files as they come out of spreadsheets and databases, and such as are none."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnflow.importing.errors import FileChanged, FileUnusable, RowFault
from learnflow.importing.source import CsvFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.csv"


def read(path: Path, content: bytes) -> list[tuple[int, dict[str, str]]]:
    path.write_bytes(content)
    file = CsvFile(path)
    return [(row.line, file.cells(row)) for row in file.rows()]


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(st.lists(st.tuples(cells, cells)), st.sampled_from(["\r\n", "\n"]), st.booleans())
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], ending: str, bom: bool
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *rows])
    path = tmp_path_factory.mktemp("files") / "history.csv"
    found = read(path, text.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    assert [tuple(row.values()) for _, row in found] == rows
    # A row's line is where it begins, by the line ends before it: \r, \n and \r\n, as spreadsheets count them.
    before = io.StringIO(newline="")
    earlier = csv.writer(before, lineterminator=ending, quoting=csv.QUOTE_ALL)
    earlier.writerow(("a", "b"))
    for (line, _), row in zip(found, rows, strict=True):
        assert line == len(io.StringIO(before.getvalue(), newline="").readlines()) + 1
        earlier.writerow(row)


def test_a_spreadsheets_file(path: Path) -> None:
    content = b'\xef\xbb\xbfid , note\r\n7,"said ""hi"",\r\nand left"\r\n\r\n8,\xc3\xa4\r\n'
    assert read(path, content) == [
        (2, {"id": "7", "note": 'said "hi",\r\nand left'}),
        (5, {"id": "8", "note": "ä"}),
    ]


def test_a_header_alone_has_no_rows(path: Path) -> None:
    assert read(path, b"id,mark\n") == []
    assert read(path, b"id,mark") == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\r\n\r\n", "empty"),
        (b"id,id\n1,2\n", "'id'"),
        (b"id;mark\n1;2\n", "--delimiter"),
        ("id,mark\n1,2\n".encode("utf-16"), "UTF-8"),
        (b'id,mark\n1,"2\n3,4\n', "line 2"),
        (b'id,mark\n1,"2"x\n', "line 2"),
    ],
)
def test_what_is_no_csv_with_a_header_is_refused(path: Path, content: bytes, said: str) -> None:
    with pytest.raises(FileUnusable, match=said):
        read(path, content)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileUnusable, match="No such file"):
        CsvFile(tmp_path / "missing.csv")
    with pytest.raises(FileUnusable, match="directory"):
        CsvFile(tmp_path)


@pytest.mark.parametrize(
    ("row", "said"), [(b"1", "1 cells"), (b"1,2,3", "3 cells"), (b"1,\xff\xfe", "column mark: this is not UTF-8")]
)
def test_a_malformed_row_is_named(path: Path, row: bytes, said: str) -> None:
    with pytest.raises(RowFault, match=f"line 3: .*{said}"):
        read(path, b"id,mark\n1,2\n" + row + b"\n3,4\n")


def test_a_file_that_changes_is_noticed(path: Path) -> None:
    path.write_text("id\n1\n2\n", encoding="utf-8")
    file = CsvFile(path)
    rows = file.rows()
    next(rows)
    with path.open("a", encoding="utf-8") as more:
        more.write("3\n")
    with pytest.raises(FileChanged):
        list(rows)
