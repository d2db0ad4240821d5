"""A lesson as a person reads it: in a browser, or as Markdown."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from query_api.answers import AsOf, Element, LessonInFull
from query_api.rendering import markdown, page
from tests.http.harness import WAIT_SECONDS, Api

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](http://tracker.test/p.png)",
    "<http://tracker.test>",
    "```\n<script>alert(1)</script>\n```",
    "# Not a heading of ours",
    '" onmouseover="alert(1)',
    "&lt;script&gt;",
    "[a]: http://tracker.test\n\n[a]",
)
ALLOWED = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "p",
    "ul",
    "ol",
    "li",
    "section",
    "details",
    "summary",
    "pre",
    "code",
    "em",
    "strong",
    "br",
    "hr",
    "blockquote",
}


class Page(HTMLParser):
    """Which elements and attributes a page has, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    @override
    def handle_data(self, data: str) -> None:
        self.text += data


def lesson(text: str, **fields: Any) -> LessonInFull:
    """A lesson with a text wherever a request, a pack or a model can put one."""
    element = Element(
        kind=fields.pop("kind", "practice"),
        title=text,
        minutes=5,
        content=text,
        concept=None,
        why=text,
        author=fields.pop("author", None),
    )
    return LessonInFull(
        lesson_id="l-1",
        learner_id="ada",
        topic=text,
        title=text,
        level="beginner",
        duration_minutes=30,
        requested_at="2026-01-31T09:30:00Z",  # type: ignore[arg-type] # pydantic reads it
        objectives=[text],
        elements=[element],
        composer="test/1",
        concepts=[],
        packs=["python@1.0.0"],
        standing="new",
        suggestions=[],
        progress=None,
        as_of=AsOf(time=None, positions={}),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_lesson_takes_effect_in_a_page(text: str) -> None:
    found = Page(page(lesson(text)))
    assert found.tags <= ALLOWED
    assert not {name for name in found.attributes if name.startswith("on") or name in {"src", "href", "style"}}


@given(st.text(st.sampled_from("<>&\"'`*_[]()#!-:/ \nabc"), min_size=1, max_size=80))
def test_whatever_is_in_a_lesson_its_page_is_made_of_what_we_know(text: str) -> None:
    found = Page(page(lesson(text)))
    assert found.tags <= ALLOWED
    assert found.attributes <= {"lang", "charset", "name", "content", "class", "start"}


def test_solutions_are_folded_up_and_models_are_named() -> None:
    assert "<details>" in page(lesson("x", kind="answers"))
    assert "<details>" not in page(lesson("x"))
    assert "gpt-test" in page(lesson("x", author="gpt-test"))
    assert "gpt\\-test" in markdown(lesson("x", author="gpt-test"))
    assert "language model" not in page(lesson("x"))


def test_text_of_a_request_is_no_markup_in_markdown() -> None:
    lines = markdown(lesson("# <b>big</b> *x*")).splitlines()
    assert lines[0] == r"# \# \<b\>big\</b\> \*x\*"


async def test_a_lesson_is_read_in_the_form_that_is_asked_for(api: Api) -> None:
    asked = await api.lesson(topic="Python for loops")
    path, token = asked["headers"]["Location"], asked["headers"]["Consistency-Token"]
    headers = {"Consistency-Token": token, "Prefer": f"wait={WAIT_SECONDS}"}

    whole = await api.get(path, after=asked)
    for accept, media_type in (
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("text/markdown", "text/markdown; charset=utf-8"),
        ("*/*", "application/json"),
    ):
        answer = await api.client.get(path, headers={**headers, "Accept": accept})
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == media_type
        assert answer.headers["Vary"] == "Accept"
        assert answer.headers["Consistency-Status"] == "included"
        for element in whole["elements"]:
            assert re.sub(r"\W", "", element["title"]) in re.sub(r"\W", "", answer.text)

    shown = await api.client.get(path, headers={"Accept": "text/html"})
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    assert Page(shown.text).tags <= ALLOWED
    missing = await api.client.get("/lessons/none", headers={"Accept": "text/html"})
    assert missing.status_code == 404
    assert missing.headers["Content-Type"] == "application/problem+json"
