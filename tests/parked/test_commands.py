"""`learnflow parked`, as an operator runs it, beside a server that serves."""

import getpass
import hashlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import httpx2
import pytest
from typer.testing import CliRunner

from events.contracts import LessonRequested
from events.envelope import decode
from events.upcasting import UpcasterChain
from learnflow.parked_commands import commands
from projector.engine import Engine
from sidecar.delivery import Verdict
from sidecar.embedded import EmbeddedSidecar
from tests.servers import LEARNFLOW, environment, learnflow, running_server
from tests.strategies import START, Report, value_of

pytestmark = pytest.mark.process

REPORTS: Final = [Report(f"e-{number}", "ada", START, f"l-{number}", 1_000_000, None, 1000, ()) for number in range(3)]
JUNK: Final = b"junk \x1b[2J and more"
BYTES: Final = b"\x00\xff\xfe" * 20
older_decode: Final = partial(decode, upcasters=UpcasterChain({"LessonRequested": 1}, {}), contracts=(LessonRequested,))
"""As a version decodes that does not know progress yet."""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
async def parked(data_dir: Path) -> Path:
    """A folder where an older version has parked the reports at 0:0 to 0:2; behind them is what nobody can read."""
    sidecar = EmbeddedSidecar.open(data_dir, partitions=1)
    try:
        for report in REPORTS:
            await sidecar.log.append_to(0, report.learner_id, value_of(report))
        await sidecar.log.append_to(0, None, JUNK)
        await sidecar.log.append_to(0, None, BYTES)
        engine = Engine(log=sidecar.log_reader, reader=sidecar.state, writer=sidecar.state)
        await engine.establish()
        read = await sidecar.log_reader.read(0, 0, 5, max_records=10, max_bytes=10**6)
        with patch("projector.items.decode", older_decode):
            assert await engine.handle(read.records) is Verdict.SETTLED
    finally:
        await sidecar.close()
    return data_dir


@pytest.fixture
def url(parked: Path) -> Iterator[str]:
    """Where the present version serves from that folder."""
    with running_server(parked) as server:
        yield server.url


def run(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return learnflow("parked", *arguments, "--data-dir", data_dir)


def document(data_dir: Path, *arguments: str) -> Any:
    done = run(data_dir, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def one_line(text: str) -> str:
    (line,) = text.strip().splitlines()
    return line


def test_an_operator_finds_looks_mends_and_gives_up(parked: Path, url: str) -> None:
    listed = run(parked, "list")
    assert listed.returncode == 0, listed.stderr
    *lines, summary = listed.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["0:0", "0:1", "0:2", "0:3", "0:4"]
    assert summary == "5 parked in generation 1: 2 not-json, 3 unknown-type"
    assert len(run(parked, "list", "--reason", "not-json").stdout.splitlines()) == 3

    shown = run(parked, "show", "0:1")
    assert "unknown-type" in shown.stdout
    assert json.loads(shown.stdout.partition("\n\n")[2]) == json.loads(value_of(REPORTS[1]))

    with httpx2.Client(base_url=url, timeout=60, trust_env=False) as client:
        assert client.get("status", params={"learner_id": "ada"}).status_code == 404
        named = run(parked, "retry", "0:1")
        assert (named.returncode, named.stderr) == (0, "")
        assert named.stdout.splitlines() == ["0:1  folded", "1 applied"]
        assert client.get("status", params={"learner_id": "ada"}).json()["events"] == 1
        rest = run(parked, "retry", "--all")
        assert rest.returncode == 1
        assert rest.stdout.splitlines()[-1] == "2 applied, 2 still-parked"
        status = client.get("status", params={"learner_id": "ada"}).json()
        assert (status["events"], status["lessons_completed"]) == (len(REPORTS), len(REPORTS))
        again = run(parked, "retry", "0:1")
        assert (again.returncode, again.stdout.splitlines()[0]) == (1, "0:1  nothing is parked there")

        # The server goes on, from the same accounts.
        body = {"learner_id": "ada", "lesson_id": "l-9", "completion": 1}
        token = client.post("update-progress", json=body).raise_for_status().headers["Consistency-Token"]
        headers = {"Consistency-Token": token, "Prefer": "wait=30"}
        status = client.get("status", params={"learner_id": "ada"}, headers=headers).json()
        assert status["events"] == len(REPORTS) + 1

    assert run(parked, "drop", "0:3", "0:4", "--reason", "probes", "--by", "olga").returncode == 0
    empty = run(parked, "list")
    assert empty.stdout.splitlines() == ["Nothing is parked in generation 1.", "2 dropped (`--all` shows them)"]
    everything = run(parked, "list", "--all").stdout
    assert everything.count("dropped by olga on ") == 2
    assert everything.count(": probes\n") == 2
    assert run(parked, "retry", "--all").stdout == "Nothing is parked that could be retried.\n"


def test_programs_get_json(parked: Path) -> None:
    listed = document(parked, "list")
    assert [one["position"] for one in listed["parked"]] == [f"0:{offset}" for offset in range(5)]
    assert listed["reasons"] == {"not-json": 2, "unknown-type": 3}
    shown = document(parked, "show", "0:4")
    assert (shown["sha256"], shown["size"]) == (hashlib.sha256(BYTES).hexdigest(), len(BYTES))
    assert "value_text" not in shown
    retried = document(parked, "retry", "0:0", "0:2")
    assert retried["outcomes"] == {"applied": 2}
    dropped = document(parked, "drop", "0:4", "--reason", "a probe")["dropped"]
    assert [(one["position"], one["by"], one["before"]) for one in dropped] == [("0:4", getpass.getuser(), False)]
    assert document(parked, "list")["dropped"] == 1
    assert [one["dropped"] is None for one in document(parked, "list", "--all")["parked"]] == [True, True, False]


@pytest.mark.parametrize(("position", "value"), [("0:3", JUNK), ("0:4", BYTES)], ids=["text", "bytes"])
def test_the_exact_bytes_are_written_where_they_are_asked_for(parked: Path, position: str, value: bytes) -> None:
    raw = subprocess.run(
        [str(LEARNFLOW), "parked", "show", position, "--raw", "--data-dir", parked],
        capture_output=True,
        check=True,
        env=environment(),
    )
    assert raw.stdout == value
    shown = run(parked, "show", position)
    assert "\x1b" not in shown.stdout
    assert (r"\x1b[2J" in shown.stdout) == (value is JUNK)
    assert ("00000010  ff fe" in shown.stdout) == (value is BYTES)


def test_a_drop_is_written_down_once_and_taken_back_by_name(parked: Path) -> None:
    dropped = run(parked, "drop", "0:0", "--reason", " not needed ", "--by", "olga")
    assert dropped.returncode == 0
    assert one_line(dropped.stdout).startswith("0:0  dropped by olga on ")
    assert one_line(dropped.stdout).endswith(": not needed")
    again = run(parked, "drop", "0:0", "--reason", "another", "--by", "otto")
    assert again.returncode == 0
    assert one_line(again.stdout) == one_line(dropped.stdout).replace("  dropped", "  already dropped")
    back = run(parked, "retry", "0:0")
    assert back.returncode == 0
    assert "the decision is removed" in back.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "0:9"], "nothing is parked at 0:9 in generation 1"),
        (["show", "9:0"], "nothing is parked at 9:0 in generation 1"),
        (["show", "\x1b[2J"], "is no position: expected PARTITION:OFFSET"),
        (["show", "0:0", "--raw", "--json"], "--raw and --json exclude each other"),
        (["list", "--generation", "7"], "there is no generation 7"),
        (["retry"], "name the positions to retry, or say --all or --reason REASON"),
        (["retry", "0:0", "--all"], "name the positions to retry, or say --all or --reason REASON"),
        (["drop", "0:0", "--reason", "  "], "--reason is empty: say why nobody needs it"),
        (["drop", "0:9", "--reason", "gone"], "nothing is parked at 0:9 in generation 1"),
    ],
)
def test_what_can_not_be_done_is_told_in_one_line(parked: Path, arguments: list[str], message: str) -> None:
    refused = CliRunner().invoke(commands, [*arguments, "--data-dir", str(parked)])
    assert refused.exit_code == 1
    assert message in one_line(refused.stderr)
    assert "\x1b[2J" not in refused.stderr


def test_of_several_to_drop_those_that_are_parked_are_dropped(parked: Path) -> None:
    some = run(parked, "drop", "0:9", "0:4", "--reason", "probes")
    assert some.returncode == 1
    assert "nothing is parked at 0:9" in one_line(some.stderr)
    assert one_line(some.stdout).startswith("0:4  dropped by ")
    assert document(parked, "list")["dropped"] == 1


def test_every_command_tells_by_example_how_it_is_used() -> None:
    for command in ("list", "show", "retry", "drop"):
        told = learnflow("parked", command, "--help")
        assert told.returncode == 0
        assert f"learnflow parked {command}" in told.stdout


def test_two_operators_at_once_fold_everything_once(parked: Path, url: str) -> None:
    command = [str(LEARNFLOW), "parked", "retry", "--all", "--data-dir", str(parked)]
    racing = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) for _ in range(2)]
    said = [process.communicate(timeout=60)[0] for process in racing]
    assert sum(one.count("  folded\n") for one in said) == len(REPORTS)
    with httpx2.Client(base_url=url, timeout=60, trust_env=False) as client:
        assert client.get("status", params={"learner_id": "ada"}).json()["events"] == len(REPORTS)
    assert {one["reason"] for one in document(parked, "list")["parked"]} == {"not-json"}


async def test_an_event_that_a_fold_could_not_take_is_taken_after_the_fix(data_dir: Path) -> None:
    sidecar = EmbeddedSidecar.open(data_dir, partitions=1)
    try:
        fact = replace(REPORTS[0], achievements=("first",))
        await sidecar.log.append_to(0, "ada", value_of(fact))
        engine = Engine(log=sidecar.log_reader, reader=sidecar.state, writer=sidecar.state)
        await engine.establish()
        read = await sidecar.log_reader.read(0, 0, 1, max_records=1, max_bytes=10**6)
        with patch("projector.learner_fold._fold_achievements", side_effect=ZeroDivisionError):
            assert await engine.handle(read.records) is Verdict.SETTLED
    finally:
        await sidecar.close()
    assert document(data_dir, "list")["reasons"] == {"fold-failed": 1}
    assert document(data_dir, "retry", "--reason", "fold-failed")["outcomes"] == {"applied": 1}
