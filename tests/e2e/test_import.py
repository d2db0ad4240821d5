"""Real history, through HTTP into a real server, and every figure as plain Python computes it from the file."""

import csv
import random
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import httpx2
import pytest

from tests.e2e.oracle import Report, oulad_reports
from tests.e2e.platform import MAPS, OULAD, Platform
from tests.servers import LEARNFLOW, Server, environment, running_server

pytestmark = pytest.mark.process

REPORT_MAPS = (
    "--map=learner_id={learner}",
    "--map=lesson_id={lesson}",
    "--map=completion=1",
    "--map=score={score}",
    "--map=occurred_at={at}",
)


def write(path: Path, reports: list[Report]) -> None:
    """Write reports as a file of their own form."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("learner", "lesson", "score", "at"))
        for one in reports:
            score = "" if one.score is None else f"{float(one.score):.6f}"
            rows.writerow((one.learner, one.lesson, score, one.at.isoformat()))


def test_every_figure_of_oulad_and_a_second_import_changes_nothing(platform: Platform) -> None:
    reports = oulad_reports(OULAD)
    assert len(reports) == 1793
    first = platform.import_file(OULAD)
    assert first.returncode == 0, first.stderr
    assert "1,793 rows: 1,793 accepted, 0 left out" in first.stdout
    platform.settle()
    platform.check(reports)
    learners = sorted({report.learner for report in reports})
    before = [platform.status_of(learner) for learner in learners]

    second = platform.import_file(OULAD, "--concurrency=3")
    assert second.returncode == 0, second.stderr
    platform.settle()
    assert [platform.status_of(learner) for learner in learners] == before
    platform.check(reports)


def test_the_score_that_occurred_last_counts_whatever_came_last(platform: Platform, tmp_path: Path) -> None:
    chance = random.Random(20131001)
    scores = [None, *(Fraction(percent, 100) for percent in range(0, 101, 7))]
    reports = oulad_reports(OULAD)[:150]
    for report in list(reports):
        for minutes in chance.sample([*range(-50_000, 0), *range(1, 50_000)], chance.randrange(4)):
            reports.append(replace(report, at=report.at + timedelta(minutes=minutes), score=chance.choice(scores)))
    chance.shuffle(reports)
    path = tmp_path / "resubmissions.csv"
    write(path, reports)
    assert platform.import_file(path, maps=REPORT_MAPS).returncode == 0
    platform.settle()
    platform.check(reports)


def test_five_thousand_rows_of_one_learner_twice(platform: Platform, tmp_path: Path) -> None:
    origin = oulad_reports(OULAD)[0]
    reports = [
        replace(
            origin,
            lesson=f"lesson-{number % 90}",
            at=origin.at - timedelta(hours=number),
            score=Fraction(number % 101, 100),
        )
        for number in range(5000)
    ]
    path = tmp_path / "one-learner.csv"
    write(path, reports)
    for _ in range(2):
        imported = platform.import_file(path, maps=REPORT_MAPS)
        assert imported.returncode == 0, imported.stderr
        assert "5,000 accepted" in imported.stdout
        platform.settle()
        platform.check(reports)


def test_rows_that_are_alike_all_count_and_only_once(platform: Platform, tmp_path: Path) -> None:
    report = oulad_reports(OULAD)[0]
    path = tmp_path / "alike.csv"
    for copies in (3, 3, 5):
        write(path, [report] * copies)
        assert platform.import_file(path, maps=REPORT_MAPS).returncode == 0
        platform.settle()
        platform.check([report] * copies)


def test_rows_without_a_date_count_in_the_order_of_the_file(platform: Platform, tmp_path: Path) -> None:
    path = tmp_path / "undated.csv"
    rows = [f"{learner},{score}" for score in range(101) for learner in ("ada", "ben", "cyd")]
    path.write_text("\n".join(["learner,score", *rows]), encoding="utf-8")
    maps = ("--map=learner_id={learner}", "--map=lesson_id=x", "--map=completion=1", "--map=score={score}/100")
    assert platform.import_file(path, maps=maps).returncode == 0
    platform.settle()
    for learner in ("ada", "ben", "cyd"):
        assert platform.status_of(learner)["lessons"][0]["score"] == 1.0


def test_lessons_are_imported_too(platform: Platform, tmp_path: Path) -> None:
    path = tmp_path / "wishes.csv"
    path.write_text("who;what;minutes\nada;Loops;30\nada;Lists;\nben;Loops;60\n", encoding="utf-8-sig")
    options = ("--endpoint=generate-lesson", "--delimiter=;")
    maps = ("--map=learner_id={who}", "--map=topic={what}", "--map=duration_minutes={minutes}")
    for _ in range(2):
        assert platform.import_file(path, *options, maps=maps).returncode == 0
        platform.settle()
        lessons = platform.client.get("lessons").raise_for_status().json()["lessons"]
        asked = sorted((one["learner_id"], one["topic"], one["duration_minutes"]) for one in lessons)
        assert asked == [("ada", "Lists", 30), ("ada", "Loops", 30), ("ben", "Loops", 60)]


@contextmanager
def importing(url: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Import all of OULAD in the background; killed at the end if it still runs."""
    command = [str(LEARNFLOW), "import", str(OULAD), *MAPS, "--url", url, *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment(), stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_events(platform: Platform, count: int) -> None:
    """Return once the platform counts that many events; every look is a request, so the server sets the pace."""
    while platform.client.get("status").raise_for_status().json()["events"] < count:
        pass


def test_a_server_that_is_killed_loses_nothing_and_counts_nothing_twice(data_dir: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(running_server(data_dir))
        client = stack.enter_context(httpx2.Client(base_url=server.url, timeout=60, trust_env=False))
        platform = Platform(client)
        importer = stack.enter_context(importing(server.url, "--concurrency=16"))
        for count in (300, 900):
            wait_for_events(platform, count)
            server.kill()
            server = stack.enter_context(running_server(data_dir, port=server.port))
        output, errors = importer.communicate(timeout=90)
        assert importer.returncode == 0, errors
        assert "1,793 accepted" in output
        assert "trying again" in errors
        platform.settle()
        platform.check(oulad_reports(OULAD))


def test_an_import_that_is_interrupted_goes_on(server: Server, platform: Platform) -> None:
    with importing(server.url, "--concurrency=8") as importer:
        wait_for_events(platform, 300)
        importer.send_signal(signal.SIGINT)
        _, errors = importer.communicate(timeout=30)
    assert importer.returncode == 130
    stopped = re.search(r"interrupted\. ([\d,]+) rows are confirmed .* add --from-line (\d+)\.", errors)
    assert stopped, errors
    confirmed, line = int(stopped[1].replace(",", "")), int(stopped[2])
    assert 300 - 8 <= confirmed < 1793
    assert line - 2 <= confirmed <= line - 2 + 8
    rest = platform.import_file(OULAD, f"--from-line={line}")
    assert f"{1793 + 2 - line:,} accepted" in rest.stdout
    platform.settle()
    platform.check(oulad_reports(OULAD))


def test_a_server_that_stays_away_ends_it(data_dir: Path) -> None:
    with (
        running_server(data_dir) as server,
        httpx2.Client(base_url=server.url, trust_env=False) as client,
        importing(server.url, "--patience=0.5") as importer,
    ):
        wait_for_events(Platform(client), 100)
        server.kill()
        _, errors = importer.communicate(timeout=30)
    assert importer.returncode == 1
    assert re.search(r"line \d+: not confirmed within 0.5 s; the last try: .*\. [\d,]+ rows are confirmed", errors), (
        errors
    )
    assert "The same command goes on where this stopped" in errors
