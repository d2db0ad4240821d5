"""Archives are read as docker, podman and buildah write them."""

import gzip
import io
import json
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

from deploy.images import archives
from deploy.images.errors import UnreadableArchive

LOW: Final = {"etc/passwd": b"root", "usr/share/sbom/learnflow.cdx.json": b"old"}
MIDDLE: Final = {"./usr/share/sbom/learnflow.cdx.json": b"new"}
TOP: Final = {"app/main.py": b"print()"}


def tar(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def image(path: Path, *layers: bytes, packed: bool = False) -> Path:
    """Write an archive of one image; `packed` as Docker's engine writes it where it keeps layers compressed."""
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    config = {"rootfs": {"diff_ids": [f"sha256:{sha256(layer).hexdigest()}" for layer in layers]}}
    manifest = [{"Config": "config.json", "RepoTags": ["a:b"], "Layers": names}]
    members = {"manifest.json": json.dumps(manifest).encode(), "config.json": json.dumps(config).encode()}
    members |= {name: gzip.compress(layer) if packed else layer for name, layer in zip(names, layers, strict=True)}
    path.write_bytes(tar(members))
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_layers_in_common_are_counted_once(tmp_path: Path, *, packed: bool) -> None:
    low, middle, top = tar(LOW), tar(MIDDLE), tar(TOP)
    one = image(tmp_path / "one.tar", low, middle, packed=packed)
    two = image(tmp_path / "two.tar", low, top, packed=packed)
    sizes = archives.sizes([one, two])
    assert sizes.shared == len(low)
    assert sizes.together == len(low) + len(middle) + len(top)
    assert sizes.images == (len(low) + len(middle), len(low) + len(top))
    assert all(0 < compressed < size for compressed, size in zip(sizes.compressed, sizes.images, strict=True))


@pytest.mark.parametrize("packed", [False, True])
def test_the_uppermost_file_of_a_name_is_the_one_in_the_image(tmp_path: Path, *, packed: bool) -> None:
    path = image(tmp_path / "one.tar", tar(LOW), tar(MIDDLE), tar(TOP), packed=packed)
    assert archives.content(path, "/usr/share/sbom/learnflow.cdx.json") == b"new"
    assert archives.content(path, "/etc/passwd") == b"root"
    with pytest.raises(UnreadableArchive, match="no /etc/shadow"):
        archives.content(path, "/etc/shadow")


def test_what_is_no_archive_of_an_image_is_told_about(tmp_path: Path) -> None:
    with pytest.raises(UnreadableArchive):
        archives.layers(tmp_path / "absent.tar")
    (tmp_path / "text.tar").write_text("text", encoding="utf-8")
    with pytest.raises(UnreadableArchive):
        archives.layers(tmp_path / "text.tar")
    (tmp_path / "other.tar").write_bytes(tar(LOW))
    with pytest.raises(UnreadableArchive, match=r"manifest\.json"):
        archives.layers(tmp_path / "other.tar")
