"""Programs: what is said when they are missing, and how they get into the cache."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.stack import cache
from deploy.stack.errors import InstallFailed, ToolMissing
from deploy.stack.provision import provide, why_not
from deploy.stack.service import CHECKOUT


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty PATH, an empty cache and an empty home; gives the one folder on PATH."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LEARNFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("deploy.stack.go.FOLDER", tmp_path / "no-go")
    return programs


def program(folder: Path, name: str, says: str) -> None:
    """Put a program there that answers always the same."""
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
    file.chmod(0o755)


class TestWhatIsMissing:
    def test_is_said_in_one_line(self, bare: Path) -> None:
        assert bare.is_dir()
        reason = why_not()
        assert reason is not None
        assert "\n" not in reason
        assert "Dapr needs daprd and placement 1.18.x on PATH, or Go 1.26.4 or newer" in reason
        assert "Kafka needs Java 17 or newer (there is no java on PATH)" in reason

    def test_is_said_before_anything_is_built(self, bare: Path, tmp_path: Path) -> None:
        program(bare, "go", "go version go1.26.4 linux/amd64")
        with pytest.raises(ToolMissing, match="Java"):
            provide()
        assert not (tmp_path / "cache").exists()

    def test_programs_that_are_too_old(self, bare: Path) -> None:
        program(bare, "daprd", "1.17.9")
        program(bare, "placement", "")
        program(bare, "go", "go version go1.20.1 linux/amd64")
        program(bare, "java", 'openjdk version "11.0.2" 2019-01-15')
        reason = why_not() or ""
        assert f"({bare / 'go'} is 1.20.1)" in reason
        assert f"({bare / 'java'} is 11.0.2)" in reason

    def test_a_dapr_that_fits_needs_no_go(self, bare: Path) -> None:
        program(bare, "daprd", "1.18.4")
        program(bare, "placement", "")
        program(bare, "java", 'openjdk version "21" 2023-09-19')
        assert why_not() == "Kafka needs Maven, once, to fetch its jars (there is no mvn on PATH)"
        program(bare, "mvn", "")
        assert why_not() is None


class TestCache:
    def test_what_failed_leaves_nothing(self, tmp_path: Path) -> None:
        def fail(folder: Path) -> None:
            (folder / "half").touch()
            cache.run("thing", [sys.executable, "-c", "import sys; sys.exit('out of luck')"])

        place = tmp_path / "cache" / "thing"
        with pytest.raises(InstallFailed, match="could not install thing: out of luck"):
            cache.installed(place, "installing", fail)
        assert not place.exists()
        cache.installed(place, "installing", lambda folder: (folder / "whole").touch())
        assert [file.name for file in place.iterdir()] == ["whole"]

    def test_another_recipe_has_another_place(self, tmp_path: Path) -> None:
        recipe = tmp_path / "recipe"
        recipe.write_text("one", encoding="utf-8")
        first = cache.place_of("thing-1", [recipe, "flag"])
        assert cache.place_of("thing-1", [recipe, "flag"]) == first
        assert cache.place_of("thing-1", [recipe, "flags"]) != first
        recipe.write_text("two", encoding="utf-8")
        assert cache.place_of("thing-1", [recipe, "flag"]) != first

    @pytest.mark.process
    def test_of_several_starters_one_builds_and_the_others_wait(self, tmp_path: Path) -> None:
        code = f"""
import os, time
from pathlib import Path
from deploy.stack import cache

def build(folder):
    with open({str(tmp_path / "builders")!r}, "a") as builders:
        builders.write("one\\n")
    time.sleep(1)
    (folder / "program").touch()

place = cache.installed(Path({str(tmp_path / "cache" / "thing")!r}), "building", build)
assert (place / "program").exists()
"""
        environment = {**os.environ, "LEARNFLOW_CACHE": str(tmp_path / "cache")}
        starters = [
            subprocess.Popen(
                [sys.executable, "-c", code], cwd=CHECKOUT, env=environment, stderr=subprocess.PIPE, text=True
            )
            for _ in range(4)
        ]
        said = [starter.communicate(timeout=60)[1] for starter in starters]
        assert [starter.returncode for starter in starters] == [0] * 4, said
        assert (tmp_path / "builders").read_text(encoding="utf-8") == "one\n"
        assert "stack: building\n" in said
