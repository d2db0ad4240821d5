"""Reads a concept from the text of its file: the header, then explanations, examples, exercises and questions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from curriculum.exercise_parsing import read_exercise
from curriculum.fault_list import FaultList, nearest
from curriculum.header_reading import ConceptHeader, Places, read_header
from curriculum.markdown_sections import Block, Section, code_of, has_html, read_sections, text_of
from curriculum.material import Concept, Example, Exercise, Question
from curriculum.question_parsing import read_question
from curriculum.remarks import OBJECTIVES, read_remark
from events.contracts import Level

MAX_EXPLANATION: Final = 8_000
MAX_EXAMPLE: Final = 8_000

_FENCE: Final = "+++"
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_EXPLANATIONS: Final = {f"Explanation: {level.value}": level for level in Level}
_SECTIONS: Final = (*_EXPLANATIONS, "Example", "Exercise", "Question")
_UNSEEN: Final = frozenset(
    ("understand", "know", "learn", "appreciate", "grasp", "realise", "realize", "be", "become", "see", "get")
)


@dataclass(frozen=True, slots=True)
class ParsedConcept:
    """A concept that was read, with what its pack still has to check.

    Attributes:
        concept: its prerequisites are ids.
        file: where it is from.
        places: finds lines of its header.
    """

    concept: Concept
    file: Path
    places: Places


def lines_of(file: Path, faults: FaultList) -> list[str] | None:
    """The lines of a text file, without their ends; `None` where it can't be read as text, which is noted."""
    try:
        content = file.read_bytes()
    except OSError as failure:
        faults.add(1, f"the file can't be read: {failure.strerror}", "a file that this program may read")
        return None
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as invalid:
        faults.add(content.count(b"\n", 0, invalid.start) + 1, "this is not UTF-8", "a text file in UTF-8")
        return None
    if control := _CONTROL.search(text):
        line = text.count("\n", 0, control.start()) + 1
        faults.add(line, f"there is a control character, U+{ord(control[0]):04X}", "text, line breaks and tabs")
        return None
    return text.split("\n")


def read_concept(file: Path, pack: str, faults: FaultList) -> ParsedConcept | None:
    """Read a concept from its file; notes every fault, and gives `None` where there are any.

    Args:
        file: `<name>.md`.
        pack: the id of its pack.
        faults: of this file.
    """
    lines = lines_of(file, faults)
    if lines is None:
        return None
    end = next((at for at, line in enumerate(lines) if at and line.rstrip() == _FENCE), None)
    if lines[0].rstrip() != _FENCE or end is None:
        faults.add(1, "there is no header", f"TOML between a first line {_FENCE} and another line {_FENCE}")
        return None
    places = Places(lines[:end], 1)
    header = read_header("\n".join(lines[1:end]), ConceptHeader, places, 2, faults)
    if header is not None:
        _check_header(header, places, faults)
    concept = _Body(lines, end + 1, None if header is None else len(header.objectives), faults).read(
        f"{pack}/{file.stem}", header, places
    )
    return None if concept is None or faults.faults else ParsedConcept(concept, file, places)


def _check_header(header: ConceptHeader, places: Places, faults: FaultList) -> None:
    for key, texts in (("title", (header.title,)), ("aliases", header.aliases), ("objectives", header.objectives)):
        for text in texts:
            if has_html(text):
                faults.add(places.of(key, text), f"{key}: HTML can't be shown", "Markdown; `<` in code is fine")
    for text in header.objectives:
        verb = text.partition(" ")[0]
        line = places.of("objectives", text)
        if verb.casefold() in _UNSEEN:
            faults.add(
                line, f"nobody can see whether somebody does this: {verb}", "a verb such as explain, use or write"
            )
        elif not verb[:1].isupper() or not text.endswith("."):
            faults.add(line, f"this is not a sentence: {text!r}", "a capital at its start and a full stop at its end")
    for key, names in (("prerequisites", header.prerequisites), ("objectives", header.objectives)):
        for name in sorted({name for name in names if names.count(name) > 1}):
            faults.add(places.of(key, name), f"{key}: {name!r} is there twice", "it once")


class _Body:
    """The sections of a concept, on their way to be one."""

    def __init__(self, lines: Sequence[str], first: int, objectives: int | None, faults: FaultList) -> None:
        self.lines = lines
        self.first = first
        self.count = objectives
        self.faults = faults
        self.kinds: set[str] = set()
        self.unread: set[str] = set()
        self.explanations: dict[Level, str] = {}
        self.examples: list[Example] = []
        self.exercises: list[Exercise] = []
        self.questions: list[Question] = []

    def read(self, concept_id: str, header: ConceptHeader | None, places: Places) -> Concept | None:
        before = len(self.faults.faults)
        sections = read_sections(self.lines, self.first, self.faults)
        told_apart = len(self.faults.faults) == before
        for section in sections:
            self._read(section)
        if told_apart:  # otherwise what is missing may be there, in a block of code that is not closed
            self._check_completeness()
        if header is None:
            return None
        self._check_coverage(header, places)
        pack = concept_id.partition("/")[0]
        return Concept(
            id=concept_id,
            title=header.title,
            aliases=header.aliases,
            prerequisites=tuple(f"{pack}/{name}" for name in header.prerequisites),
            objectives=header.objectives,
            level=header.level,
            explanations=self.explanations,
            examples=tuple(self.examples),
            exercises=tuple(self.exercises),
            questions=tuple(self.questions),
        )

    def _read(self, section: Section) -> None:
        head = section.head
        kind, _, title = head.title.partition(": ")
        self.kinds.add(kind.rstrip(":"))
        if head.title in _EXPLANATIONS:
            self._read_explanation(section, _EXPLANATIONS[head.title])
        elif kind in ("Example", "Exercise") and title.strip():
            if kind == "Example":
                self._read_example(section, title.strip())
            else:
                self._read_exercise(section, title.strip())
        elif head.title == "Question":
            self._refuse_parts(section)
            question = read_question(head, self.lines, self.count, self.faults)
            if question is None:
                self.unread.add("question")
            else:
                self.questions.append(question)
        elif head.title.rstrip(":") in ("Example", "Exercise"):
            self.faults.add(
                head.line, f"the section {head.title!r} has no title", f"## {kind.rstrip(':')}: a short phrase"
            )
        else:
            meant = nearest(head.title, _EXPLANATIONS) or nearest(kind.rstrip(":"), _SECTIONS)
            hint = f"{meant!r}?" if meant else f"one of {', '.join(map(repr, _SECTIONS))}"
            self.faults.add(head.line, f"there is no section {head.title!r}", hint)

    def _read_explanation(self, section: Section, level: Level) -> None:
        head = section.head
        self._refuse_parts(section)
        self._refuse_remarks(head.blocks)
        self._refuse_output(head.blocks)
        if level in self.explanations:
            self.faults.add(head.line, f"the section {head.title!r} is there twice", "it once")
            return
        order = list(Level)
        if self.explanations and order.index(level) < max(map(order.index, self.explanations)):
            names = ", ".join(level.value for level in Level)
            self.faults.add(head.line, f"the explanation for {level.value} is out of order", f"the order {names}")
        text = text_of(self.lines, head.start, head.stop)
        self.faults.check_length(head.line, "the explanation", text, MAX_EXPLANATION)
        self.explanations[level] = text

    def _read_example(self, section: Section, title: str) -> None:
        head = section.head
        self._refuse_parts(section)
        remark = read_remark(head, self.lines, (OBJECTIVES,), self.count, self.faults)
        for language in ("python", "output"):
            for block in head.code(language)[1:]:
                self.faults.add(block.start + 1, f"the example has a second block of {language}", "one of them at most")
        programs, outputs = head.code("python"), head.code("output")
        if outputs and (not programs or programs[0].start > outputs[0].start):
            self.faults.add(
                outputs[0].start + 1, "there is output without a program above it", "a block of python first"
            )
        shown = list(self.lines)
        for block in outputs:
            shown[block.start] = shown[block.start].replace("output", "text", 1)
        if remark is None:
            return
        text = text_of(shown, remark.stop, head.stop)
        self.faults.check_length(head.line, "the example", text, MAX_EXAMPLE)
        code = code_of(programs[0]) if programs else ""
        output = "\n".join(line.rstrip() for line in code_of(outputs[0]).split("\n")).rstrip() if outputs else ""
        self.examples.append(Example(title, remark.objectives, text, code, output))

    def _read_exercise(self, section: Section, title: str) -> None:
        exercise = read_exercise(section, title, self.lines, self.count, self.faults)
        if exercise is None:
            self.unread.add("exercise")
            return
        if self.exercises and exercise.difficulty < self.exercises[-1].difficulty:
            self.faults.add(section.head.line, "an easier exercise comes after a harder one", "difficulties that rise")
        self.exercises.append(exercise)

    def _refuse_parts(self, section: Section) -> None:
        for part in section.parts:
            expected = "a part like this only in an exercise; elsewhere prose has no headings"
            self.faults.add(part.line, f"the heading {part.title!r} has no place here", expected)

    def _refuse_remarks(self, blocks: Sequence[Block]) -> None:
        for block in blocks:
            if block.kind == "paragraph" and block.tokens[1].content.startswith(f"{OBJECTIVES}:"):
                self.faults.add(block.start + 1, "this section has no line of objectives", "prose only")

    def _refuse_output(self, blocks: Sequence[Block]) -> None:
        for block in blocks:
            if block.language == "output":
                self.faults.add(block.start + 1, "output is compared only in an example", "a block marked text")

    def _check_completeness(self) -> None:
        # Said where the sections begin: there is no line for what is not there.
        line = self.first + 1
        for name, level in _EXPLANATIONS.items():
            if level not in self.explanations:
                self.faults.add(line, f"the section {name!r} is missing", "explanations for all three levels")
        for kind in ("Example", "Exercise", "Question"):
            if kind not in self.kinds:
                self.faults.add(line, f"there is no section {kind!r}", "at least one")

    def _check_coverage(self, header: ConceptHeader, places: Places) -> None:
        kinds = (("exercise", self.exercises), ("question", self.questions))
        for number, objective in enumerate(header.objectives, start=1):
            for kind, items in kinds:
                if items and kind not in self.unread and not any(number in item.objectives for item in items):
                    line = places.of("objectives", objective)
                    self.faults.add(
                        line, f"no {kind} is for objective {number}", f"each objective in at least one {kind}"
                    )
