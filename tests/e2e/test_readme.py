"""What the README tells a newcomer to type does what it says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from learnflow.settings import Settings
from tests.servers import running_server

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
# Fails on an HTTP error, which plain curl does not, and takes the import's address from the environment.
PRELUDE = 'set -euo pipefail; curl() { command curl --fail-with-body "$@"; }\n'


@pytest.mark.process
@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's examples need curl")
def test_every_command_works_in_turn(tmp_path: Path) -> None:
    outputs = []
    with running_server(tmp_path) as server:
        for block in BLOCKS:
            script = block.replace("http://127.0.0.1:8000", server.url)
            script = script.replace(
                ".venv/bin/learnflow import", f"{Path(sys.executable).parent}/learnflow import --url {server.url}"
            )
            done = subprocess.run(
                ["bash", "-c", PRELUDE + script],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
                env=os.environ | {"NO_COLOR": "1"},
            )
            assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
            outputs.append(done.stdout)
        with urlopen(f"{server.url}/status?learner_id=ada") as answer:  # noqa: S310 - our own address
            status = json.load(answer)
    lesson = json.loads(outputs[0])["lesson"]
    assert (lesson["learner_id"], lesson["topic"], lesson["duration_minutes"]) == ("ada", "Python decorators", 30)
    assert "202 Accepted" in outputs[1]
    waited_for = json.loads(outputs[3])
    assert waited_for["average_score"] == 0.9
    assert (status["lessons_requested"], status["lessons_completed"], status["average_score"]) == (1, 1, 0.9)


def test_every_target_and_file_it_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^|`)make ([a-z]+)", README, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
    for path in re.findall(r"\]\(([^)#]+)\)", README):
        assert path.startswith("http") or (ROOT / path).exists(), path


def test_every_setting_is_in_the_table_with_its_default() -> None:
    for name, field in Settings.model_fields.items():
        (line,) = [
            line for line in README.splitlines() if line.startswith("|") and f"`LEARNFLOW_{name.upper()}`" in line
        ]
        default = field.default
        assert (f"{default:g}" if isinstance(default, float) else str(default)) in line.split("|")[2]
