"""The packs that come with LearnFlow: they keep the rules of `docs/packs.md`, and their programs do what they say."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TypedDict

import pytest
from markdown_it import MarkdownIt

from curriculum.material import Concept, Curriculum, Exercise
from curriculum.reading import BUNDLED, read_curriculum
from events.contracts import Level

FILES = sorted(BUNDLED.glob("*/concepts/*.md"))
RUNNER = Path(__file__).parent / "program_runner.py"
HARDEST_TO_READ = {Level.BEGINNER: 10.0, Level.INTERMEDIATE: 12.0, Level.ADVANCED: 13.5}
FEWEST_WORDS, MOST_WORDS = 90, 320
LONGEST_SECONDS = 1.0


class Ended(TypedDict):
    """How a program ended, as the runner says it."""

    status: int
    output: str
    error: str
    seconds: float


@pytest.fixture(scope="module")
def bundled() -> Curriculum:
    return read_curriculum([BUNDLED])


@pytest.fixture
def concept(bundled: Curriculum, file: Path) -> Concept:
    return bundled.by_id[f"{file.parent.parent.name}/{file.stem}"]


def of_each_concept() -> pytest.MarkDecorator:
    """A test for each file of a concept, named as the file."""
    return pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(BUNDLED)) for file in FILES])


def run(codes: list[str]) -> list[Ended]:
    """Run programs, each on its own."""
    done = subprocess.run(
        [sys.executable, "-I", "-X", "utf8", str(RUNNER)],
        input=json.dumps(codes),
        capture_output=True,
        text=True,
        check=True,
    )
    ended: list[Ended] = json.loads(done.stdout)
    assert len(ended) == len(codes)
    return ended


def without_space_at_ends(text: str) -> str:
    return re.sub(r"[ \t]+(?=\n|$)", "", text).rstrip("\n")


def with_code(concept: Concept) -> list[Exercise]:
    return [exercise for exercise in concept.exercises if exercise.check_code]


def sentences(text: str) -> list[str]:
    """The sentences of a Markdown text, without blocks of code; an item of a list is one at least."""
    found: list[str] = []
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "inline":
            line = "".join(" " if "break" in child.type else child.content for child in token.children or ())
            found += [part for part in re.split(r"(?<=[.!?])\s+", line) if re.search(r"\w", part)]
    return found


def readability(text: str) -> float:
    """The Automated Readability Index: 4.71 characters/words + 0.5 words/sentences - 21.43 (Senter & Smith 1967)."""
    parts = sentences(text)
    words = [word for part in parts for word in part.split()]
    characters = sum(len(re.sub(r"[\W_]", "", word)) for word in words)
    return 4.71 * characters / len(words) + 0.5 * len(words) / len(parts) - 21.43


def test_readability_of_a_text_counted_by_hand() -> None:
    # 3 + 3 + 3 and 4 + 4 characters in 5 words and 2 sentences; the block of code is none.
    text = "The cat\nsat. `Dogs` bark!\n\n```text\nnot counted. At all.\n```\n"
    assert readability(text) == pytest.approx(4.71 * 17 / 5 + 0.5 * 5 / 2 - 21.43)


def test_the_runner_tells_how_a_program_ends() -> None:
    """What the tests below rely on."""
    printing, failing, leaving, empty = run(
        [
            "print('é  ')",
            "print(1)\nname = missing",
            "import sys\nsys.exit()",
            "import os\nprint(os.listdir(), __name__)",
        ]
    )
    assert (printing["status"], printing["output"]) == (0, "é  \n")
    assert failing["status"] != 0
    assert (failing["output"], failing["error"]) == ("1\n", "NameError: name 'missing' is not defined")
    assert leaving["error"].startswith("SystemExit")
    assert empty["output"] == "[] __main__\n"


def test_python_is_covered(bundled: Curriculum) -> None:
    (python,) = [pack for pack in bundled.packs if pack.id == "python"]
    assert len(python.modules) >= 8
    assert len(python.concepts) >= 40


def test_each_file_is_a_concept(bundled: Curriculum) -> None:
    assert sorted(bundled.by_id) == sorted(f"{file.parent.parent.name}/{file.stem}" for file in FILES)


def test_what_a_concept_builds_on_comes_before_it(bundled: Curriculum) -> None:
    for pack in bundled.packs:
        met: set[str] = set()
        for concept in pack.concepts:
            assert met.issuperset(concept.prerequisites), concept.id
            met.add(concept.id)


def test_all_is_read_fast_enough_for_the_start_of_a_service() -> None:
    def seconds() -> float:
        begun = time.process_time()
        read_curriculum([BUNDLED])
        return time.process_time() - begun

    assert min(seconds() for _ in range(3)) < 0.5


@of_each_concept()
def test_examples_print_what_they_say(concept: Concept) -> None:
    examples = [example for example in concept.examples if example.code]
    for example, ended in zip(examples, run([example.code for example in examples]), strict=True):
        assert ended["status"] == 0, (example.title, ended["error"])
        assert without_space_at_ends(ended["output"]) == example.output, example.title
        assert ended["seconds"] < LONGEST_SECONDS, example.title


@of_each_concept()
def test_solutions_pass_their_checks(concept: Concept) -> None:
    exercises = with_code(concept)
    programs = [f"{exercise.solution_code}\n\n{exercise.check_code}\n" for exercise in exercises]
    for exercise, ended in zip(exercises, run(programs), strict=True):
        assert ended["status"] == 0, (exercise.title, ended["error"])
        assert ended["seconds"] < LONGEST_SECONDS, exercise.title


@of_each_concept()
def test_starts_fail_their_checks(concept: Concept) -> None:
    exercises = with_code(concept)
    for exercise in exercises:
        compile(exercise.start, exercise.title, "exec")
    programs = [f"{exercise.start}\n\n{exercise.check_code}\n" for exercise in exercises]
    for exercise, ended in zip(exercises, run(programs), strict=True):
        assert ended["status"] != 0, exercise.title
        assert re.match(r"\w+: ?", ended["error"]), (exercise.title, "it was stopped")


@of_each_concept()
def test_explanations_are_as_long_and_as_easy_as_their_level_needs(concept: Concept) -> None:
    for level, text in concept.explanations.items():
        words = [word for sentence in sentences(text) for word in sentence.split()]
        assert FEWEST_WORDS <= len(words) <= MOST_WORDS, level
        assert readability(text) <= HARDEST_TO_READ[level], level
