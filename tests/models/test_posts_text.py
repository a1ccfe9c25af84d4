"""`Post.text` is what a network that takes plain text publishes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given, strategies as st
from recorded import facts

from postiz_async import Mention, Post, Text
from postiz_async._content import render, sanitise
from postiz_async._content.preview import published_text
from postiz_async.models._plain_text import plain_text_of

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\xa0")
PIECES = st.sampled_from(
    (
        "<p>", "</p>", "<br>", "<ul><li>", "</li></ul>", "<li>", "<strong>", "</strong>", "<u>",
        "</u>", '<a href="https://example.com/?a=1&b=2">', "</a>", "<h1>", "</h1>", "<div>", "\n",
        '<span data-mention-id="7" data-mention-label="Ann">@Ann</span>', "a & b", "1 < 2", "word",
        "&lt;", "&amp;nbsp;", '<p class="x">', "<a>", "é😀",
    )
)  # fmt: skip


def text_of(content: str) -> str:
    return Post(id="p", publish_date=datetime(2030, 1, 1, tzinfo=UTC), content=content).text


@given(st.text(LETTERS, max_size=60))
@example("a < b && c > d\n<b>no tag</b>")
def test_plain_text_comes_back_as_it_was_written(written: str) -> None:
    """But for what looks like an entity, which the server decodes where there are tags."""
    stored = sanitise(render(written))
    expected = written.replace("&", "+") if "<" in written else written
    if "<" in written:
        stored = sanitise(render(expected))
    assert text_of(stored) == expected


@given(st.lists(PIECES, max_size=12).map("".join))
def test_it_is_what_is_published(content: str) -> None:
    stored = sanitise(content)
    if "<" not in stored or "<p>" in stored:
        assert text_of(stored) == published_text(stored, "normal")
    else:
        assert "<p" not in text_of(stored)


def test_it_is_what_the_server_published() -> None:
    checked = 0
    for case in facts("texts"):
        stored, published = case["sanitized"], case["published"]["normal"]
        if "<" not in stored or "<p>" in stored:
            assert text_of(stored) == published, case["note"]
            checked += 1
    assert checked == 50


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("AT&T &amp; R&D", "AT&T &amp; R&D"),
        ("<p>AT&amp;T</p><p></p><p>1 &lt; 2</p>", "AT&T\n\n1 < 2"),
        ('<p>See <a href="https://example.com/?a=1&amp;b=2">here</a></p>',
         "See https://example.com/?a=1&b=2"),
        ("<p>Now:</p><ul><li><p>one</p></li><li><p>two</p></li></ul>", "Now:\n- one\n- two\n"),
        ("<p><strong>Go</strong> <u>on</u></p>", "\U0001d5da\U0001d5fc o\u0332n\u0332"),
        ("one<br>two", "one\ntwo"),
        ("<h1>Title</h1>text", "Title\ntext"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("1 < 2 &amp;", "1 < 2 &amp;"),
        ("", ""),
    ],
)  # fmt: skip
def test_examples(stored: str, text: str) -> None:
    assert text_of(stored) == text


def test_a_mention_is_its_name() -> None:
    sent = render(Text("Thanks @Ann!", (Mention("7", "Ann"),)))
    assert text_of(sanitise(sent)) == "Thanks @Ann!"


@pytest.mark.parametrize(
    "piece",
    ["<a ", '<a href="', '<a href="">', "<li>", "<strong>", "<p ", "<", "<a", "<br ", "</h1>"],
)
def test_no_content_takes_for_ever(piece: str) -> None:
    """Patterns that looked at the rest of the text again for each tag would not end in time."""
    many = 200_000 // len(piece)
    assert len(plain_text_of(f"<p>{piece * many}")) <= len(piece) * many
