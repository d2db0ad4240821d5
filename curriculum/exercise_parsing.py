"""Reads an exercise: its task, what to begin with, hints, solution, and how to tell that it was done."""

from collections.abc import Sequence
from typing import Final

from curriculum.fault_list import FaultList, nearest
from curriculum.markdown_sections import Part, Section, code_of, text_of
from curriculum.material import Exercise
from curriculum.remarks import OBJECTIVES, Remark, read_remark

MAX_TASK: Final = 4_000
MAX_SOLUTION: Final = 4_000
MAX_HINT: Final = 2_000
MAX_CODE: Final = 4_000
HARDEST: Final = 3
LONGEST: Final = 30

_PARTS: Final = ("Start", "Hint", "Solution", "Checks", "Check")


def read_exercise(
    section: Section, title: str, lines: Sequence[str], objectives: int | None, faults: FaultList
) -> Exercise | None:
    """Read an exercise; notes every fault, and gives `None` where there are any.

    Args:
        section: with its parts.
        title: of the exercise.
        lines: of the file.
        objectives: how many the concept has; `None` if that is not known.
        faults: where to note them.
    """
    before = len(faults.faults)
    head = section.head
    remark = read_remark(head, lines, (OBJECTIVES, "Difficulty", "Minutes"), objectives, faults)
    task = text_of(lines, head.start if remark is None else remark.stop, head.stop)
    faults.check_length(head.line, "the task", task, MAX_TASK)
    if remark is not None:
        _check_figures(remark, faults)
    for block in (block for part in (head, *section.parts) for block in part.code("output")):
        faults.add(block.start + 1, "output is compared only in an example", "a block marked text")
    found = _parts(section, faults)
    has_code = bool(found["Start"] or found["Check"])
    _check_parts(section, found, has_code=has_code, faults=faults)
    solution_code = _code_in_solution(found["Solution"], has_code=has_code, faults=faults)
    start = _code_alone(found["Start"], faults)
    check_code = _code_alone(found["Check"], faults)
    hints = _texts(found["Hint"], lines, MAX_HINT, faults)
    solutions = _texts(found["Solution"], lines, MAX_SOLUTION, faults)
    checks = _texts(found["Checks"], lines, MAX_TASK, faults)
    if remark is None or len(faults.faults) > before:
        return None
    return Exercise(
        title=title,
        objectives=remark.objectives,
        difficulty=remark.figures["Difficulty"],
        minutes=remark.figures["Minutes"],
        task=task,
        hints=hints,
        solution=solutions[0],
        start=start,
        solution_code=solution_code,
        checks="".join(checks),
        check_code=check_code,
    )


def _check_figures(remark: Remark, faults: FaultList) -> None:
    for name, most in (("Difficulty", HARDEST), ("Minutes", LONGEST)):
        if not 1 <= remark.figures[name] <= most:
            faults.add(remark.line, f"{name} is {remark.figures[name]}", f"1 to {most}")


def _parts(section: Section, faults: FaultList) -> dict[str, list[Part]]:
    found: dict[str, list[Part]] = {name: [] for name in _PARTS}
    latest = 0
    for part in section.parts:
        if part.title not in found:
            meant = nearest(part.title, _PARTS)
            hint = f"{meant!r}?" if meant else f"one of {', '.join(map(repr, _PARTS))}"
            faults.add(part.line, f"there is no part {part.title!r} in an exercise", hint)
            continue
        if found[part.title] and part.title != "Hint":
            faults.add(part.line, f"the part {part.title!r} is there twice", "it once")
        place = _PARTS.index(part.title)
        if place < latest:
            faults.add(
                part.line, f"the part {part.title!r} is out of order", "Start, Hint, Solution, then Check or Checks"
            )
        latest = max(latest, place)
        found[part.title].append(part)
    return found


def _check_parts(section: Section, found: dict[str, list[Part]], *, has_code: bool, faults: FaultList) -> None:
    needed = ("Start", "Hint", "Solution", "Check") if has_code else ("Hint", "Solution", "Checks")
    kind = "an exercise with code" if has_code else "an exercise without code"
    for name in needed:
        if not found[name]:
            faults.add(section.head.line, f"the part {name!r} is missing", f"in {kind}: {', '.join(needed)}")
    if has_code and found["Checks"]:
        line = found["Checks"][0].line
        faults.add(
            line, "the parts 'Check' and 'Checks' exclude each other", "Check where there is code, Checks elsewhere"
        )
    for part in found["Checks"]:
        if [block.kind for block in part.blocks] != ["bullet_list"]:
            faults.add(part.line, "'Checks' is not one list", "a list with -, and nothing else")


def _texts(parts: Sequence[Part], lines: Sequence[str], limit: int, faults: FaultList) -> tuple[str, ...]:
    texts = []
    for part in parts:
        text = text_of(lines, part.start, part.stop)
        faults.check_length(part.line, f"{part.title!r}", text, limit)
        texts.append(text)
    return tuple(texts)


def _code_in_solution(parts: Sequence[Part], *, has_code: bool, faults: FaultList) -> str:
    for part in parts:
        blocks = part.code("python")
        if has_code and len(blocks) != 1:
            faults.add(
                part.line, f"'Solution' has {len(blocks)} blocks of python", "one; others are marked pycon or text"
            )
        elif not has_code and blocks:
            wrong = "a solution in python has nothing that checks it"
            faults.add(blocks[0].start + 1, wrong, "the parts Start and Check, or a block marked text")
        elif blocks:
            return code_of(blocks[0])
    return ""


def _code_alone(parts: Sequence[Part], faults: FaultList) -> str:
    for part in parts:
        blocks = part.code("python")
        if len(blocks) != 1 or len(part.blocks) != 1:
            faults.add(part.line, f"{part.title!r} is not one block of python", "one, and nothing else")
            return ""
        code = code_of(blocks[0])
        faults.check_length(part.line, f"{part.title!r}", code.strip(), MAX_CODE)
        return code
    return ""
