"""Tools for manifests: what is said when they can't be had, and that they are what is pinned."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from deploy.manifests import definitions, kustomize_tools
from deploy.manifests.definitions import DAPR
from deploy.manifests.provision import ManifestTools, provide, why_not
from deploy.stack.errors import InstallFailed, ToolMissing
from deploy.stack.programs import version_of
from deploy.stack.service import CHECKOUT
from tests.real_stack import REQUIRED


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty PATH and an empty cache; gives the one folder on PATH."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("LEARNFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("deploy.stack.go.FOLDER", tmp_path / "no-go")
    return programs


def go(folder: Path, version: str, policy: str = "local", download: str = "exit 1") -> None:
    """Put a Go there that says its version, whether it fetches newer ones, and what it has downloaded."""
    file = folder / "go"
    file.write_text(
        f"""#!/bin/sh
case "$1" in
env) echo {policy} ;;
version) echo "go version go{version} linux/amd64" ;;
*) {download} ;;
esac
""",
        encoding="utf-8",
    )
    file.chmod(0o755)


def test_what_is_missing_is_said_in_one_line(bare: Path, tmp_path: Path) -> None:
    assert bare.is_dir()
    reason = why_not()
    assert reason is not None
    assert "\n" not in reason
    assert "kustomize needs Go 1.24.0 or newer (there is no go on PATH)" in reason
    with pytest.raises(ToolMissing, match="kustomize"):
        provide()
    assert not (tmp_path / "cache").exists()


def test_a_go_that_is_too_old(bare: Path) -> None:
    go(bare, "1.22.1")
    assert f"({bare / 'go'} is 1.22.1)" in (why_not() or "")
    go(bare, "1.22.1", policy="auto")
    assert why_not() is None
    go(bare, "1.20.1", policy="auto")
    assert why_not() is not None
    go(bare, "1.24.0")
    assert why_not() is None


def test_what_is_in_the_cache_needs_no_go(manifest_tools: ManifestTools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("deploy.stack.go.FOLDER", Path("/nowhere"))
    assert why_not() is None
    assert provide() == manifest_tools


def test_kustomize_is_the_one_that_is_pinned(manifest_tools: ManifestTools) -> None:
    said = version_of([manifest_tools.kustomize, "version"])
    assert said is not None
    assert ".".join(map(str, said)) == kustomize_tools.VERSION
    pinned = (kustomize_tools.MODULE / "go.mod").read_text(encoding="utf-8")
    assert f"{kustomize_tools.PROGRAM} v{kustomize_tools.VERSION}\n" in pinned


def test_dapr_is_the_one_that_the_stack_has() -> None:
    # Pinned twice, once for the programs; Go writes checksums of modules as we do.
    sums = (CHECKOUT / "deploy" / "stack" / "dapr" / "go.sum").read_text(encoding="utf-8")
    assert f"{DAPR.module.replace('@', ' ')} {DAPR.checksum}\n" in sums


@pytest.mark.parametrize(
    ("checksum", "files", "why"),
    [
        ("h1:another", ["charts/dapr/crds/a.yaml"], "its checksum is h1:another, and not h1:Ra9AE9ek"),
        (DAPR.checksum, ["charts/a.yaml"], r"there is no charts/dapr/crds/\*\.yaml in it"),
    ],
    ids=["another checksum", "without a file"],
)
def test_a_module_that_is_another_is_refused(
    bare: Path, tmp_path: Path, checksum: str, files: list[str], why: str
) -> None:
    fetched = tmp_path / "module"
    for file in files:
        (fetched / file).parent.mkdir(parents=True)
        (fetched / file).touch()
    (tmp_path / "said").write_text(json.dumps({"Dir": str(fetched), "Sum": checksum}), encoding="utf-8")
    go(bare, "1.24.0", download=f"/bin/cat {tmp_path / 'said'}")
    with pytest.raises(InstallFailed, match=why):
        definitions.provide()
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


# On a machine without Go, and with nothing in its cache; in one process, because most of the time goes into imports.
TWICE: Final = f"""
import os, sys
from pathlib import Path
import pytest
from deploy.stack import go

go.FOLDER = Path("/nowhere")
for required in ("", "1"):
    os.environ[{REQUIRED!r}] = required
    ended = pytest.main(["-q", "-p", "no:cacheprovider", "tests/manifests/test_annotations.py"])
    print("ended with", int(ended), flush=True)
"""


@pytest.mark.process
def test_tests_are_skipped_and_the_end_says_why_or_fail_where_the_tools_are_required(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", TWICE],
        cwd=CHECKOUT,
        env={**os.environ, "PATH": str(tmp_path), "LEARNFLOW_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    skipping, _, failing = ran.stdout.partition("ended with 0\n")
    found = re.search(r"^(\d+) tests of manifests were skipped: kustomize needs Go", skipping, re.MULTILINE)
    assert found is not None, ran.stdout
    assert re.search(rf"\b{found[1]} skipped in ", skipping), ran.stdout
    assert "LEARNFLOW_REQUIRE_STACK=1, and there are no tools for manifests: kustomize needs Go" in failing
    assert failing.endswith("ended with 1\n")
