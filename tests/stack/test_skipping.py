"""Tests of the real stack where it can't be had."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.stack.service import CHECKOUT


def run_tests(folder: Path, required: str) -> subprocess.CompletedProcess[str]:
    """Run tests that want the stack, on a machine without Java."""
    environment = {
        **os.environ,
        "PATH": str(folder),
        "LEARNFLOW_CACHE": str(folder),
        "LEARNFLOW_REQUIRE_STACK": required,
    }
    environment.pop("JAVA_HOME", None)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/stack/test_daprd.py"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.process
def test_they_are_skipped_and_the_end_says_why(tmp_path: Path) -> None:
    ran = run_tests(tmp_path, "")
    assert ran.returncode == 0, ran.stdout
    found = re.search(r"^(\d+) tests on the real stack were skipped: ", ran.stdout, re.MULTILINE)
    assert found is not None, ran.stdout
    assert f"\n{found[1]} skipped in " in ran.stdout
    assert "Kafka needs Java 17 or newer (there is no java on PATH)" in ran.stdout


@pytest.mark.process
def test_they_fail_where_the_stack_is_required(tmp_path: Path) -> None:
    ran = run_tests(tmp_path, "1")
    assert ran.returncode == 1
    assert re.search(r"^\d+ errors in ", ran.stdout, re.MULTILINE), ran.stdout
    assert "LEARNFLOW_REQUIRE_STACK=1, and there is no stack: " in ran.stdout
