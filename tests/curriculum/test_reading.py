"""Packs are read as they are written, and every fault is told with its file and line."""

import re
import tempfile
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curriculum.errors import PackFault, PackFaults
from curriculum.material import Answer, Concept, Example, Exercise, Module, Pack, Question
from curriculum.reading import BUNDLED, read_curriculum, read_pack
from events.contracts import Level
from tests.curriculum.pack_text import FILES, fence, files_of, write_files
from tests.curriculum.slips import SLIPS, SOIL, WATERING, Slip

ROOT = Path(__file__).parents[2]


def faults_of(folder: Path) -> tuple[PackFault, ...]:
    with pytest.raises(PackFaults) as caught:
        read_pack(folder)
    return caught.value.faults


def test_a_pack_is_read_as_it_is_written(tmp_path: Path) -> None:
    pack = read_pack(write_files(tmp_path / "gardening", FILES))
    assert (pack.id, pack.version, pack.title, pack.release) == ("gardening", "1.0.0", "Gardening", "gardening@1.0.0")
    assert (pack.summary, pack.aliases) == ("From soil to harvest.", ("growing plants",))
    assert [(module.id, module.title) for module in pack.modules] == [("ground", "From the ground up")]
    soil, watering = pack.concepts
    assert (soil.id, soil.title, soil.level, soil.aliases) == ("gardening/soil", "Soil", Level.BEGINNER, ("earth",))
    assert soil.objectives == ("Describe what soil is made of.", "Tell clay from sand by touch.")
    assert soil.explanations == {
        Level.BEGINNER: "Soil is more than *dirt*.\n\nIt feeds plants.",
        Level.INTERMEDIATE: "Clay holds water; sand lets it go: 1 < 2.",
        Level.ADVANCED: "Look at the horizons.\n\n```text\n## O\nA\n```",
    }
    assert soil.examples == (Example("A jar of soil", (1,), "Shake it, and wait."),)
    assert soil.exercises[0] == Exercise(
        title="Feel it",
        objectives=(1, 2),
        difficulty=1,
        minutes=4,
        task="Take some soil between two fingers.",
        hints=("Wet it.", "Roll it."),
        solution="Clay makes a roll.",
        checks="- It rolls, or it doesn't.\n- You can say why.",
    )
    assert (watering.prerequisites, watering.aliases) == (("gardening/soil",), ())
    assert watering.examples == (
        Example(
            "Adding up",
            (1,),
            "Before.\n\n```python\nprint(1 + 2)\n```\n\n```text\n3\n```\n\nAfter.",
            code="print(1 + 2)",
            output="3",
        ),
    )
    assert watering.exercises == (
        Exercise(
            title="Two beds",
            objectives=(1,),
            difficulty=2,
            minutes=5,
            task="Double it.",
            hints=("Multiply.",),
            solution="Twice as much.\n\n```python\ndef double(number):\n    return 2 * number\n```",
            start="def double(number):\n    ...",
            solution_code="def double(number):\n    return 2 * number",
            check_code="assert double(4) == 8",
        ),
    )
    assert watering.questions == (
        Question(
            "How much?",
            (1,),
            (
                Answer("Enough\n\nand no more", right=True, reason="The soil\nsays so."),
                Answer("`a < b`", right=False, reason="No."),
                Answer("None", right=False, reason="They dry."),
            ),
        ),
    )


def test_the_pack_that_the_guide_for_authors_shows_is_right(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "packs.md").read_text(encoding="utf-8")
    header, watering = (
        textwrap.dedent(next(block for block in re.findall(r"(?:(?:    .*)?\n)+", guide) if first in block))
        for first in ('    id = "gardening"', "    +++\n")
    )
    files = {"pack.toml": header, WATERING: watering.lstrip("\n"), SOIL: FILES[SOIL]}
    pack = read_pack(write_files(tmp_path / "gardening", files))
    assert pack.concepts[1].exercises[0].hints == ("The first nudge.", "A stronger one.")


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("mark", ["", "\N{BYTE ORDER MARK}"])
def test_editors_of_other_systems_make_no_difference(tmp_path: Path, end: str, mark: str) -> None:
    plain = read_pack(write_files(tmp_path / "plain" / "gardening", FILES))
    folder = write_files(tmp_path / "gardening", FILES)
    for name, text in FILES.items():
        (folder / name).write_bytes((mark + text.replace("\n", end)).encode())
    assert read_pack(folder) == plain


@pytest.mark.parametrize("slip", SLIPS.values(), ids=SLIPS)
def test_a_slip_is_told_with_its_file_and_line(tmp_path: Path, slip: Slip) -> None:
    assert slip.old in FILES[slip.file]
    files = {**FILES, slip.file: FILES[slip.file].replace(slip.old, slip.new, 1)}
    folder = write_files(tmp_path / "gardening", files)
    file = slip.at or slip.file
    lines = [
        number for number, text in enumerate(files[file].split("\n"), start=1) if text.strip() == slip.line.strip()
    ]
    faults = faults_of(folder)
    expected = [fault for fault in faults if slip.wrong in fault.wrong]
    assert [(fault.file, fault.line) for fault in expected] == [(folder / file, lines[slip.nth - 1])], faults
    assert len(faults) == 1 + slip.others, [str(fault) for fault in faults]


def test_a_near_name_is_offered(tmp_path: Path) -> None:
    soil = (
        FILES[SOIL].replace("## Example:", "## Exampel:").replace("aliases", "alliases").replace("### Hint", "### Hnt")
    )
    faults = faults_of(write_files(tmp_path / "gardening", {**FILES, SOIL: soil}))
    assert {fault.expected for fault in faults} >= {"'Example'?", "aliases?", "'Hint'?"}


def test_all_faults_are_told_at_once_by_file_and_line(tmp_path: Path) -> None:
    files = {
        "pack.toml": FILES["pack.toml"].replace("1.0.0", "one"),
        SOIL: FILES[SOIL].replace("[x]", "[ ]").replace("Minutes: 30", "Minutes: 99"),
        WATERING: FILES[WATERING].replace("```output", "```outputs"),
    }
    folder = write_files(tmp_path / "gardening", files)
    with pytest.raises(PackFaults) as caught:
        read_pack(folder)
    faults = caught.value.faults
    assert [fault.file.name for fault in faults] == ["soil.md", "soil.md", "watering.md", "pack.toml"]
    assert list(faults) == sorted(faults, key=lambda fault: (fault.file, fault.line))
    assert str(caught.value).splitlines() == [str(fault) for fault in faults]
    assert str(faults[0]).startswith(f"{folder / SOIL}:{faults[0].line}: {faults[0].wrong}; expected ")


@pytest.mark.parametrize("name", ["Notes.md", "notes.txt", "two words.md"])
def test_other_files_among_concepts_are_told(tmp_path: Path, name: str) -> None:
    folder = write_files(tmp_path / "gardening", {**FILES, f"concepts/{name}": "Hello"})
    (fault,) = faults_of(folder)
    assert (fault.file.name, fault.line) == (name, 1)


def test_hidden_files_and_files_beside_are_nobodys_business(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "gardening", {**FILES, "concepts/.DS_Store": "", "LICENSE": "Free."})
    assert read_pack(folder).id == "gardening"


def test_text_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "gardening", FILES)
    text = FILES[SOIL].replace("It feeds", "Ät feeds").encode("latin-1")
    (folder / SOIL).write_bytes(text)
    (fault,) = [fault for fault in faults_of(folder) if "UTF-8" in fault.wrong]
    assert fault.line == text[: text.index(b"\xc4")].count(b"\n") + 1


def test_a_missing_header_is_told(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "gardening", {SOIL: FILES[SOIL]})
    (fault,) = faults_of(folder)
    assert (fault.file, fault.line) == (folder / "pack.toml", 1)
    assert "No such file" in fault.wrong


def test_missing_concepts_are_told(tmp_path: Path) -> None:
    faults = faults_of(write_files(tmp_path / "gardening", {"pack.toml": FILES["pack.toml"]}))
    assert {fault.wrong for fault in faults} == {
        "the folder concepts can't be read: No such file or directory",
        "there is no file concepts/soil.md",
        "there is no file concepts/watering.md",
    }


def test_a_curriculum_has_the_packs_of_all_folders(tmp_path: Path) -> None:
    write_files(tmp_path / "one" / "gardening", FILES)
    other = {**FILES, "pack.toml": FILES["pack.toml"].replace('id = "gardening"', 'id = "allotments"')}
    write_files(tmp_path / "two" / "allotments", other)
    write_files(tmp_path / "two" / "notes", {"README.md": "no pack"})
    curriculum = read_curriculum([tmp_path / "one", tmp_path / "two"])
    assert [pack.id for pack in curriculum.packs] == ["gardening", "allotments"]
    assert sorted(curriculum.by_id) == [
        "allotments/soil",
        "allotments/watering",
        "gardening/soil",
        "gardening/watering",
    ]


def curriculum_faults(*folders: Path) -> list[str]:
    with pytest.raises(PackFaults) as caught:
        read_curriculum(folders)
    return [str(fault) for fault in caught.value.faults]


def test_a_folder_without_packs_is_told(tmp_path: Path) -> None:
    (fault,) = curriculum_faults(tmp_path)
    assert f"there is no pack in {tmp_path}" in fault


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    (fault,) = curriculum_faults(tmp_path / "nowhere")
    assert f"{tmp_path / 'nowhere'}:1: the folder can't be read: No such file" in fault


def test_a_pack_in_place_of_its_folder_is_told(tmp_path: Path) -> None:
    (fault,) = curriculum_faults(write_files(tmp_path / "gardening", FILES))
    assert "this is a pack and not a folder of packs" in fault


def test_a_pack_without_a_header_is_no_pack_that_one_overlooks(tmp_path: Path) -> None:
    write_files(tmp_path / "gardening", FILES)
    (tmp_path / "gardening" / "pack.toml").rename(tmp_path / "gardening" / "Pack.toml.txt")
    (fault,) = curriculum_faults(tmp_path)
    assert f"{tmp_path / 'gardening' / 'pack.toml'}:1: the file can't be read" in fault


def test_two_packs_of_one_id_are_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_files(tmp_path / name / "gardening", FILES)
    (fault,) = curriculum_faults(tmp_path / "one", tmp_path / "two")
    assert f"there is a pack 'gardening' already, in {tmp_path / 'one' / 'gardening'}" in fault


def test_faults_of_all_packs_are_told(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_files(tmp_path / name / f"garden-{name}", FILES)
    faults = curriculum_faults(tmp_path / "one", tmp_path / "two", tmp_path / "three")
    for name in ("one", "two", "three"):
        assert any(fault.startswith(str(tmp_path / name)) for fault in faults)


def test_the_bundled_packs_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_curriculum([BUNDLED]).packs


CHARACTERS = st.characters(exclude_categories=["C", "Z"], include_characters=" ")
WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)
TITLES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
LINES = st.lists(
    st.one_of(WORDS, st.sampled_from(["*so*", "`<b>`", "1 < 2,", "a_b", "“x”", "&", "é"])), min_size=1, max_size=8
).map(lambda words: f"Word {' '.join(words)} end.")
PARAGRAPHS = st.lists(LINES, min_size=1, max_size=3).map("\n".join)
CODE_LINES = st.one_of(
    st.text(CHARACTERS, max_size=30).filter(lambda line: "```" not in line),
    st.sampled_from(
        ["+++", "## Question", "### Hint", "Objectives: 9", "- [x] no", "<b>", "    ...", "~~~", "> so", "#", "---"]
    ),
)
CODES = st.lists(CODE_LINES, min_size=1, max_size=6).map("\n".join).filter(lambda code: bool(code.strip()))
OUTPUTS = CODES.map(lambda code: "\n".join(line.rstrip() for line in code.split("\n")).rstrip()).filter(bool)
UNQUOTED = st.one_of(
    PARAGRAPHS,
    CODES.map(lambda code: fence("text", code)),
    CODES.map(lambda code: fence("pycon", code)),
    st.lists(LINES, min_size=1, max_size=3).map(lambda lines: "\n".join(f"- {line}" for line in lines)),
)
QUOTES = PARAGRAPHS.map(lambda text: "> " + text.replace("\n", "\n> "))
PROSE = st.lists(UNQUOTED | QUOTES, min_size=1, max_size=2).map("\n\n".join)
ANSWERS = st.lists(UNQUOTED, min_size=1, max_size=2).map("\n\n".join)


def named(names: int, kind: str) -> st.SearchStrategy[list[str]]:
    """Different names, so that no two things have one."""
    return st.lists(WORDS, min_size=names, max_size=names).map(
        lambda words: [f"{kind} {number} {word}" for number, word in enumerate(words)]
    )


@st.composite
def examples(draw: st.DrawFn, objectives: tuple[int, ...]) -> Example:
    title, text = draw(TITLES), draw(PARAGRAPHS)
    if draw(st.booleans()):
        return Example(title, objectives, text)
    code, output = draw(CODES), draw(st.just("") | OUTPUTS)
    parts = [text, fence("python", code), *([fence("text", output)] if output else []), draw(PROSE)]
    return Example(title, objectives, "\n\n".join(parts), code, output)


@st.composite
def exercises(draw: st.DrawFn, objectives: tuple[int, ...], difficulty: int) -> Exercise:
    title, task, solution = draw(TITLES), draw(PROSE), draw(PROSE)
    minutes, hints = draw(st.integers(1, 30)), tuple(draw(st.lists(PROSE, min_size=1, max_size=2)))
    if draw(st.booleans()):
        checks = "\n".join(f"- {line}" for line in draw(st.lists(LINES, min_size=1, max_size=3)))
        return Exercise(title, objectives, difficulty, minutes, task, hints, solution, checks=checks)
    start, code, check = draw(CODES), draw(CODES), draw(CODES)
    text = f"{solution}\n\n{fence('python', code)}"
    return Exercise(
        title, objectives, difficulty, minutes, task, hints, text, start=start, solution_code=code, check_code=check
    )


@st.composite
def questions(draw: st.DrawFn, objectives: tuple[int, ...]) -> Question:
    texts = draw(st.lists(st.tuples(ANSWERS, PROSE), min_size=2, max_size=3))
    right = draw(st.integers(0, len(texts) - 1))
    answers = (Answer(text, number == right, reason) for number, (text, reason) in enumerate(texts))
    # A list right above the answers would be one list with them.
    return Question(f"{draw(PROSE)}\n\nWhich is it?", objectives, tuple(answers))


@st.composite
def concepts(draw: st.DrawFn, concept_id: str, earlier: list[Concept]) -> Concept:
    kind = concept_id.partition("/")[2]
    count = draw(st.integers(1, 3))
    every = tuple(range(1, count + 1))
    levels = sorted(draw(st.lists(st.integers(1, 3), min_size=1, max_size=2)))
    needed = draw(st.lists(st.sampled_from([one.id for one in earlier]), unique=True)) if earlier else []
    title, *aliases = draw(named(draw(st.integers(1, 3)), kind))
    return Concept(
        id=concept_id,
        title=title,
        aliases=tuple(aliases),
        prerequisites=tuple(needed),
        objectives=tuple(f"Explain {text}." for text in draw(named(count, "objective"))),
        level=draw(st.sampled_from(Level)),
        explanations={level: draw(PROSE) for level in Level},
        examples=(draw(examples(every[:1])),),
        exercises=tuple(draw(exercises(every, difficulty)) for difficulty in levels),
        questions=(draw(questions(every)),),
    )


@st.composite
def packs(draw: st.DrawFn) -> Pack:
    made: list[Concept] = []
    modules = []
    for number in range(draw(st.integers(1, 2))):
        start = len(made)
        for _ in range(draw(st.integers(1, 2))):
            made.append(draw(concepts(f"any-pack/concept-{len(made)}", made)))
        modules.append(Module(f"module-{number}", draw(TITLES), tuple(made[start:])))
    return Pack(
        "any-pack",
        draw(st.sampled_from(["0.0.1", "10.2.3-rc.1+b5"])),
        draw(TITLES),
        draw(LINES),
        tuple(draw(named(2, "a"))),
        tuple(modules),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(packs())
def test_a_pack_that_is_written_down_and_read_again_is_the_same(pack: Pack) -> None:
    with tempfile.TemporaryDirectory() as place:
        assert read_pack(write_files(Path(place, "any-pack"), files_of(pack))) == pack


@settings(deadline=None)
@given(st.sampled_from([*FILES]), st.data())
def test_whatever_is_in_its_files_a_pack_is_read_or_refused(name: str, data: st.DataObject) -> None:
    """No other exception, and a fault is in a line that there is."""
    text = FILES[name]
    start, stop = sorted(data.draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
    middle = data.draw(st.one_of(st.text(max_size=20), st.sampled_from(["```", "+++", "> ", "- ", "## ", "\n", "]"])))
    spoilt = text[:start] + middle + text[stop:]
    with tempfile.TemporaryDirectory() as place:
        folder = write_files(Path(place, "gardening"), FILES)
        (folder / name).write_bytes(spoilt.encode("utf-8", "surrogatepass"))
        try:
            assert read_pack(folder).id == "gardening"
        except PackFaults as found:
            for fault in found.faults:
                assert 1 <= fault.line <= max(len((folder / fault.file).read_bytes().split(b"\n")), 1)
                assert fault.wrong
                assert fault.expected
