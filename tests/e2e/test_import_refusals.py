"""What `learnflow import` says of files, mappings and addresses that it can't use; none of it sends anything."""

import time
from pathlib import Path

import pytest

from tests.e2e.platform import MAPS, OULAD, Platform
from tests.servers import learnflow

pytestmark = pytest.mark.process

NOBODY = "http://127.0.0.1:9"
NAMES = "module,presentation,assessment_id,student_id,day,score"
GOOD = "AAA,2013J,1752,11391,18,78"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.csv"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty"),
        (
            "id,mark\n1,2\n",
            "--map learner_id: there is no column 'student_id'; the file has id, mark. Nothing was sent.",
        ),
        (f"{NAMES}\n{GOOD}\nAAA,2013J,1752,,18,78\n", "line 3: learner_id (column student_id): is required"),
        (f"{NAMES}\n{GOOD}\nAAA,2013J,1752,1,18,7x\n", "line 3: score (column score): '7x' is not a number"),
        (f"{NAMES}\nAAA,2013J,1752,1,18,7x\n", "1 of 1 rows give no valid request. Nothing was sent."),
        (f'{NAMES}\n{GOOD}\nAAA,"2013J\n', "line 3: the row that begins here is not CSV"),
    ],
)
def test_unusable_files(path: Path, content: str, said: str) -> None:
    path.write_text(content, encoding="utf-8")
    refused = learnflow("import", path, *MAPS, "--url", NOBODY)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


def test_what_is_no_file(tmp_path: Path) -> None:
    for path, said in ((tmp_path, "directory"), (tmp_path / "missing.csv", "No such file")):
        refused = learnflow("import", path, *MAPS)
        assert refused.returncode == 1
        assert said in refused.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--map learner_id: is missing; update-progress needs learner_id, lesson_id, completion"),
        ((*MAPS, "--map=mark={score}"), "--map mark: is no field of update-progress"),
        ((*MAPS, "--url=localhost:8000"), "--url localhost:8000: must be like"),
        ((*MAPS, "--delimiter=ab"), "--delimiter: must be one character"),
    ],
)
def test_unusable_options(options: tuple[str, ...], said: str) -> None:
    refused = learnflow("import", OULAD, *options)
    assert refused.returncode == 1
    assert said in refused.stderr


def test_a_header_alone_is_nothing_to_do(path: Path) -> None:
    path.write_text(f"{NAMES}\r\n", encoding="utf-8-sig")
    done = learnflow("import", path, *MAPS, "--url", NOBODY)
    assert (done.returncode, done.stdout) == (0, "0 rows: 0 accepted, 0 left out.\n")


def test_a_dry_run_shows_what_would_be_sent() -> None:
    shown = learnflow("import", OULAD, *MAPS, "--dry-run", "--url", NOBODY)
    assert shown.returncode == 0
    assert "1,793 of 1,793 rows give a request to POST /update-progress" in shown.stdout
    assert (
        'line 2: {"learner_id": "11391", "lesson_id": "AAA-2013J-1752", "completion": 1, "score": 0.78' in shown.stdout
    )


def test_invalid_rows_are_left_out_where_asked(platform: Platform, path: Path) -> None:
    path.write_text(f"{NAMES}\n{GOOD}\nAAA,2013J,1752,1,18,7x\nAAA,2013J\n", encoding="utf-8")
    refused = platform.import_file(path)
    assert refused.returncode == 1
    assert platform.client.get("status").json()["events"] == 0
    done = platform.import_file(path, "--skip-invalid")
    assert done.returncode == 0
    assert "3 rows: 1 accepted, 2 left out" in done.stdout
    assert "line 3: score" in done.stderr
    assert "line 4: the row has 2 cells, the header has 6" in done.stderr


def test_another_address_of_a_server_is_told_apart(platform: Platform) -> None:
    refused = learnflow("import", OULAD, *MAPS, "--url", f"{platform.client.base_url}/elsewhere", "--concurrency=1")
    assert refused.returncode == 1
    assert "line 2: the server answered 404: There is nothing at this address" in refused.stderr
    assert "No row is confirmed. The same command tries again" in refused.stderr
    assert "--from-line" not in refused.stderr


def test_where_nobody_listens_the_address_and_what_to_do_are_told() -> None:
    begun = time.monotonic()
    refused = learnflow("import", OULAD, *MAPS, "--url", NOBODY)
    assert time.monotonic() - begun < 30
    assert refused.returncode == 1
    assert f"no connection to {NOBODY} (" in refused.stderr
    assert "Start a server with `make run`" in refused.stderr
    assert "Nothing was sent." in refused.stderr
    assert "rows are confirmed" not in refused.stderr


@pytest.mark.parametrize("given", ["\\t", "\t"])
def test_a_tab_can_be_typed(path: Path, given: str) -> None:
    path.write_text(f"{NAMES}\n{GOOD}\n".replace(",", "\t"), encoding="utf-8")
    shown = learnflow("import", path, *MAPS, "--dry-run", "--delimiter", given)
    assert shown.returncode == 0, shown.stderr
    assert "1 of 1 rows give a request" in shown.stdout


def test_rows_of_one_moment_are_told_before_anything_is_sent(path: Path) -> None:
    path.write_text(f"{NAMES}\n{GOOD}\nAAA,2013J,1752,11391,18,79\n", encoding="utf-8")
    shown = learnflow("import", path, *MAPS, "--dry-run")
    assert shown.returncode == 0
    assert "2 rows are of the same learner, lesson and occurred_at as a row with other values" in shown.stderr
    assert "by chance" not in learnflow("import", OULAD, *MAPS, "--dry-run").stderr


def test_the_help_says_what_order_and_corrections_do() -> None:
    shown = " ".join(learnflow("import", "--help", env={"COLUMNS": "200"}).stdout.replace("\u2502", " ").split())
    assert "by chance" in shown
    assert "\\t is a tab" in shown
    assert "A row that was corrected (one value is another) is another report" in shown
