"""Reads a question: what is asked, and the answers to choose from, each with its reason."""

from collections.abc import Sequence
from typing import Final

from markdown_it.token import Token

from curriculum.fault_list import FaultList
from curriculum.markdown_sections import Block, Part, text_of
from curriculum.material import Answer, Question
from curriculum.remarks import OBJECTIVES, read_remark

MAX_QUESTION: Final = 2_000
MAX_ANSWER: Final = 1_000
FEWEST: Final = 2
MOST: Final = 6

_BOXES: Final = {"[x]": True, "[X]": True, "[ ]": False}
_BOX: Final = 3
_SHAPE: Final = "- [x] or - [ ], the answer, and below it, indented, its reason in a quote: > Because ..."


def read_question(part: Part, lines: Sequence[str], objectives: int | None, faults: FaultList) -> Question | None:
    """Read a question; notes every fault, and gives `None` where there are any.

    Args:
        part: its section.
        lines: of the file.
        objectives: how many the concept has; `None` if that is not known.
        faults: where to note them.
    """
    before = len(faults.faults)
    remark = read_remark(part, lines, (OBJECTIVES,), objectives, faults)
    for block in part.code("output"):
        faults.add(block.start + 1, "output is compared only in an example", "a block marked text")
    at = next((at for at, block in enumerate(part.blocks) if _has_boxes(block)), None)
    if at is None:
        faults.add(part.line, "the question has no answers", f"a list at its end: {_SHAPE}")
        return None
    choices = part.blocks[at]
    start = part.start if remark is None else remark.stop
    text = text_of(lines, start, choices.start)
    faults.check_length(part.line, "the question", text, MAX_QUESTION)
    for block in part.blocks[at + 1 :]:
        wrong = "something stands below or between the answers"
        faults.add(block.start + 1, wrong, "reasons indented under their answers, and the answers at the end")
    offset = part.blocks[at].start - (choices.tokens[0].map or (0, 0))[0]
    answers = [_read_answer(item, offset, lines, faults) for item in _items(choices)]
    right = sum(answer is not None and answer.right for answer in answers)
    if not FEWEST <= len(answers) <= MOST:
        faults.add(choices.start + 1, f"the question has {len(answers)} answers", f"{FEWEST} to {MOST}")
    if None not in answers and right != 1:
        faults.add(
            choices.start + 1, f"{right or 'none'} of the answers {'are' if right else 'is'} right", "exactly one [x]"
        )
    if remark is None or len(faults.faults) > before:
        return None
    return Question(text, remark.objectives, tuple(answer for answer in answers if answer is not None))


def _has_boxes(block: Block) -> bool:
    return block.kind == "bullet_list" and any(token.content[:_BOX] in _BOXES for token in block.tokens)


def _items(block: Block) -> list[list[Token]]:
    """The tokens of each item of a list."""
    found: list[list[Token]] = []
    for token in block.tokens[1:-1]:
        if token.type == "list_item_open" and token.level == 1:
            found.append([])
        found[-1].append(token)
    return found


def _read_answer(item: Sequence[Token], offset: int, lines: Sequence[str], faults: FaultList) -> Answer | None:
    top = [token for token in item if token.level == item[0].level + 1 and token.nesting != -1]
    start, stop = (offset + place for place in item[0].map or (0, 0))
    opening = item[2].content[:_BOX] if len(item) > 2 else ""  # noqa: PLR2004 - item, paragraph, its text
    if not top or top[0].type != "paragraph_open" or opening not in _BOXES:
        faults.add(start + 1, "an answer doesn't begin with a box", _SHAPE)
        return None
    if top[-1].type != "blockquote_open" or sum(token.type == "blockquote_open" for token in top) != 1:
        faults.add(start + 1, "an answer doesn't end with its reason", _SHAPE)
        return None
    quote = offset + (top[-1].map or (0, 0))[0]
    text = _text_of_item(lines[start:quote])[_BOX:].strip()
    reason = _text_of_quote(lines[quote:stop])
    faults.check_length(start + 1, "the answer", text, MAX_ANSWER)
    faults.check_length(quote + 1, "the reason", reason, MAX_ANSWER)
    return Answer(text, _BOXES[opening], reason)


def _text_of_item(lines: Sequence[str]) -> str:
    """The Markdown of an item of a list, without the list."""
    first = lines[0].expandtabs(4)
    behind = first.lstrip()[1:].lstrip()
    margin = len(first) - len(behind)
    return "\n".join([behind, *(_without_margin(line.expandtabs(4), margin) for line in lines[1:])])


def _without_margin(line: str, margin: int) -> str:
    return line[margin:] if not line[:margin].strip() else line.lstrip()


def _text_of_quote(lines: Sequence[str]) -> str:
    """The Markdown of a quote, without the quote."""
    # A line without a mark still belongs to the paragraph that a quote ends with.
    return "\n".join(line.lstrip().removeprefix(">").removeprefix(" ") for line in lines).strip()
