"""`learnflow packs`: what is listed, what is told of a pack that is wrong, and what running its programs finds."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from curriculum.reading import BUNDLED, read_curriculum
from learnflow.packs_command import commands
from tests.curriculum.pack_text import FILES, write_files

SOIL, WATERING = "concepts/soil.md", "concepts/watering.md"


def invoke(*words: str, packs: str | None = None) -> Result:
    return CliRunner().invoke(commands, list(words), env={"LEARNFLOW_PACKS": packs})


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_files(tmp_path / "gardening", FILES)


def line_of(file: Path, text: str) -> int:
    return file.read_text(encoding="utf-8").split("\n").index(text) + 1


def spoil(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_what_is_installed_is_listed() -> None:
    result = invoke("list")
    assert result.exit_code == 0
    for pack in read_curriculum([BUNDLED]).packs:
        assert pack.release in result.stdout
        for module in pack.modules:
            for title in (module.title, *(concept.title for concept in module.concepts)):
                assert title in result.stdout


def test_the_list_is_json_on_request(pack: Path) -> None:
    result = invoke("list", "--json", "--packs", str(pack.parent))
    assert result.exit_code == 0
    (gardening,) = [one for one in json.loads(result.stdout) if one["id"] == "gardening"]
    assert gardening == {
        "id": "gardening",
        "version": "1.0.0",
        "title": "Gardening",
        "summary": "From soil to harvest.",
        "modules": [
            {
                "id": "ground",
                "title": "From the ground up",
                "concepts": [
                    {"id": "gardening/soil", "title": "Soil", "level": "beginner"},
                    {"id": "gardening/watering", "title": "Watering", "level": "intermediate"},
                ],
            }
        ],
    }


def test_further_folders_come_from_the_environment(tmp_path: Path) -> None:
    write_files(tmp_path / "one" / "gardening", FILES)
    other = {**FILES, "pack.toml": FILES["pack.toml"].replace('id = "gardening"', 'id = "allotments"')}
    write_files(tmp_path / "two" / "allotments", other)
    result = invoke("list", packs=os.pathsep.join((str(tmp_path / "one"), "", str(tmp_path / "two"))))
    assert result.exit_code == 0
    assert "gardening@1.0.0" in result.stdout
    assert "allotments@1.0.0" in result.stdout


def test_a_folder_that_can_not_be_listed_is_told(tmp_path: Path) -> None:
    result = invoke("list", "--packs", str(tmp_path))
    assert result.exit_code == 1
    assert f"there is no pack in {tmp_path}" in result.stderr


def test_a_pack_that_is_right_is_told_with_what_is_in_it(pack: Path) -> None:
    for folder in (pack, pack.parent):
        result = invoke("check", str(folder))
        assert result.exit_code == 0
        assert result.stdout == (
            "gardening@1.0.0: 1 module, 2 concepts, 2 examples, 3 exercises, 2 questions; no fault\n"
        )


def test_every_fault_is_told_with_its_file_and_line(pack: Path) -> None:
    spoil(pack / SOIL, "Minutes: 30", "Minutes: 31")
    spoil(pack / WATERING, "[x]", "[ ]")
    result = invoke("check", str(pack))
    assert result.exit_code == 1
    first, second, summary = result.stderr.splitlines()
    line = line_of(pack / SOIL, "Objectives: 2. Difficulty: 3. Minutes: 31.")
    assert first == f"{pack / SOIL}:{line}: Minutes is 31; expected 1 to 30"
    line = line_of(pack / WATERING, "- [ ] Enough")
    assert second == f"{pack / WATERING}:{line}: none of the answers is right; expected exactly one [x]"
    assert summary == "learnflow: 2 faults"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = invoke("check", str(tmp_path / "nowhere"))
    assert result.exit_code == 1
    assert "No such file or directory" in result.stderr


def test_programs_that_do_what_they_should_are_counted(pack: Path) -> None:
    result = invoke("check", str(pack), "--run")
    assert result.exit_code == 0
    assert "3 programs run; no fault" in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "heading", "wrong"),
    [
        ("print(1 + 2)", "print(1 + 3)", "Example: Adding up", "the example prints '4'; expected '3'"),
        (
            "print(1 + 2)",
            "print(1 / 0)",
            "Example: Adding up",
            "the example fails: ZeroDivisionError: division by zero",
        ),
        ("print(1 + 2)", "print(3 + len(input()))", "Example: Adding up", "the example fails: EOFError"),
        (
            "return 2 * number",
            "return 3 * number",
            "Exercise: Two beds",
            "the solution with its check fails: Assertion",
        ),
        ("    ...", "    return number + number", "Exercise: Two beds", "the start with the check passes"),
    ],
)
def test_programs_that_do_not_are_told(pack: Path, old: str, new: str, heading: str, wrong: str) -> None:
    spoil(pack / WATERING, old, new)
    assert invoke("check", str(pack)).exit_code == 0
    result = invoke("check", str(pack), "--run")
    assert result.exit_code == 1
    line = line_of(pack / WATERING, f"## {heading}")
    assert f"{pack / WATERING}:{line}: {heading}: {wrong}" in result.stderr


def test_a_program_that_never_ends_is_ended(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learnflow.pack_running.TIMEOUT_SECONDS", 1)
    spoil(pack / WATERING, "print(1 + 2)", "while True: pass")
    result = invoke("check", str(pack), "--run")
    assert result.exit_code == 1
    assert "the example doesn't end; expected an end within 1 seconds" in result.stderr


def test_each_program_has_an_empty_folder_of_its_own(pack: Path) -> None:
    program = 'import os\nfrom pathlib import Path\nprint(os.listdir())\nPath("left.txt").write_text("x")'
    spoil(pack / WATERING, "print(1 + 2)", program)
    spoil(pack / WATERING, "```output\n3\n", "```output\n[]\n")
    spoil(
        pack / WATERING,
        "assert double(4)",
        'import os\nassert os.listdir() == []\nopen("a", "w").close()\nassert double(4)',
    )
    before = sorted(pack.rglob("*"))
    assert invoke("check", str(pack), "--run").exit_code == 0
    assert sorted(pack.rglob("*")) == before
