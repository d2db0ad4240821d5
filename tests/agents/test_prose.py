"""What may take the place of a lesson's prose, held against a Markdown parser that is not ours."""

import re
import time
from collections import Counter

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from agents.prose import LONGEST, SHORTEST, SLACK, Fault, fault_of, faults_of, intrusion_of, take_apart
from curriculum.prose import literal
from tests.agents.commonmark import parse

ORIGINAL = """\
A parameter is a name in the definition of a function. An argument is the value that a call gives to it, and there
are 2 ways to say which argument belongs to which parameter: by position and by keyword.

```pycon
>>> greet("Ana", 3)
```

Parameters with a `default` value come after those without one. Expect a `TypeError` in 10 % of cases, since 1991.

- First the positional arguments,
- then the keyword arguments.
"""
OTHER_WORDS = """\
Think of a parameter as a name in a function's definition. Whatever value a call hands over is an argument. You have
2 ways to say which argument belongs to which parameter, namely position or keyword.

```pycon
>>> greet("Ana", 3)
```

Those parameters which have a `default` stand behind those that have none. A `TypeError` is what you get in 10 % of
cases, as it has been since 1991.

- Positional arguments lead the way,
- keyword arguments follow.
"""

WORDS = ("alpha", "beta", "gamma", "delta", "position", "keyword", "argument")
TRICKY = (
    *("`", "``", "```", "~~~", "\n", "\n\n", "    ", "  ", " ", "\t", "> ", "- ", "1. ", "# ", "### ", "===", "---"),
    *("<b>", "</b>", "<!--", "&lt;", "[", "]", "](", ")", "]: ", "!", "http://a.b", "www.a.b", "\\", "*", "_"),
    *("a", "b", "1", "2.5", "%", "\u200b"),
)
tricky_texts = st.lists(st.sampled_from((*TRICKY, *WORDS)), max_size=30).map("".join)


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, str]:
    """A tricky text, and the same with a few of its parts replaced, added, left out or exchanged."""
    parts = draw(st.lists(st.sampled_from((*TRICKY, *WORDS)), min_size=1, max_size=30))
    written = list(parts)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(written)))
        kind = draw(st.sampled_from(("add", "drop", "replace", "exchange")))
        if kind == "add" or place >= len(written):
            written.insert(place, draw(st.sampled_from((*TRICKY, *WORDS))))
        elif kind == "drop":
            del written[place]
        elif kind == "replace":
            written[place] = draw(st.sampled_from(WORDS))
        else:
            other = draw(st.integers(0, len(written) - 1))
            written[place], written[other] = written[other], written[place]
    return "".join(parts), "".join(written)


def test_other_words_pass() -> None:
    assert fault_of(ORIGINAL, OTHER_WORDS) is None


@given(st.one_of(edited(), st.tuples(tricky_texts, tricky_texts)))
@example(("a\n\n---\n\nb", "a\n---\n\nb"))
@example(("-     a = 1\n", "-     b = 1\n"))
@example((">     a = 1\n", ">     b = 1\n"))
@example(("- a\n  ```\nb\n  ```\nc", "- a\n  ```\nb\n  ```\nd"))
@example(("x ` y\n\n`z`", "x ` y\n\n`w`"))
@example(("\\`a` b`", "\\`c` b`"))
@example(("_http://a.b", "http://a.b"))
@example(("\n---", "\n---www.a.b"))
@example(("- \n\n\n[\n\n", "\n\n\n\n[\n- "))
@example(("a](b) [", "[a](b)"))
@example(("[\n    `", "[\n\n    `"))
@example(("<!--`> `", "`> `> "))
def test_what_passes_is_the_same_to_a_parser_that_is_not_ours(pair: tuple[str, str]) -> None:
    original, written = pair
    if fault_of(original, written) is not None:
        return
    before, after = parse(original), parse(written)
    assert after.blocks == before.blocks
    assert list(dict.fromkeys(after.pieces)) == list(dict.fromkeys(before.pieces))
    assert not after.html or before.html  # in lines set in columns, which stay as they are
    assert after.targets <= before.targets
    assert set(after.levels) <= set(range(min(before.levels, default=0), max(before.levels, default=0) + 1))
    assert Counter(re.findall(r"\d", written)) == Counter(re.findall(r"\d", original))
    assert not set(re.findall(r"\w+://\w+|www\.\w+", written)) - set(re.findall(r"\w+://\w+|www\.\w+", original))


@given(tricky_texts)
def test_what_counts_as_prose_holds_no_code(text: str) -> None:
    taken = take_apart(text)
    assume(taken.clear)
    prose = parse("\n".join("x" if not line.strip() else line for line in taken.plain.split("\n")))
    assert not [content for info, content in prose.blocks if content.strip() and "    " not in taken.plain]
    assert not prose.pieces


@given(st.text(max_size=300), st.text(max_size=300), st.lists(st.text(max_size=20), max_size=3))
def test_any_text_is_judged(original: str, written: str, objectives: list[str]) -> None:
    fault = fault_of(original, written, objectives)
    assert fault is None or fault in Fault
    assert fault_of(original, original, objectives) is Fault.UNCHANGED


@given(st.integers(0, len(ORIGINAL)), st.sampled_from(["<", ">", "`", "7", "\u202e", "\x1b", "\ufeff", "½", "²", "%"]))
def test_a_character_that_matters_can_not_be_slipped_in(place: int, character: str) -> None:
    written = ORIGINAL[:place] + character + ORIGINAL[place:]
    if character in "<>" and fault_of(ORIGINAL, written) is None:
        assert not parse(written).html
        return
    assert fault_of(ORIGINAL, written) is not None


@pytest.mark.parametrize(
    ("fault", "old", "new"),
    [
        (Fault.CODE, '>>> greet("Ana", 3)', '>>> greet("Ana", 4)'),
        (Fault.CODE, "```pycon", "```python"),
        (Fault.CODE, "- First", "```\nimport os\n```\n\n- First"),
        (Fault.CODE, '```pycon\n>>> greet("Ana", 3)\n```\n', ""),
        (Fault.CODE, "\n- First", "\n    import os\n\n- First"),
        (Fault.CODE, "come after", "come ``after"),
        (Fault.INLINE_CODE, "`default`", "`standard`"),
        (Fault.INLINE_CODE, "`default`", "default"),
        (Fault.INLINE_CODE, "come after", "come `after`"),
        (Fault.INLINE_CODE, "Parameters with", "`TypeError`: parameters with"),
        (Fault.NUMBERS, "10 %", "90 %"),
        (Fault.NUMBERS, "10 %", "10"),
        (Fault.NUMBERS, ", since 1991", ""),
        (Fault.NUMBERS, "- First", "1. First"),
        (Fault.HTML, "A parameter", "A <script>parameter"),
        (Fault.HTML, "A parameter", "A &lpar;parameter"),
        (Fault.HTML, "A parameter", "<!-- A parameter"),
        (Fault.LINKS, "A parameter", "A [parameter](ahttp)"),
        (Fault.LINKS, "A parameter", "A ![parameter](x)"),
        (Fault.LINKS, "A parameter", "A [click [here] now](//evil.shop/x) parameter"),
        (Fault.LINKS, "A parameter", r"A [a\]b](//evil.shop/login) parameter"),
        (Fault.LINKS, "A parameter", "A ![a [b] c](//evil.shop/p.png) parameter"),
        (Fault.LINKS, "A parameter", "A [a [b] c](/update-progress) parameter"),
        (Fault.LINKS, "A parameter", "A [parameter][evil]"),
        (Fault.LINKS, "A parameter", "See evil.shop/login. A parameter"),
        (Fault.LINKS, "A parameter", "See evil.unheard-of.wares/. A parameter"),
        (Fault.LINKS, "A parameter", r"See evil\.**wares**\/login. A parameter"),
        (Fault.LINKS, "A parameter", "See evil.wares?login. A parameter"),
        (Fault.LINKS, "A parameter", "See https://evil.example. A parameter"),
        (Fault.LINKS, "A parameter", "See www.evil.example. A parameter"),
        (Fault.LINKS, "A parameter", "Mail me@evil.example. A parameter"),
        (Fault.LINKS, "A parameter", "Go to evil.com. A parameter"),
        (Fault.LINKS, "A parameter", "javascript:alert A parameter"),
        (Fault.LINKS, "- First", "[evil]: evil\n\n- First"),
        (Fault.HEADINGS, "- First", "# Important\n\n- First"),
        (Fault.HEADINGS, "- First", "Important\n---------\n\n- First"),
        (Fault.REFUSAL, "A parameter", "I'm sorry, but a parameter"),
        (Fault.REFUSAL, "A parameter", "As an AI language model I say: a parameter"),
        (Fault.REFUSAL, "A parameter", "My system prompt says: a parameter"),
        (Fault.CHARACTERS, "A parameter", "A\u200b parameter"),
        (Fault.CHARACTERS, "A parameter", "A\r\nparameter"),
        (Fault.CHARACTERS, "A parameter", "\u202eA parameter"),
    ],
)
def test_each_fault_is_found(fault: Fault, old: str, new: str) -> None:
    assert old in ORIGINAL
    assert fault_of(ORIGINAL, ORIGINAL.replace(old, new, 1)) is fault
    if old in OTHER_WORDS:
        assert fault_of(ORIGINAL, OTHER_WORDS.replace(old, new, 1)) is fault


def test_another_subject_is_found() -> None:
    insult = "You are hopeless at this and should give up right away, because nobody likes whoever fails. " * 3
    start, end = ORIGINAL.index("```pycon"), ORIGINAL.index("Parameters")
    code = ORIGINAL[start:end]
    written = f"{insult} 2\n\n{code}{insult} `default` `TypeError` 10 % 1991\n"
    assert fault_of(ORIGINAL, written) is Fault.SUBJECT


@given(st.integers(1, 40), st.integers(1, 120))
def test_the_length_stays_within_its_bounds(before: int, after: int) -> None:
    original, written = ("ab " * before).strip(), ("cd " * after).strip()
    fault = fault_of(original, written)
    bounds = (min(SHORTEST * len(original), len(original) - SLACK), max(LONGEST * len(original), len(original) + SLACK))
    assert (fault is Fault.LENGTH) == (not bounds[0] <= len(written) <= bounds[1])


@pytest.mark.parametrize("objective", ["Write a call.", "Write  a\ncall.", "write a"])
def test_objectives_stay_word_for_word(objective: str) -> None:
    original = f"What this works towards:\n\n- **Objective one.** {objective}\n\nTake your time with all of it."
    kept = f"This is what it works towards:\n\n- **Objective one.** {objective}\n\nTake all the time you need."
    lost = kept.replace(objective, "Phrase a call.")
    assert fault_of(original, kept, [objective, "Not there.", ""]) is None
    assert fault_of(original, lost, [objective]) is Fault.OBJECTIVES
    assert fault_of(original, kept + f" {objective}", [objective]) is Fault.OBJECTIVES


@pytest.mark.parametrize(
    "objective", ["Use `for` and *args*.", "Say <b> &amp; [x](y)", "Know `__init__` from \\n", "Write a call."]
)
def test_objectives_may_be_escaped(objective: str) -> None:
    original = (
        f"What this works towards:\n\n- **Objective one.** {literal(objective)}\n\nTake your time with all of it."
    )
    kept = original.replace("What this works", "This is what it works")
    assert fault_of(original, kept, [objective]) is None
    assert fault_of(original, kept.replace(literal(objective), "Something else."), [objective]) is not None
    if literal(objective) != objective:
        assert fault_of(original, kept.replace(literal(objective), objective), [objective]) is not None


@pytest.mark.parametrize("link", ["[the manual](/manual)", "![a [b]](x.png)", "[a][b]\n\n[b]: /c", "docs.python.org/3"])
def test_a_link_that_was_there_may_stay(link: str) -> None:
    original = f"You can read more on this in {link}. Take your time with all of it."
    assert fault_of(original, original.replace("Take your", "Take the"), []) is None
    assert fault_of(original, original.replace("more", "[more]"), []) in {None, Fault.LINKS}
    further = original.replace(". Take", f". {link} Take")
    assert fault_of(original, further.replace("3", ""), []) in {Fault.LINKS, Fault.NUMBERS}


def test_code_named_once_more_and_brackets_without_links_pass() -> None:
    assert fault_of(ORIGINAL, OTHER_WORDS.replace("A `TypeError`", "Beside `default`, a `TypeError`")) is None
    assert fault_of(ORIGINAL, OTHER_WORDS.replace("Think of", "Think [or dream] and/or e.g. speak...or/and of")) is None


@pytest.mark.parametrize("text", ["<b>", "https://a.example", "`x`", "# Now", "I cannot do that", "a\x00b"])
def test_an_intrusion_is_found(text: str) -> None:
    assert intrusion_of(f"Go on with loops. {text}") or intrusion_of(f"{text} Go on with loops.")
    assert intrusion_of("Go on with loops, because they are still fresh.") is None


HOSTILE = (
    *("a.", "[[", "<a", "``` ", "` ", "a@", "&a", "www.", "I am ", "[a](", "a:", "> ", "- ", "1. ", "#", " ", "\t"),
    *("~~~", "    ", "`", "\\", "\\`", "](", "](<", "]:", "![", "as an ", "a/", "a-", "-", "=", "1.", "a", "//", "as "),
)
SIZE = 50_000


def seconds_to_judge(original: str, written: str) -> float:
    began = time.process_time()
    list(faults_of(original, written))  # all of them: no check is spared by the one before
    return time.process_time() - began


@pytest.mark.parametrize("piece", [*HOSTILE, "".join("`" * n + " " for n in range(1, 310))], ids=lambda one: one[:8])
def test_no_text_takes_long_to_judge(piece: str) -> None:
    original = "word " * (SIZE // 5)
    usual = seconds_to_judge(original, "other " * (SIZE // 6))
    hostile = (piece * (SIZE // len(piece) + 1))[:SIZE]
    for written in (hostile, f"x{hostile[:-2]}x"):
        assert seconds_to_judge(original, written) < 20 * usual + 1
