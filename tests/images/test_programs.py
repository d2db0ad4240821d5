"""What is said where nothing can build, and the list of what an image consists of."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.images.build import ROOT
from deploy.images.builders import Docker, Order, find
from deploy.images.context import EPOCH
from deploy.images.errors import CannotPass, NoBuilder
from deploy.images.provenance import provenance
from deploy.images.sbom import complete, installed

STATUS: Final = """\
Package: libssl3
Status: install ok installed
Architecture: amd64
Source: openssl (3.0.16-1)
Version: 3.0.16-1~deb12u1
Description: Secure Sockets Layer toolkit
 Status: deinstall ok config-files

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: zlib1g
Status: install ok installed
Architecture: amd64
Version: 1:1.2.13+dfsg-1
"""
RELEASE: Final = {"ID": "debian", "VERSION_ID": "12"}
PYTHON_BOM: Final[dict[str, Any]] = {"bomFormat": "CycloneDX", "components": [{"bom-ref": "a==1", "name": "a"}]}


def test_only_installed_packages_are_listed() -> None:
    assert [package["Package"] for package in installed(STATUS)] == ["libssl3", "zlib1g"]


def test_the_list_has_packages_of_python_and_debian_and_the_interpreter() -> None:
    bom = complete(PYTHON_BOM, STATUS, RELEASE, "3.11.13")
    components = bom["components"]
    assert bom["bomFormat"] == "CycloneDX"
    assert [component["name"] for component in components] == ["a", "debian", "libssl3", "zlib1g", "python"]
    assert components[2]["purl"] == "pkg:deb/debian/libssl3@3.0.16-1~deb12u1?arch=amd64&distro=debian-12"
    assert components[2]["properties"] == [{"name": "debian:source", "value": "openssl"}]
    assert components[3]["purl"] == "pkg:deb/debian/zlib1g@1%3A1.2.13%2Bdfsg-1?arch=amd64&distro=debian-12"
    assert components[3]["properties"] == [{"name": "debian:source", "value": "zlib1g"}]
    assert components[4]["version"] == "3.11.13"
    references = [component["bom-ref"] for component in components]
    assert len(set(references)) == len(references)


def test_an_interpreter_that_debian_brought_is_listed_once() -> None:
    status = STATUS.replace("Package: zlib1g", "Package: python3.11-minimal")
    names = [component["name"] for component in complete(PYTHON_BOM, status, RELEASE, "3.11.2")["components"]]
    assert names == ["a", "debian", "libssl3", "python3.11-minimal"]


def test_it_is_a_program_that_needs_nothing_of_ours(tmp_path: Path) -> None:
    (tmp_path / "python.json").write_text(json.dumps(PYTHON_BOM), encoding="utf-8")
    (tmp_path / "status").write_text(STATUS, encoding="utf-8")
    program = [sys.executable, "-I", str(ROOT / "deploy/images/sbom.py")]
    ended = subprocess.run(
        [*program, "python.json", "status"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "libssl3" in {component["name"] for component in json.loads(ended.stdout)["components"]}
    refused = subprocess.run(program, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "usage" in refused.stderr


def test_where_nothing_can_build_each_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoBuilder) as caught:
        find()
    assert set(caught.value.reasons) == {"docker", "podman", "buildah"}
    with pytest.raises(NoBuilder, match="podman: is not on PATH"):
        find("podman")


def test_the_command_says_so_in_a_few_lines(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path)}
    command = [sys.executable, "-m", "deploy.images.build"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("deploy.images.build: nothing here can build images")
    assert "Traceback" not in ended.stderr


def test_certificates_are_not_silently_left_out(tmp_path: Path) -> None:
    order = Order(folder=tmp_path, references=["a:b"], arguments={}, ca=tmp_path / "ca.pem")
    with pytest.raises(CannotPass, match="certificates"):
        Docker(buildkit=False).build(order)


def test_labels_tell_the_commit_where_there_is_one(tmp_path: Path) -> None:
    assert provenance(tmp_path) == {"REVISION": "unknown", "CREATED": "1980-01-01T00:00:00Z"}
    assert EPOCH == 315532800
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    when = {**os.environ, "GIT_AUTHOR_DATE": "@1000000000 +0000", "GIT_COMMITTER_DATE": "@1000000000 +0000"}
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "a"], env=when, check=True)
    clean = provenance(tmp_path)
    assert clean["CREATED"] == "2001-09-09T01:46:40Z"
    (tmp_path / "new").touch()
    assert provenance(tmp_path)["REVISION"] == f"{clean['REVISION']}-modified"
