"""What commands print is what they were given, and a command that is ended says how to go on."""

import ast
import asyncio
import io
import json
from pathlib import Path

import pytest
import typer
from rich.console import Console

from learnflow import generations_commands, progress
from learnflow.operating import INTERRUPTED, acceptance_of, operate, print_json
from learnflow.replaying.reporting import Bar
from learnflow.sidecar import ToolPorts
from learnflow.terminal import errors, fail, output
from projector.verification.enumeration import Progress
from sidecar.embedded import EmbeddedSidecar

ROOT = Path(__file__).parents[2]
EMOJI = "learner/org:cat:7"


def test_json_is_exact(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"example": EMOJI, "markup": "[red]x[/red]", "wide": "word " * 100, "lines": ["\t", "é"]}
    print_json(document)
    written = capsys.readouterr().out
    assert json.loads(written) == document
    assert written == json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def test_ids_are_no_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    output.print(EMOJI, markup=False)
    errors.print(EMOJI, markup=False)
    Bar()._console.print(EMOJI, markup=False)
    with pytest.raises(typer.Exit):
        fail(EMOJI)
    said = capsys.readouterr()
    assert said.out == f"{EMOJI}\n"
    assert said.err == f"{EMOJI}\n{EMOJI}\nlearnflow: {EMOJI}\n"


def test_no_console_is_made_that_draws_pictures() -> None:
    made = 0
    for file in (ROOT / "learnflow").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Console":
                made += 1
                assert "emoji=False" in map(ast.unparse, node.keywords), f"{file}:{node.lineno}"
    assert made >= 4


@pytest.mark.parametrize("status", [1, 2])
def test_a_pattern_that_is_none_ends_the_program_with_one_line(status: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        acceptance_of(["leaner:*"], status=status)
    assert ended.value.exit_code == status
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that a service has made."""

    async def make() -> None:
        await EmbeddedSidecar.open(tmp_path / "data", partitions=2).close()

    asyncio.run(make())
    return tmp_path / "data"


@pytest.mark.parametrize("said", [None, "it is [x] :cat:"])
def test_ctrl_c_ends_it_with_what_there_is_to_say(
    folder: Path, said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    async def step(_: ToolPorts) -> None:
        await asyncio.sleep(0)
        raise KeyboardInterrupt

    with pytest.raises(typer.Exit) as ended:
        operate(folder, step, interrupted=said)
    assert ended.value.exit_code == INTERRUPTED
    assert capsys.readouterr().err == ("" if said is None else f"{said}\n")


def test_what_can_not_be_done_ends_with_the_status_asked_for(tmp_path: Path) -> None:
    async def step(_: ToolPorts) -> None:
        await asyncio.sleep(0)

    with pytest.raises(typer.Exit) as ended:
        operate(tmp_path / "nothing", step, unreadable=2)
    assert ended.value.exit_code == 2


def test_pruning_shows_how_far_it_is_and_says_how_to_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(progress, "errors", Console(file=terminal, force_terminal=True, width=100, emoji=False))

    async def found_half(*_: object, progress: Progress) -> None:
        progress(50, 200)
        await asyncio.sleep(0)
        raise KeyboardInterrupt

    async def nothing(*_: object) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(generations_commands, "prune", found_half)
    monkeypatch.setattr(generations_commands, "abandon", nothing)
    with pytest.raises(typer.Exit) as ended:
        generations_commands.prune_generation(1, data_dir=folder)
    assert ended.value.exit_code == INTERRUPTED
    assert "25%" in terminal.getvalue()
    assert capsys.readouterr().err == "stopped; run it again to go on\n"


def test_nothing_is_drawn_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_of_log() as shown:
        assert shown is None
    assert capsys.readouterr().err == ""
