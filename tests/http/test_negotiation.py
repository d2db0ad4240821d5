"""RFC 9110, section 12.5.1, as far as an `Accept` header asks for one of three forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.negotiation import preferred

FORMS = ("application/json", "text/markdown", "text/html")
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/markdown", "text/markdown"),
        ("TEXT/Markdown; charset=utf-8", "text/markdown"),
        (BROWSER, "text/html"),
        ("text/*", "text/markdown"),
        ("text/*;q=0.5, text/html", "text/html"),
        ("text/html;q=0.2, */*;q=0.1", "text/html"),
        ("text/html;q=0, */*", "application/json"),
        ("application/json;q=0, */*", "text/markdown"),
        ("text/html;q=0.3, text/markdown;q=0.4", "text/markdown"),
        ("text/html ; level=1 ; q=0.9, text/markdown; q=0.8", "text/html"),
        # Nothing of ours: an answer in another form is more use than none.
        ("image/png", "application/json"),
        ("text/html;q=nonsense", "application/json"),
        ("text/html;q=7", "application/json"),
    ],
)
def test_what_a_client_likes_best(accept: str | None, form: str) -> None:
    assert preferred(accept, FORMS) == form


@given(
    st.text(max_size=200) | st.lists(st.sampled_from([*FORMS, "text/*", "*/*", ";q=0.1", ",", ";", "="])).map("".join)
)
def test_whatever_is_sent_one_of_ours_is_answered(accept: str) -> None:
    assert preferred(accept, FORMS) in FORMS
