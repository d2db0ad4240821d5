"""What the README tells a newcomer to type does what it says."""

import re
import shutil
from pathlib import Path

import pytest

from learnflow.settings import Settings
from tests.e2e.readme import EXPORTS, README, ROOT, follow
from tests.servers import running_server


@pytest.mark.process
@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's examples need curl")
def test_every_command_works_in_turn(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        exports = f"{EXPORTS.replace('http://127.0.0.1:8000', server.url)}\nexport LEARNFLOW_DATA_DIR={tmp_path}"
        follow(exports, server.url)


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
