"""Reads packs of teaching material from folders; `docs/packs.md` says what is in them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from curriculum.concept_parsing import lines_of, read_concept
from curriculum.errors import PackFault, PackFaults
from curriculum.fault_list import FaultList
from curriculum.header_reading import NAME, PackHeader, Places, read_header
from curriculum.markdown_sections import has_html
from curriculum.material import Curriculum, Module, Pack
from curriculum.pack_rules import check_listing, check_names, check_prerequisites

BUNDLED: Final[Path] = Path(__file__).parent / "packs"
"""The folder of the packs that come with LearnFlow."""

HEADER: Final = "pack.toml"
CONCEPTS: Final = "concepts"


def read_pack(folder: Path) -> Pack:
    """Read and check a pack.

    Args:
        folder: the pack's own, which is named as the pack.

    Raises:
        PackFaults: something is wrong with it; carries all that is.
    """
    header_faults = FaultList(folder / HEADER)
    header, places = _read_pack_header(folder, header_faults)
    files = _files(folder / CONCEPTS, header_faults)
    lists = {file: FaultList(file) for file in files.values()}
    order = [] if header is None else [name for module in header.modules for name in module.concepts]
    ranks = {name: rank for rank, name in reversed(list(enumerate(order)))}
    names = sorted(files, key=lambda name: (ranks.get(name, len(ranks)), name))
    read = [read_concept(files[name], folder.resolve().name, lists[files[name]]) for name in names]
    parsed = [one for one in read if one is not None]
    if header is not None:
        check_listing(header, places, files, header_faults)
        check_prerequisites(parsed, [f"{header.id}/{name}" for name in order], lists)
    check_names(parsed, lists)
    faults = [fault for one in (header_faults, *lists.values()) for fault in one.faults]
    if faults or header is None:
        raise PackFaults(faults)
    by_id = {one.concept.id: one.concept for one in parsed}
    return Pack(
        id=header.id,
        version=header.version,
        title=header.title,
        summary=header.summary,
        aliases=header.aliases,
        modules=tuple(
            Module(module.id, module.title, tuple(by_id[f"{header.id}/{name}"] for name in module.concepts))
            for module in header.modules
        ),
    )


def read_curriculum(folders: Sequence[Path]) -> Curriculum:
    """Read and check all packs of some folders, in the order of the folders and of the names in each.

    Args:
        folders: each holds packs, one folder a pack. A folder without `pack.toml` and without `concepts` is none, nor
            is one whose name begins with a dot.

    Raises:
        PackFaults: a pack is wrong, two have one id, or a folder holds none; carries all that is wrong in any of them.
    """
    faults: list[PackFault] = []
    packs: dict[str, Pack] = {}
    homes: dict[str, Path] = {}
    for folder in folders:
        for home in _packs_in(folder, faults):
            first = homes.setdefault(home.name, home)
            if first is not home:
                wrong = f"there is a pack {home.name!r} already, in {first}"
                faults.append(PackFault(home / HEADER, 1, wrong, "one pack of an id"))
                continue
            try:
                packs[home.name] = read_pack(home)
            except PackFaults as found:
                faults.extend(found.faults)
    if faults:
        raise PackFaults(faults)
    return Curriculum(tuple(packs.values()))


def _packs_in(folder: Path, faults: list[PackFault]) -> list[Path]:
    if (folder / HEADER).exists():
        wrong = f"this is a pack and not a folder of packs: {folder}"
        faults.append(PackFault(folder, 1, wrong, "the folder that it is in"))
        return []
    try:
        inside = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    except OSError as failure:
        faults.append(
            PackFault(folder, 1, f"the folder can't be read: {failure.strerror}", "a folder that holds packs")
        )
        return []
    found = [one for one in inside if (one / HEADER).exists() or (one / CONCEPTS).exists()]
    if not found:
        faults.append(PackFault(folder, 1, f"there is no pack in {folder}", f"folders with a file {HEADER}"))
    return found


def _read_pack_header(folder: Path, faults: FaultList) -> tuple[PackHeader | None, Places]:
    lines = lines_of(folder / HEADER, faults)
    if lines is None:
        return None, Places([])
    places = Places(lines)
    header = read_header("\n".join(lines), PackHeader, places, 1, faults)
    if header is None:
        return None, places
    if header.id != folder.resolve().name:
        wrong = f"the id {header.id!r} is not the folder's name"
        faults.add(places.of("id"), wrong, f"{folder.resolve().name!r}, or another name for the folder")
    texts = [("title", header.title), ("summary", header.summary), *(("aliases", alias) for alias in header.aliases)]
    for key, text in texts:
        if has_html(text):
            faults.add(places.of(key, text), f"{key}: HTML can't be shown", "plain text")
    return header, places


def _files(folder: Path, faults: FaultList) -> Mapping[str, Path]:
    """The files of concepts by name; notes a fault for whatever else is there and not hidden."""
    try:
        inside = sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    except OSError as failure:
        faults.add(1, f"the folder {CONCEPTS} can't be read: {failure.strerror}", f"concepts in {folder}")
        return {}
    found: dict[str, Path] = {}
    for one in inside:
        if one.suffix == ".md" and re.match(NAME, one.stem) and one.is_file():
            found[one.stem] = one
        else:
            faults.faults.append(
                PackFault(one, 1, f"{one.name!r} is no concept", "<name>.md, of words joined by hyphens")
            )
    return found
