"""What must hold between the concepts of a pack: names, order, and what builds on what."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from curriculum.concept_parsing import ParsedConcept
from curriculum.fault_list import FaultList, nearest
from curriculum.header_reading import PackHeader, Places


def check_listing(header: PackHeader, places: Places, files: Mapping[str, Path], faults: FaultList) -> None:
    """Check that modules list each file of a concept once, and nothing else.

    Args:
        header: of the pack.
        places: of `pack.toml`.
        files: the concepts that there are, by name.
        faults: of `pack.toml`.
    """
    modules: set[str] = set()
    listed: set[str] = set()
    for number, module in enumerate(header.modules):
        if module.id in modules:
            faults.add(places.of("id", module=number), f"there is a module {module.id!r} already", "an id for each")
        modules.add(module.id)
        for name in module.concepts:
            line = places.of("concepts", name, module=number)
            if name in listed:
                faults.add(line, f"the concept {name!r} is listed twice", "it in one module, once")
            elif name not in files:
                meant = nearest(name, files)
                hint = f" ({meant!r} is there)" if meant else ""
                faults.add(line, f"there is no file concepts/{name}.md", f"a file for each concept{hint}")
            listed.add(name)
    for name in sorted(files.keys() - listed):
        line = places.of("modules")
        faults.add(line, f"no module lists concepts/{name}.md", "each concept in one module")


def check_names(concepts: Sequence[ParsedConcept], lists: Mapping[Path, FaultList]) -> None:
    """Check that no title or alias names two concepts, whatever its case.

    Args:
        concepts: in the usual order.
        lists: where to note faults, by file.
    """
    owners: dict[str, ParsedConcept] = {}
    for parsed in concepts:
        aliases = Counter(map(_folded, parsed.concept.aliases))
        for alias, count in aliases.items():
            if count > 1:
                lists[parsed.file].add(parsed.places.of("aliases"), f"the alias {alias!r} is there twice", "it once")
        for key, names in (("title", (parsed.concept.title,)), ("aliases", parsed.concept.aliases)):
            for name in names:
                owner = owners.setdefault(_folded(name), parsed)
                if owner is not parsed:
                    wrong = f"{name!r} also names {owner.concept.id}"
                    line = parsed.places.of(key, name)
                    lists[parsed.file].add(line, wrong, "titles and aliases that name one concept")


def check_prerequisites(
    concepts: Sequence[ParsedConcept], order: Sequence[str], lists: Mapping[Path, FaultList]
) -> None:
    """Check that prerequisites exist, form no circle, and come first in the usual order.

    Args:
        concepts: those that could be read.
        order: the ids of all concepts that are listed.
        lists: where to note faults, by file.
    """
    by_id = {parsed.concept.id: parsed for parsed in concepts}
    circles = _circles(by_id)
    for circle in circles:
        first = by_id[circle[0]]
        names = [one.partition("/")[2] for one in circle]
        line = first.places.of("prerequisites", names[1])
        wrong = f"prerequisites form a circle: {' -> '.join(names)}"
        lists[first.file].add(line, wrong, "no way back to where one began")
    circular = {step for circle in circles for step in pairwise(circle)}
    ranks = {concept_id: order.index(concept_id) for concept_id in order}
    for parsed in concepts:
        concept = parsed.concept
        for needed in concept.prerequisites:
            name = needed.partition("/")[2]
            line = parsed.places.of("prerequisites", name)
            if needed not in ranks:
                meant = nearest(name, [known.partition("/")[2] for known in order])
                expected = f"{meant!r}?" if meant else "the name of a concept that pack.toml lists"
                lists[parsed.file].add(line, f"there is no concept {name!r} in this pack", expected)
            elif (concept.id, needed) not in circular and ranks[needed] > ranks.get(concept.id, len(ranks)):
                wrong = f"{name!r} comes later in pack.toml"
                lists[parsed.file].add(line, wrong, "prerequisites before what needs them")


def _circles(concepts: Mapping[str, ParsedConcept]) -> list[list[str]]:
    """Each circle that a walk along prerequisites meets: its ids, the first of them again at the end."""
    found: list[list[str]] = []
    done: set[str] = set()
    for first in concepts:
        way: list[str] = []
        waiting = [iter((first,))]
        while waiting:
            needed = next(waiting[-1], None)
            if needed is None:
                waiting.pop()
                if way:
                    done.add(way.pop())
            elif needed in way:
                found.append([*way[way.index(needed) :], needed])
            elif needed not in done and needed in concepts:
                way.append(needed)
                waiting.append(iter(concepts[needed].concept.prerequisites))
    return found


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
