"""How long a text is: own examples, and what holds for any text."""

from __future__ import annotations

import html

import pytest
from hypothesis import given, strategies as st
from weights_of_x import WEIGHTS
from work import calls_of

from postiz_async._sandbox.rules.fields import length
from postiz_async._sandbox.text.html import sanitize
from postiz_async._sandbox.text.length import (
    addresses,
    counted_text,
    plain_length,
    weighted_length,
    x_length,
)

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"


@pytest.mark.parametrize(
    ("content", "counted"),
    [
        ("1 > 0 & more", "1 &gt; 0 &amp; more"),
        ("a\r\nb", "a\nb"),
        ("<h1>Title</h1>", "<h1>Title</h1>"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("<p>one</p><p></p><p>two</p>", "one\n\ntwo"),
        ("<p>a&nbsp;b &quot;c&quot; &amp;lt;</p>", 'a b "c" <'),
        ('<p><a href="https://e.com/?a=1&amp;b">label</a></p>', "https://e.com/?a=1&b"),
        ("<p><strong>aZ9-</strong></p>", "\U0001d5ee\U0001d5ed\U0001d7f5-"),
        ("<p><u>a-b</u></p>", "a\u0332-b\u0332"),
        ("<p>x</p><ul><li><p>a</p></li><li>b</li></ul><p>y</p>", "x\n- a\n- b\ny"),
        ('<p class="x">a</p>', '<p class="x">a</p>'),
    ],
)
def test_counted_text(content: str, counted: str) -> None:
    assert counted_text(sanitize(content)) == counted


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("\u00e9", 1),
        ("e\u0301", 1),
        ("\u1100", 2),
        ("\u65e5", 2),
        (FAMILY, 2),
        ("\U0001f44d\U0001f3fd", 2),
        ("\U0001f1eb\U0001f1f7", 2),
        ("1\ufe0f\u20e3", 2),
        ("\u00a9", 1),
        ("\u00a9\ufe0f", 2),
        ("\U0001f9d1\u200d\U0001f680", 5),
        ("see example.com.", 4 + 23 + 1),
        ("https://example.com/a_(b)!", 23 + 1),
        ("\u65e5example.com\u65e5", 2 + 23 + 2),
        ("https://example.com\u3067\u3059", 23 + 4),
        ("example.com.foo1", 23 + 5),
        ("me@example.com", 14),
        ("john.me@example.com", 19),
        ("#example.com", 12),
        ("ftp://example.com", 17),
        ("http://localhost/a", 18),
        ("http://1.2.3.4", 14),
        ("https://example.com:80/a?b=c#d", 23),
        ("https://\u4f8b\u3048.jp", 23),
        ("node.js", 7),
        ("README.md", 23),
    ],
)
def test_weights_of_x(text: str, weight: int) -> None:
    assert weighted_length(text) == weight


@pytest.mark.parametrize(("text", "weight"), WEIGHTS)
def test_weights_of_glued_texts(text: str, weight: int) -> None:
    assert weighted_length(text) == weight


@given(st.text(st.characters(exclude_characters="\0\r\xa0")))
def test_paragraphs_are_counted_as_the_text_in_them(text: str) -> None:
    content = "".join(f"<p>{html.escape(line, quote=False)}</p>" for line in text.split("\n"))
    if html.unescape(text) == text:
        assert plain_length(sanitize(content)) == length(text)


@given(st.text())
def test_x_never_counts_less_than_the_others(text: str) -> None:
    sanitized = sanitize(text)
    assert x_length(sanitized) >= plain_length(sanitized)


@given(st.lists(st.sampled_from([*"a.:/@-_# \u65e5\u00e9", "https://", ".com"])))
def test_addresses_are_in_order_and_in_the_text(pieces: list[str]) -> None:
    text = "".join(pieces)
    spots = [spot for pair in addresses(text) for spot in pair]
    assert spots == sorted(spots)
    assert not spots or (spots[0] >= 0 and spots[-1] <= len(text))


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "text",
    ["\u00e9" * 50_000, "\u65e5" * 33_000, "a." * 50_000, "a-" * 50_000, "http://" * 14_000,
     "example.com/" + "(" * 90_000, "example.com/" + "!" * 90_000, FAMILY * 4_000,
     "<p><strong>" * 9_000, "<p>" + "<ul><li>" * 12_000],
)  # fmt: skip
def test_no_text_is_much_work(text: str) -> None:
    assert x_length(text) > 0
    assert calls_of(lambda: x_length(text[:5_000])) < 5_000 * 30
