"""Templates show what `str.format` would, and reach nothing but cells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnflow.importing.templates import EmptyCell, Template, TemplateError

COLUMNS = ["id", "student id", "größe", "n"]
cells = st.fixed_dictionaries({column: st.text(min_size=1).filter(lambda cell: cell.strip()) for column in COLUMNS})
specs = st.sampled_from(["", ":.4", ":>8", ":0>5", ":*^9.3", ":5s", ":.0"])
placeholders = st.builds(lambda column, spec: f"{{{column}{spec}}}", st.sampled_from(COLUMNS), specs)
literals = st.text().map(lambda text: text.replace("{", "{{").replace("}", "}}"))


@given(st.lists(placeholders | literals).map("".join), cells)
def test_shows_what_format_would(template: str, row: dict[str, str]) -> None:
    stripped = {column: cell.strip() for column, cell in row.items()}
    assert Template.parse(template).render(row) == template.format(**stripped)


@given(st.text())
def test_any_text_is_a_template_or_refused(text: str) -> None:
    try:
        template = Template.parse(text)
    except TemplateError:
        return
    shown = template.render(dict.fromkeys(template.columns, "x"))
    assert len(shown) <= len(text) + 1000 * len(template.parts)


@pytest.mark.parametrize(
    "text",
    [
        "{id.__class__}",
        "{id[0]}",
        "{}",
        "{ }",
        "{0.real}",
        "{id!r}",
        "{id:{n}}",
        "{id:99999999}",
        "{id:d}",
        "{id",
        "id}",
    ],
)
def test_more_than_a_column_is_refused(text: str) -> None:
    with pytest.raises(TemplateError):
        Template.parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{id", "'{id': a { has no } behind it"),
        ("{id:.4", "a { has no } behind it"),
        ("x{", "a { has no } behind it"),
        ("id}", "'id}': a } has no { before it"),
        ("{year-{day}", "a { within braces; is a } missing before it"),
        ("{id!", "conversions"),
        ("{id!rr}", "conversions"),
    ],
)
def test_braces_that_do_not_match_are_told_in_plain_words(text: str, said: str) -> None:
    with pytest.raises(TemplateError) as refused:
        Template.parse(text)
    assert said in str(refused.value)


def test_an_empty_cell_is_named() -> None:
    with pytest.raises(EmptyCell) as empty:
        Template.parse("{id}-{n}").render({"id": "7", "n": "  "})
    assert empty.value.column == "n"
