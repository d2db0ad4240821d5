"""Slips of authors, one at a time in a pack that is right, and where each is told."""

from dataclasses import dataclass
from typing import Final

from tests.curriculum.pack_text import FILES

SOIL, WATERING, HEADER = "concepts/soil.md", "concepts/watering.md", "pack.toml"


@dataclass(frozen=True)
class Slip:
    """A slip: in a file, a text becomes another one; then there is a fault at a line that reads so."""

    file: str
    old: str
    new: str
    line: str
    wrong: str
    nth: int = 1
    """Which of the lines that read so."""
    others: int = 0
    """How many faults follow from it."""
    at: str | None = None
    """The file of the fault, where that is another one."""


LONG = "word " * 1700
SLIPS: Final = {
    # the header of the pack
    "toml of the pack": Slip(HEADER, 'title = "Gardening"', "title = Gardening", "title = Gardening", "not TOML"),
    "open toml": Slip(HEADER, '"watering"]', '"watering"', 'concepts = ["soil", "watering"', "not TOML"),
    "id": Slip(HEADER, 'id = "gardening"', 'id = "Gardening"', 'id = "Gardening"', "id: string should match"),
    "other id": Slip(
        HEADER, 'id = "gardening"', 'id = "garden"', 'id = "garden"', "is not the folder's name", others=1
    ),
    "version": Slip(HEADER, '"1.0.0"', '"1.0"', 'version = "1.0"', "version: string should match"),
    "version, leading zero": Slip(HEADER, '"1.0.0"', '"1.0.01"', 'version = "1.0.01"', "version"),
    "version is a number": Slip(HEADER, '"1.0.0"', "1.0", "version = 1.0", "version: input should be a valid string"),
    "pack without title": Slip(HEADER, 'title = "Gardening"\n', "", 'id = "gardening"', "title is missing"),
    "empty summary": Slip(HEADER, '"From soil to harvest."', '""', 'summary = ""', "summary"),
    "html in the summary": Slip(
        HEADER, '"From soil', '"From <b>soil</b>', 'summary = "From <b>soil</b> to harvest."', "HTML can't be shown"
    ),
    "unknown key": Slip(
        HEADER, "aliases =", "aliasses =", 'aliasses = ["growing plants"]', "there is no key 'aliasses'"
    ),
    "key of a module": Slip(
        HEADER, 'id = "ground"', 'ident = "ground"', 'ident = "ground"', "no key 'ident'", others=1
    ),
    "no modules": Slip(
        HEADER, FILES[HEADER][FILES[HEADER].index("[[") :], "", 'id = "gardening"', "modules is missing"
    ),
    "module without concepts": Slip(
        HEADER, '["soil", "watering"]', "[]", "concepts = []", "concepts: tuple should have at least 1 item"
    ),
    "two modules of one id": Slip(
        HEADER,
        '"watering"]',
        '"watering"]\n[[modules]]\nid = "ground"\ntitle = "Again"\nconcepts = ["soil"]',
        'id = "ground"',
        "there is a module 'ground' already",
        nth=2,
        others=1,
    ),
    "listed twice": Slip(
        HEADER,
        '"watering"]',
        '"watering", "soil"]',
        'concepts = ["soil", "watering", "soil"]',
        "'soil' is listed twice",
    ),
    "listed, and not there": Slip(
        HEADER, '"watering"]', '"watering",\n  "wattering"]', '"wattering"]', "there is no file concepts/wattering.md"
    ),
    "not listed": Slip(
        HEADER, '["soil", "watering"]', '["soil"]', "[[modules]]", "no module lists concepts/watering.md"
    ),
    "order": Slip(
        HEADER,
        '["soil", "watering"]',
        '["watering", "soil"]',
        'prerequisites = ["soil"]',
        "'soil' comes later",
        at=WATERING,
    ),
    # the header of a concept
    "no header": Slip(SOIL, "+++\ntitle", "title", 'title = "Soil"', "there is no header"),
    "header without end": Slip(SOIL, "]\n+++", "]", "+++", "there is no header"),
    "toml": Slip(SOIL, 'level = "beginner"', "level = beginner", "level = beginner", "not TOML"),
    "level": Slip(SOIL, '"beginner"', '"expert"', 'level = "expert"', "level: input should be"),
    "unknown key of a concept": Slip(SOIL, "aliases =", "alias =", 'alias = ["earth"]', "there is no key 'alias'"),
    "alias is no text": Slip(SOIL, '["earth"]', "[1]", "aliases = [1]", "aliases: input should be a valid string"),
    "alias twice": Slip(SOIL, '["earth"]', '["earth", "Earth"]', 'aliases = ["earth", "Earth"]', "is there twice"),
    "alias of another": Slip(
        WATERING,
        "prerequisites",
        'aliases = ["Soil"]\nprerequisites',
        'aliases = ["Soil"]',
        "also names gardening/soil",
    ),
    "title of another": Slip(WATERING, '"Watering"', '"earth"', 'title = "earth"', "'earth' also names gardening/soil"),
    "unknown prerequisite": Slip(
        WATERING, '["soil"]', '["soill"]', 'prerequisites = ["soill"]', "there is no concept 'soill' in this pack"
    ),
    "circle": Slip(
        SOIL,
        'aliases = ["earth"]',
        'prerequisites = ["watering"]',
        'prerequisites = ["watering"]',
        "prerequisites form a circle: soil -> watering -> soil",
    ),
    "circle of one": Slip(
        SOIL, "aliases", 'prerequisites = ["soil"]\naliases', 'prerequisites = ["soil"]', "form a circle: soil -> soil"
    ),
    "prerequisite twice": Slip(
        WATERING, '["soil"]', '["soil", "soil"]', 'prerequisites = ["soil", "soil"]', "'soil' is there twice"
    ),
    "no objectives": Slip(
        WATERING,
        '"Compute how much water a bed needs."',
        "",
        "objectives = []",
        "objectives: tuple should have at least 1",
    ),
    "objective that nobody sees": Slip(
        SOIL, "Describe what", "Understand what", '"Understand what soil is made of.",', "nobody can see"
    ),
    "objective without full stop": Slip(SOIL, "touch.", "touch", '"Tell clay from sand by touch",', "not a sentence"),
    "objective that nothing checks": Slip(
        SOIL,
        "Objectives: 1, 2\n",
        "Objectives: 1\n",
        '"Tell clay from sand by touch.",',
        "no question is for objective 2",
    ),
    "objective that nothing practises": Slip(
        SOIL,
        "by touch.",
        'by touch.",\n  "Name three soils.',
        '"Name three soils.",',
        "no exercise is for objective 3",
        others=1,
    ),
    # sections
    "unknown section": Slip(
        SOIL, "## Example:", "## Exampel:", "## Exampel: A jar of soil", "no section 'Exampel: A jar", others=1
    ),
    "unknown level": Slip(
        SOIL, ": intermediate\n", ": medium\n", "## Explanation: medium", "no section 'Explanation: medium'", others=1
    ),
    "no title": Slip(SOIL, "## Example: A jar of soil", "## Example", "## Example", "'Example' has no title"),
    "title of a question": Slip(
        SOIL, "## Question", "## Question: Water", "## Question: Water", "no section 'Question: Water'"
    ),
    "explanations out of order": Slip(
        SOIL,
        "## Explanation: beginner\n\nSoil is more than *dirt*.\n\nIt feeds plants.\n\n## Explanation: intermediate",
        "## Explanation: intermediate\n\nText.\n\n## Explanation: beginner",
        "## Explanation: beginner",
        "out of order",
    ),
    "explanation twice": Slip(
        SOIL,
        "## Explanation: adv",
        "## Explanation: beginner\n\nA.\n\n## Explanation: adv",
        "## Explanation: beginner",
        "is there twice",
        nth=2,
    ),
    "explanation missing": Slip(
        WATERING, "## Explanation: intermediate\n", "", "", "'Explanation: intermediate' is missing"
    ),
    "empty explanation": Slip(WATERING, "Plants drink.", "", "## Explanation: beginner", "the explanation is empty"),
    "long explanation": Slip(WATERING, "Plants drink.", LONG, "## Explanation: beginner", "has 8,499 characters"),
    "long task": Slip(WATERING, "Double it.", LONG, "## Exercise: Two beds", "the task has 8,499 characters"),
    "long solution": Slip(WATERING, "Twice as much.", LONG, "### Solution", "'Solution' has "),
    "text above": Slip(
        SOIL, "## Explanation: beginner", "Hello.\n\n## Explanation: beginner", "Hello.", "above the first heading"
    ),
    "heading too high": Slip(
        SOIL, "Soil is", "# Soil\n\nSoil is", "# Soil", "the heading 'Soil' has no place", others=1
    ),
    "heading in prose": Slip(SOIL, "It feeds", "### More\n\nIt feeds", "### More", "the heading 'More' has no place"),
    "underlined": Slip(
        SOIL, "It feeds plants.\n", "It feeds plants.\n---\n", "It feeds plants.", "makes a heading", others=1
    ),
    "heading in a list": Slip(SOIL, "It feeds", "- # It feeds", "- # It feeds plants.", "in a list or a quote"),
    "html": Slip(SOIL, "It feeds", "<b>It</b> feeds", "<b>It</b> feeds plants.", "HTML can't be shown"),
    "html block": Slip(SOIL, "It feeds", "<script>\nIt feeds", "<script>", "HTML can't be shown"),
    "comment": Slip(SOIL, "It feeds", "<!-- hm -->\n\nIt feeds", "<!-- hm -->", "HTML can't be shown"),
    "html in an answer": Slip(SOIL, "Sand\n", "Sand<br>\n", "- [ ] Sand<br>", "HTML can't be shown"),
    "html in an objective": Slip(
        SOIL, "Describe what", "Describe <i>what</i>", '"Describe <i>what</i> soil is made of.",', "HTML can't be shown"
    ),
    "link elsewhere": Slip(
        SOIL, "Clay holds", "[a]: https://a.example\n\nClay holds", "[a]: https://a.example", "a link is defined apart"
    ),
    "open fence": Slip(SOIL, "A\n```", "A", "```text", "a block of code is not closed"),
    "control character": Slip(SOIL, "It feeds", "It \x07feeds", "It \x07feeds plants.", "control character, U+0007"),
    "language": Slip(
        WATERING, "```python\nlitres", "```pyhton\nlitres", "```pyhton", "a block of code is marked 'pyhton'"
    ),
    "languages": Slip(WATERING, "```python\nlitres", "```r and s\nlitres", "```r and s", "marked 'r and s'"),
    # examples
    "no objectives of an example": Slip(
        SOIL, "Objectives: 1\n\nShake", "Shake", "## Example: A jar of soil", "doesn't say which objectives"
    ),
    "objectives not at the top": Slip(
        SOIL,
        "Objectives: 1\n\nShake it, and wait.",
        "Objectives: 1\n\nShake.\n\nObjectives: 2",
        "Objectives: 2",
        "not at the top",
    ),
    "objectives in an explanation": Slip(
        WATERING, "Plants drink.", "Objectives: 1", "Objectives: 1", "has no line of objectives"
    ),
    "objectives unreadable": Slip(
        SOIL, "Objectives: 1\n\nShake", "Objectives: one\n\nShake", "Objectives: one", "can't be read"
    ),
    "unknown objective": Slip(
        SOIL, "Objectives: 1\n\nShake", "Objectives: 3\n\nShake", "Objectives: 3", "no objective 3"
    ),
    "objective nought": Slip(
        SOIL, "Objectives: 1\n\nShake", "Objectives: 0\n\nShake", "Objectives: 0", "no objective 0"
    ),
    "objective twice": Slip(SOIL, "Objectives: 1\n\nShake", "Objectives: 1, 1\n\nShake", "Objectives: 1, 1", "twice"),
    "two programs": Slip(WATERING, "After.", "```python\n4\n```", "```python", "a second block of python", nth=3),
    "two outputs": Slip(WATERING, "After.", "```output\n4\n```", "```output", "a second block of output", nth=2),
    "output without program": Slip(
        WATERING, "```python\nprint(1 + 2)\n```\n", "", "```output", "output without a program above it"
    ),
    "output in a list": Slip(
        WATERING, "After.", "- so\n\n  ```output\n  4\n  ```", "```output", "in a list or a quote", nth=2
    ),
    "output in an explanation": Slip(
        WATERING, "Water early.", "```output\n4\n```", "```output", "output is compared only in an example"
    ),
    "empty example": Slip(SOIL, "Shake it, and wait.", "", "## Example: A jar of soil", "the example is empty"),
    # exercises
    "no difficulty": Slip(SOIL, " Difficulty: 1.", "", "Objectives: 1, 2. Minutes: 4.", "can't be read"),
    "difficulty": Slip(
        SOIL, "Difficulty: 3", "Difficulty: 4", "Objectives: 2. Difficulty: 4. Minutes: 30.", "Difficulty is 4"
    ),
    "minutes": Slip(SOIL, "Minutes: 30", "Minutes: 31", "Objectives: 2. Difficulty: 3. Minutes: 31.", "Minutes is 31"),
    "two difficulties": Slip(
        SOIL,
        "Difficulty: 3",
        "Difficulty: 2, 3",
        "Objectives: 2. Difficulty: 2, 3. Minutes: 30.",
        "more than one number",
    ),
    "easier after harder": Slip(
        SOIL,
        FILES[SOIL][FILES[SOIL].index("Difficulty: 1") : FILES[SOIL].index("Difficulty: 3")] + "Difficulty: 3",
        FILES[SOIL][FILES[SOIL].index("Difficulty: 1") : FILES[SOIL].index("Difficulty: 3")].replace("1", "2", 1)
        + "Difficulty: 1",
        "## Exercise: Name it",
        "an easier exercise comes after a harder one",
    ),
    "empty task": Slip(SOIL, "Name three soils.", "", "## Exercise: Name it", "the task is empty"),
    "no hint": Slip(WATERING, "### Hint\n\nMultiply.\n", "", "## Exercise: Two beds", "the part 'Hint' is missing"),
    "no solution": Slip(
        SOIL, "### Solution\n\nYours will differ.\n", "", "## Exercise: Name it", "the part 'Solution' is missing"
    ),
    "no checks": Slip(
        SOIL, "### Checks\n\n- There are three.\n", "", "## Exercise: Name it", "the part 'Checks' is missing"
    ),
    "check without start": Slip(
        WATERING,
        "### Start\n\n```python\ndef double(number):\n    ...\n```\n",
        "",
        "## Exercise: Two beds",
        "the part 'Start' is missing",
    ),
    "both checks": Slip(
        WATERING, "### Check\n", "### Checks\n\n- It doubles.\n\n### Check\n", "### Checks", "exclude each other"
    ),
    "solution twice": Slip(
        SOIL, "### Checks\n\n- There", "### Solution\n\nB.\n\n### Checks\n\n- There", "### Solution", "twice", nth=3
    ),
    "hint late": Slip(
        SOIL, "### Checks\n\n- There", "### Hint\n\nB.\n\n### Checks\n\n- There", "### Hint", "out of order", nth=4
    ),
    "unknown part": Slip(WATERING, "### Hint", "### Hnit", "### Hnit", "there is no part 'Hnit'", others=1),
    "empty hint": Slip(SOIL, "Go out.", "", "### Hint", "'Hint' is empty", nth=3),
    "checks are prose": Slip(SOIL, "- There are three.", "There are three.", "### Checks", "is not one list", nth=2),
    "start is prose": Slip(
        WATERING, "### Start\n", "### Start\n\nBegin:\n", "### Start", "'Start' is not one block of python"
    ),
    "check is text": Slip(
        WATERING, "```python\nassert", "```text\nassert", "### Check", "'Check' is not one block of python"
    ),
    "solution without code": Slip(
        WATERING,
        "```python\ndef double(number):\n    return",
        "```text\ndef double(number):\n    return",
        "### Solution",
        "0 blocks",
    ),
    "code that nothing checks": Slip(
        SOIL, "Yours will differ.", "```python\n1\n```", "```python", "a solution in python has nothing that checks it"
    ),
    "output in a task": Slip(
        WATERING, "Double it.", "```output\n4\n```", "```output", "output is compared only in an example", nth=2
    ),
    # questions
    "no answers": Slip(
        SOIL, FILES[SOIL][FILES[SOIL].index("- [ ] Sand") :], "- Sand\n", "## Question", "has no answers"
    ),
    "empty question": Slip(SOIL, "Which holds most water?", "", "## Question", "the question is empty"),
    "one answer": Slip(SOIL, "- [ ] Sand\n  > Its grains are large.\n", "", "- [x] Clay", "has 1 answers"),
    "seven answers": Slip(SOIL, "- [ ] Sand\n", "- [ ] Sand\n  > No.\n" * 6, "- [ ] Sand", "has 7 answers"),
    "none right": Slip(SOIL, "[x]", "[ ]", "- [ ] Sand", "none of the answers is right"),
    "two right": Slip(SOIL, "[ ]", "[x]", "- [x] Sand", "2 of the answers are right"),
    "no reason": Slip(SOIL, "  > Its grains are large.\n", "", "- [ ] Sand", "doesn't end with its reason"),
    "empty reason": Slip(SOIL, "Its grains are large.", "", ">", "the reason is empty"),
    "no box": Slip(SOIL, "[ ] Sand", "Sand", "- Sand", "doesn't begin with a box"),
    "reason at the margin": Slip(
        SOIL,
        "  > Its grains are small.",
        "> Its grains are small.",
        "> Its grains are small.",
        "below or between",
        others=1,
    ),
    "part of a question": Slip(
        SOIL, "Which holds", "### Hint\n\nWhich holds", "### Hint", "has no place here", nth=4, others=1
    ),
}
