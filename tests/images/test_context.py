"""What goes into an image, and the tag that names it."""

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.images.build import BASE, ROOT
from deploy.images.context import Context, contexts, version
from deploy.images.errors import UnusableContext
from deploy.images.ignoring import Ignore

TEXTS: Final = st.binary(max_size=20)
PATHS: Final = st.text("ab/", min_size=1, max_size=6).filter(lambda path: "//" not in path and path.strip("/") == path)
CONTEXTS: Final = st.builds(Context, st.just("s"), TEXTS, st.dictionaries(PATHS, TEXTS, min_size=1, max_size=4))


@given(CONTEXTS, st.text(max_size=9), st.data())
def test_the_tag_is_another_with_each_kind_of_change(context: Context, base: str, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(context.files)))
    content = context.files[path]
    without = {name: content for name, content in context.files.items() if name != path}
    changed = [
        replace(context, dockerfile=context.dockerfile + b"\n"),
        replace(context, files={**context.files, path: content + b"!"}),
        replace(context, files={**without, f"{path}z": content}),
        replace(context, files=without),
        replace(context, files={**context.files, "another": b""}),
    ]
    tags = [context.tag(base), context.tag(f"{base}@sha256:0"), *(other.tag(base) for other in changed)]
    assert len(set(tags)) == len(tags)


@given(CONTEXTS)
def test_the_tag_is_the_same_for_the_same_content(context: Context) -> None:
    turned = {path: context.files[path] for path in sorted(context.files, reverse=True)}
    assert replace(context, files=turned).tag(BASE) == context.tag(BASE)
    assert len(context.tag(BASE)) == 12
    int(context.tag(BASE), 16)


def test_a_part_moved_from_a_name_to_a_content_changes_the_tag() -> None:
    one = Context("s", b"", {"a": b"bc"})
    assert one.tag("") != replace(one, files={"ab": b"c"}).tag("")


def test_every_service_has_all_of_learnflow_and_nothing_of_the_others() -> None:
    found = {context.service: context for context in contexts(ROOT)}
    for service, context in found.items():
        paths = set(context.files)
        assert {"pyproject.toml", "LICENSE", "README.md", "learnflow/entry.py", "deploy/images/sbom.py"} <= paths
        assert {f"requirements/{name}.txt" for name in ("runtime", "build", "image")} <= paths
        assert any(path.startswith("curriculum/packs/python/") for path in paths)
        assert f"phase-3-backend-services/{service}/main.py" in paths
        others = {path.split("/")[1] for path in paths if path.startswith("phase-3-backend-services/")}
        assert others == {service}


def test_what_is_no_business_of_an_image_stays_out() -> None:
    for context in contexts(ROOT):
        for path in context.files:
            names = path.split("/")
            assert not any(name.startswith(".") or name in {"__pycache__", "tests", "kubernetes"} for name in names), (
                path
            )
            assert names[0] not in {"data", "docs", "bench", "samples", "skills", "tests"}, path
            assert names[0] != "deploy" or path == "deploy/images/sbom.py"
            assert not path.endswith((".pyc", ".pem", ".key", ".db", ".env", "Dockerfile")), path


def tree(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path, encoding="utf-8")


def test_the_rules_are_those_of_docker(tmp_path: Path) -> None:
    tree(tmp_path, "a/b.py", "a/c.pyc", "a/.git/x", "d/e/f", "d/g", "h", "i/Dockerfile", "i/j/Dockerfile", ".venv/k")
    (tmp_path / ".dockerignore").write_text(
        "# what goes in\n*\n!a\n!d/e/f\n!i\n\n**/.*\n**/*.pyc\ni/*ockerfile\n", encoding="utf-8"
    )
    ignore = Ignore.read(tmp_path / ".dockerignore")
    assert set(ignore.files(tmp_path)) == {"a/b.py", "d/e/f", "i/j/Dockerfile"}


@pytest.mark.parametrize("pattern", ["a?", "[ab]", "a/**/b", "a\\b"])
def test_a_pattern_that_is_not_understood_is_refused(tmp_path: Path, pattern: str) -> None:
    (tmp_path / ".dockerignore").write_text(pattern, encoding="utf-8")
    with pytest.raises(UnusableContext, match="not understood"):
        Ignore.read(tmp_path / ".dockerignore")


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("/etc/passwd")
    (tmp_path / ".dockerignore").touch()
    with pytest.raises(UnusableContext, match="symbolic link"):
        list(Ignore.read(tmp_path / ".dockerignore").files(tmp_path))


def test_a_checkout_without_services_is_told_about(tmp_path: Path) -> None:
    with pytest.raises(UnusableContext, match="scaffold"):
        contexts(tmp_path)
    with pytest.raises(UnusableContext, match="version"):
        version(tmp_path)


def test_written_files_are_alike_wherever_they_came_from(tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        Context("s", b"RUN --mount=type=secret,id=ca set -eu", {"a/b": b"c"}).write(tmp_path, secrets=False)
    finally:
        os.umask(mask)
    assert (tmp_path / "Dockerfile").read_bytes() == b"RUN set -eu"
    assert (tmp_path / "a/b").read_bytes() == b"c"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "a/b").stat().st_mode) == 0o644
    assert (tmp_path / "a/b").stat().st_mtime == 315532800


def test_a_secret_is_asked_for_where_it_can_be_had(tmp_path: Path) -> None:
    found = contexts(ROOT)[0]
    found.write(tmp_path)
    assert b"--mount=type=secret" in (tmp_path / "Dockerfile").read_bytes()
    found.write(tmp_path, secrets=False)
    assert b"--mount" not in (tmp_path / "Dockerfile").read_bytes()
