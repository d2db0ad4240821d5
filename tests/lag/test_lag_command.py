"""`learnflow lag` on a folder of the embedded default: what it prints, and how it ends."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner, Result

from learnflow.cli import main
from learnflow.lag_command import exit_status
from projector.engine import Engine
from projector.lag_judging import judge
from read_models.control import ControlDocument
from sidecar.embedded import EmbeddedSidecar
from tests.lag.looks import Scene
from tests.projector.harness import REPORT
from tests.strategies import value_of

HOUR_MS = 3_600_000
POSITIONS_OF_A_PARTITION = 1 << 40
"""In the file of the embedded default."""
SHORT = "--interval=0.1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log of two partitions, of which a projector has folded all: one event each."""
    folder = tmp_path / "data"
    asyncio.run(_fold(folder))
    return folder


async def _fold(folder: Path) -> None:
    sidecar = EmbeddedSidecar.open(folder, partitions=2)
    try:
        engine = Engine(log=sidecar.log_reader, reader=sidecar.state, writer=sidecar.state)
        await engine.establish()
        for number in range(2):
            await sidecar.log.append_to(number, "ada", value_of(REPORT))
            await engine.catch_up(number)
    finally:
        await sidecar.close()


def append(folder: Path, partition: int, times: int = 1) -> None:
    """Append what nobody folds."""

    async def run() -> None:
        sidecar = EmbeddedSidecar.open(folder, partitions=2)
        try:
            for _ in range(times):
                await sidecar.log.append_to(partition, "ada", value_of(REPORT))
        finally:
            await sidecar.close()

    asyncio.run(run())


def edit(folder: Path, statement: str, *parameters: object) -> None:
    """Change the file past LearnFlow."""
    with closing(sqlite3.connect(folder / "learnflow.db")) as connection, connection:
        assert connection.execute(statement, parameters).rowcount > 0


def make_older(folder: Path, by_ms: int = HOUR_MS) -> None:
    """Have been in the log for longer what is not folded; what is folded is sealed with its time."""
    edit(
        folder,
        "UPDATE log SET appended_at_ms = appended_at_ms - ? WHERE position NOT IN (0, ?)",
        by_ms,
        POSITIONS_OF_A_PARTITION,
    )


def run(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["lag", "--data-dir", str(folder), *options])


def as_json(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    result = run(folder, "--json", *options)
    document: dict[str, Any] = json.loads(result.stdout)
    return result.exit_code, document


def states(document: dict[str, Any]) -> list[str]:
    return [part["state"] for part in document["partitions"]]


def test_nothing_behind_is_told_at_once(folder: Path) -> None:
    result = run(folder, "--interval=3600")
    assert result.exit_code == 0, result.output
    assert "2 current, 0 events behind, 0.0 s behind" in result.stdout
    status, document = as_json(folder, "--interval=3600")
    assert status == 0
    assert (document["lag_events"], document["lag_seconds"], document["troubles"]) == (0, 0, [])


def test_what_has_just_come_is_lagging_and_within_limits(folder: Path) -> None:
    append(folder, 1)
    status, document = as_json(folder, SHORT)
    assert status == 0
    assert states(document) == ["current", "lagging"]
    assert document["partitions"][1]["lag_events"] == 1
    assert document["folded_per_second"] == 0
    assert document["seconds_until_current"] is None


def test_what_nobody_folds_is_stuck_by_partition_in_events_and_seconds(folder: Path) -> None:
    append(folder, 1, times=3)
    make_older(folder)
    status, document = as_json(folder, SHORT)
    assert status == 1
    assert states(document) == ["current", "stuck"]
    assert document["partitions"][1]["lag_events"] == 3
    assert document["partitions"][1]["lag_seconds"] >= HOUR_MS / 1000
    result = run(folder, SHORT)
    assert result.exit_code == 1
    assert "not getting less" in result.stdout
    assert [line.split()[:2] for line in result.stdout.splitlines()[1:3]] == [["0", "current"], ["1", "stuck"]]


def test_a_limit_in_seconds(folder: Path) -> None:
    append(folder, 0)
    make_older(folder, 5000)
    assert run(folder, SHORT, "--max-seconds=600").exit_code == 0
    assert run(folder, SHORT, "--max-seconds=4").exit_code == 1


def test_a_log_that_was_restored_is_beyond_and_never_zero(folder: Path) -> None:
    edit(folder, "UPDATE partition SET next = 0 WHERE number = 0")
    status, document = as_json(folder, SHORT)
    assert status == 1
    assert states(document) == ["beyond-log", "current"]
    assert document["partitions"][0]["lag_events"] is None


def test_a_document_that_is_missing(folder: Path) -> None:
    edit(folder, "DELETE FROM document WHERE key = 'g1/partition/1'")
    status, document = as_json(folder)
    assert (status, states(document)) == (1, ["current", "no-accounts"])


def test_nothing_projected_yet_is_said_and_not_healthy(folder: Path) -> None:
    edit(folder, "DELETE FROM document")
    result = run(folder)
    assert result.exit_code == 1
    assert "nothing projected yet" in result.stdout


def test_another_log_is_said(folder: Path) -> None:
    edit(folder, "UPDATE topic SET id = 'another'")
    status, document = as_json(folder)
    assert (status, states(document)) == (1, ["another-log"] * 2)
    assert [trouble["kind"] for trouble in document["troubles"]] == ["another log"]


def test_documents_that_are_damaged_leave_the_log_to_be_told(folder: Path) -> None:
    edit(folder, "UPDATE document SET value = x'00'")
    status, document = as_json(folder)
    assert status == 2
    assert [(part["state"], part["log_end_offset"]) for part in document["partitions"]] == [("unknown", 1)] * 2


def test_a_folder_that_is_not_there_is_unreadable_and_is_not_made(tmp_path: Path) -> None:
    result = run(tmp_path / "nowhere")
    assert result.exit_code == 2
    assert result.stderr.startswith("learnflow: ")
    assert not (tmp_path / "nowhere").exists()


def test_a_generation_that_is_not_there(folder: Path) -> None:
    result = run(folder, "--generation=7")
    assert result.exit_code == 1
    assert "generation 7 is not there" in result.stdout


def test_what_is_left_of_a_generation_that_is_gone_is_not_healthy() -> None:
    look = Scene(generation=1).look()
    assert exit_status(judge(None, look)) == 0
    assert look.documents.control is not None
    look.documents.control = ControlDocument(2, look.documents.control.log, {"2": "1"})
    assert exit_status(judge(None, look)) == 1


def test_metrics_on_standard_output(folder: Path) -> None:
    append(folder, 1)
    result = run(folder, SHORT, "--metrics")
    assert result.exit_code == 0
    samples = [sample for family in text_string_to_metric_families(result.stdout) for sample in family.samples]
    behind = {sample.labels["partition"]: sample.value for sample in samples if sample.name == "learnflow_lag_events"}
    assert behind == {"0": 0, "1": 1}


@pytest.mark.parametrize("other", ["--json", "--watch"])
def test_options_that_exclude_each_other_are_refused(folder: Path, other: str) -> None:
    result = run(folder, "--metrics", other)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_help_shows_examples_and_statuses() -> None:
    result = CliRunner().invoke(main, ["lag", "--help"])
    assert "learnflow lag --max-seconds 60" in result.stdout
    assert "Exit status" in result.stdout


@pytest.mark.process
@pytest.mark.parametrize("json_lines", [False, True])
def test_watching_goes_on_until_interrupted(folder: Path, *, json_lines: bool) -> None:
    append(folder, 1)
    options = ["--watch", SHORT, "--data-dir", str(folder), *(["--json"] if json_lines else [])]
    with subprocess.Popen(
        [sys.executable, "-m", "learnflow", "lag", *options], stdout=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        try:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(3)]
            make_older(folder)
            until = (process.stdout.readline() for _ in range(100))
            assert any("stuck" in line for line in until)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
        finally:
            process.kill()
    for line in said:
        if json_lines:
            assert states(json.loads(line)) == ["current", "lagging"]
        else:
            assert "1 current, 1 lagging, 1 events behind" in line
