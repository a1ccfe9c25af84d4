"""Input that was made to hurt: a result or a problem, for work that grows with the length."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from work import calls_of, grows_with_its_input

from postiz_async._content import length, preview, sanitise, split
from postiz_async._content.preview import published_text
from postiz_async._resources.create_body import content_problems
from postiz_async.errors import InvalidInputError
from postiz_async.models.posts import Content, Html, Markdown, NewPost, Text

BOMBS = {
    "nested": "<div>" * 100_000,
    "nested within the limit": "<div>" * 20_000,
    "unclosed": "<strong>" * 12_000 + "</strong>\n",
    "underlined": "<p>" + "<u>" * 30_000 + "\n",
    "lists": "<ul><li>" * 10_000,
    "signs": "<" * 100_000,
    "comments": "<!--" * 25_000,
    "attributes": "<a " + "b=c " * 25_000,
    "values": '<a href="' * 11_000,
    "end tags": "</a>" * 25_000,
}
MARKDOWN_BOMBS = ("**", "[", "> ", "`", "*a ", "- ", "![a]", "[a](", "```\n", "\\", "[@a](mention:")
TEXTS = {
    "letters": "a" * 1_000_000,
    "dots": "a." * 500_000,
    "addresses": "a@" * 500_000,
    "right to left": "\u202e" * 1_000_000,
    "marks": "e" + "\u0301" * 500_000,
    "ampersands": "&" * 1_000_000,
    "parentheses": "a.com/" + "(a" * 100_000,
    "surrogates": "\ud800" * 500_000,
    "flags": "\U0001f1eb" * 300_000,
    "NUL": "\0a" * 300_000,
}


def outcome(content: Content) -> str:
    try:
        seen = preview(content, limit=280, counts="x-weighted", editor="html")
    except InvalidInputError as error:
        return error.problems[0].where
    return "fits" if seen.fits else "too long"


@pytest.mark.parametrize("name", BOMBS)
def test_html_bombs(name: str) -> None:
    def work() -> None:
        assert outcome(Html(BOMBS[name])) in {"content", "fits", "too long"}
        assert outcome(Html("<p>x" + BOMBS[name])) in {"content", "fits", "too long"}

    assert calls_of(work) < 10 * len(BOMBS[name])


@pytest.mark.exhaustive
@pytest.mark.parametrize("piece", MARKDOWN_BOMBS)
def test_markdown_bombs(piece: str) -> None:
    assert outcome(Markdown(piece * (20_000 // len(piece)))) in {"content", "fits", "too long"}
    assert calls_of(lambda: outcome(Markdown(piece * (4_000 // len(piece))))) < 4_000 * 300


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", TEXTS)
def test_long_texts(name: str) -> None:
    def work(text: str) -> None:
        assert length(text, "x-weighted") >= len(text.replace("\0", ""))
        assert outcome(text) in {"content", "too long"}
        assert outcome(Text(text[:50_000])) in {"content", "too long"}

    work(TEXTS[name])
    assert calls_of(lambda: work(TEXTS[name][:20_000])) < 20_000 * 10


def test_work_grows_with_the_length_only() -> None:
    assert grows_with_its_input(lambda n: split(Text("word & word. " * n), limit=280), 1_000)


@given(
    st.text(st.characters(), max_size=80)
    | st.text("<>/&;!-= \"'apbrulistong\n\0\ud800", max_size=80)
)
def test_whatever_is_written_has_a_length(text: str) -> None:
    for content in (text, Html(text), Markdown(text)):
        assert preview(content, limit=280, counts="x-weighted", editor="html").length >= 0
    assert published_text(text, "markdown") is not None
    assert sanitise(sanitise(text)) == sanitise(text) or "<" in text
    for part in split(Text(text), limit=300):
        assert length(part.source) >= 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\0b", "NUL"),
        ("a\ud800b", "half a pair"),
        (Html("<p>\udfff</p>"), "half a pair"),
        (Markdown("\0"), "NUL"),
        (Text("x" * 102_401), "102,401 characters"),
    ],
)
def test_what_no_database_takes_is_a_fault(content: Content, message: str) -> None:
    found = [each.message for each in content_problems(NewPost("c", content), "")]
    assert len(found) == 1
    assert message in found[0]
