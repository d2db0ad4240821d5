"""A lesson to be read: as Markdown (RFC 7763), and as a page of HTML. Pure. Its first step lists the objectives.

Whatever a request, a pack or a model put into a lesson stays text in the page: no HTML, link or picture takes effect.
"""

import html
import re
from collections.abc import Iterator
from typing import Final

from markdown_it import MarkdownIt

from query_api.answers import Element, LessonInFull

JSON: Final = "application/json"
MARKDOWN: Final = "text/markdown"
HTML: Final = "text/html"
FORMS: Final = (JSON, MARKDOWN, HTML)
"""In which a lesson can be had, the default first."""
PAGE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The Content-Security-Policy of a page: nothing in it is run or fetched."""

_UNFOLDED_LATER: Final = "answers"
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&])")
_READER: Final = MarkdownIt("commonmark", {"html": False}).disable(
    ["link", "image", "autolink", "reference", "html_block", "html_inline"]
)
_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; } .about, .why, .author { color: GrayText; }
.why { font-style: italic; } pre { padding: .8rem; overflow-x: auto; border: 1px solid; border-radius: .4rem; }
code { font-family: ui-monospace, monospace; font-size: .92em; } summary { cursor: pointer; font-weight: 600; }
"""


def markdown(lesson: LessonInFull) -> str:
    """The lesson as CommonMark: headings of the first level for its title, of the second for its steps."""
    return "\n\n".join(_paragraphs(lesson)) + "\n"


def page(lesson: LessonInFull) -> str:
    """The lesson as a page by itself; solutions and answers are folded up."""
    steps = "\n".join(_step(number, element) for number, element in enumerate(lesson.elements, start=1))
    title = html.escape(lesson.title)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f'<p class="about">{html.escape(_about(lesson))}</p>\n{steps}\n</body>\n</html>\n'
    )


def _paragraphs(lesson: LessonInFull) -> Iterator[str]:
    yield f"# {_escaped(lesson.title)}"
    yield _escaped(_about(lesson))
    for number, element in enumerate(lesson.elements, start=1):
        yield f"## {number}\\. {_escaped(element.title)} ({_minutes(element)})"
        if element.why is not None:
            yield f"*{_escaped(element.why)}*"
        yield element.content
        if element.author is not None:
            yield f"*{_escaped(_authorship(element.author))}*"


def _step(number: int, element: Element) -> str:
    heading = f"{number}. {html.escape(element.title)} ({_minutes(element)})"
    why = "" if element.why is None else f'<p class="why">{html.escape(element.why)}</p>\n'
    author = "" if element.author is None else f'<p class="author">{html.escape(_authorship(element.author))}</p>\n'
    content = _READER.render(element.content)
    if element.kind == _UNFOLDED_LATER:
        content = f"<details>\n<summary>Show them</summary>\n{content}</details>\n"
    return f"<section>\n<h2>{heading}</h2>\n{why}{content}{author}</section>"


def _about(lesson: LessonInFull) -> str:
    made_of = f" Made of {', '.join(lesson.packs)}." if lesson.packs else ""
    return f"{lesson.level.capitalize()} level, {lesson.duration_minutes} minutes.{made_of}"


def _minutes(element: Element) -> str:
    return "1 minute" if element.minutes == 1 else f"{element.minutes} minutes"


def _authorship(author: str) -> str:
    return f"Written for you by a language model ({author}); facts, code and checks are those of the teaching material."


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
