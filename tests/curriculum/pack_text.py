"""Packs as text: one to begin with that is right, and any pack in the form in which a teacher would write it."""

import json
from collections.abc import Iterable
from pathlib import Path

from curriculum.material import Answer, Concept, Example, Exercise, Pack, Question
from events.contracts import Level

PACK = """\
id = "gardening"
version = "1.0.0"
title = "Gardening"
summary = "From soil to harvest."
aliases = ["growing plants"]

[[modules]]
id = "ground"
title = "From the ground up"
concepts = ["soil", "watering"]
"""

SOIL = """\
+++
title = "Soil"
level = "beginner"
aliases = ["earth"]
objectives = [
  "Describe what soil is made of.",
  "Tell clay from sand by touch.",
]
+++

## Explanation: beginner

Soil is more than *dirt*.

It feeds plants.

## Explanation: intermediate

Clay holds water; sand lets it go: 1 < 2.

## Explanation: advanced

Look at the horizons.

```text
## O
A
```

## Example: A jar of soil

Objectives: 1

Shake it, and wait.

## Exercise: Feel it

Objectives: 1, 2. Difficulty: 1. Minutes: 4.

Take some soil between two fingers.

### Hint

Wet it.

### Hint

Roll it.

### Solution

Clay makes a roll.

### Checks

- It rolls, or it doesn't.
- You can say why.

## Exercise: Name it

Objectives: 2. Difficulty: 3. Minutes: 30.

Name three soils.

### Hint

Go out.

### Solution

Yours will differ.

### Checks

- There are three.

## Question

Objectives: 1, 2

Which holds most water?

- [ ] Sand
  > Its grains are large.
- [x] Clay
  > Its grains are small.
"""

WATERING = """\
+++
title = "Watering"
level = "intermediate"
prerequisites = ["soil"]
objectives = ["Compute how much water a bed needs."]
+++

## Explanation: beginner

Plants drink.

## Explanation: intermediate

Water early.

## Explanation: advanced

Measure it.

```python
litres = 3
```

## Example: Adding up

Objectives: 1

Before.

```python
print(1 + 2)
```

```output
3
```

After.

## Exercise: Two beds

Objectives: 1. Difficulty: 2. Minutes: 5.

Double it.

### Start

```python
def double(number):
    ...
```

### Hint

Multiply.

### Solution

Twice as much.

```python
def double(number):
    return 2 * number
```

### Check

```python
assert double(4) == 8
```

## Question

Objectives: 1

How much?

- [x] Enough

  and no more

  > The soil
  > says so.
- [ ] `a < b`
  > No.
- [ ] None
  > They dry.
"""

FILES = {"pack.toml": PACK, "concepts/soil.md": SOIL, "concepts/watering.md": WATERING}


def write_files(folder: Path, files: dict[str, str]) -> Path:
    """Write files into a folder; gives the folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def files_of(pack: Pack) -> dict[str, str]:
    """A pack as files, by name."""
    files = {f"concepts/{concept.id.partition('/')[2]}.md": text_of(concept) for concept in pack.concepts}
    return {"pack.toml": header_of(pack), **files}


def header_of(pack: Pack) -> str:
    """A pack without its concepts, as TOML."""
    lines = [f"{name} = {toml(getattr(pack, name))}" for name in ("id", "version", "title", "summary", "aliases")]
    for module in pack.modules:
        names = [concept.id.partition("/")[2] for concept in module.concepts]
        lines += [
            "[[modules]]",
            f"id = {toml(module.id)}",
            f"title = {toml(module.title)}",
            f"concepts = {toml(names)}",
        ]
    return "\n".join(lines)


def text_of(concept: Concept) -> str:
    """A concept as a teacher would write it."""
    header = {
        "title": concept.title,
        "level": concept.level.value,
        "aliases": concept.aliases,
        "prerequisites": [needed.partition("/")[2] for needed in concept.prerequisites],
        "objectives": concept.objectives,
    }
    return "\n\n".join(
        [
            "\n".join(["+++", *(f"{key} = {toml(value)}" for key, value in header.items()), "+++"]),
            *(f"## Explanation: {level.value}\n\n{concept.explanations[level]}" for level in Level),
            *map(example_text, concept.examples),
            *map(exercise_text, concept.exercises),
            *map(question_text, concept.questions),
        ]
    )


def example_text(example: Example) -> str:
    """An example with its output marked as such."""
    before, program, after = (
        example.text.partition(fence("python", example.code)) if example.code else (example.text, "", "")
    )
    if example.output:
        after = after.replace(fence("text", example.output), fence("output", example.output), 1)
    return f"## Example: {example.title}\n\nObjectives: {numbers(example.objectives)}\n\n{before}{program}{after}"


def exercise_text(exercise: Exercise) -> str:
    """An exercise with all of its parts."""
    remark = (
        f"Objectives: {numbers(exercise.objectives)}. Difficulty: {exercise.difficulty}. Minutes: {exercise.minutes}."
    )
    parts = [f"## Exercise: {exercise.title}", remark, exercise.task]
    if exercise.start:
        parts += ["### Start", fence("python", exercise.start)]
    for hint in exercise.hints:
        parts += ["### Hint", hint]
    parts += ["### Solution", exercise.solution]
    parts += (
        ["### Check", fence("python", exercise.check_code)] if exercise.check_code else ["### Checks", exercise.checks]
    )
    return "\n\n".join(parts)


def question_text(question: Question) -> str:
    """A question with its answers."""
    answers = "\n".join(map(answer_text, question.answers))
    return f"## Question\n\nObjectives: {numbers(question.objectives)}\n\n{question.text}\n\n{answers}"


def answer_text(answer: Answer) -> str:
    """An answer as an item of a list, its reason as a quote in it."""
    begin = "\n" if answer.text.startswith(("```", "- ")) else ""  # a block begins on a line of its own
    text = (begin + answer.text).replace("\n", "\n  ")
    reason = answer.reason.replace("\n", "\n  > ")
    return f"- [{'x' if answer.right else ' '}] {text}\n  > {reason}"


def fence(language: str, code: str) -> str:
    """Code in a block of its own."""
    return f"```{language}\n{code}\n```"


def toml(value: object) -> str:
    """Texts and lists of texts: what JSON makes of them is TOML too."""
    return json.dumps(value, ensure_ascii=False)


def numbers(values: Iterable[int]) -> str:
    """Numbers with commas."""
    return ", ".join(map(str, values))
