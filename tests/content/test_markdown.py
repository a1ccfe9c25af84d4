"""What Markdown becomes on networks that take plain text, Markdown or HTML."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from postiz_async._content import preview, render, sanitise
from postiz_async._content.markdown import to_html
from postiz_async.errors import InvalidInputError
from postiz_async.models.posts import Markdown, Mention

BOLD_A, BOLD_B = "\U0001d5ee", "\U0001d5ef"


@pytest.mark.parametrize(
    ("source", "normal", "markdown"),
    [
        ("# T", "T", "\n# T\n"),
        ("one\n\ntwo", "one\n\ntwo", "one\n\ntwo\n"),
        ("one\ntwo", "one two", "one two\n"),
        ("one  \ntwo\\\nthree", "one\ntwo\nthree", "one\ntwo\nthree\n"),
        ("**a** *b*", f"{BOLD_A} b", "**a** b\n"),
        ("**a\\\nb**", f"{BOLD_A}\n{BOLD_B}", "**a**\n**b**\n"),
        ("- a\n- b", "- a\n- b", "- a\n- b\n"),
        ("x\n\n- a\n  - b\n\n  c\n\ny", "x\n\n- a\n  - b\n  c\n\ny", "x\n\n- a\n  - b\n  c\n\ny\n"),
        ("3. a\n4. b", "3. a\n4. b", "3. a\n4. b\n"),
        ("-\n- b", "- \n- b", "- \n- b\n"),
        ("> q\n>\n> r", "> q\n\n> r", "> q\n\n> r\n"),
        ("[l](https://e.com/?a&b)", "https://e.com/?a&b", "[l](https://e.com/?a&b)\n"),
        ("<https://e.com>", "https://e.com", "[https://e.com](https://e.com)\n"),
        ("![alt](https://e.com/i.png)", "https://e.com/i.png", "[alt](https://e.com/i.png)\n"),
        ("`a < b` & <b>x</b>", "a < b & <b>x</b>", "a < b & <b>x</b>\n"),
        ("```\nif a:\n  b\n```", "if a:\n  b", "if a:\n  b\n"),
        ("a\n\n***\n\nb", "a\n\n---\n\nb", "a\n\n---\n\nb\n"),
        ("a\n\n#### deep\n\nb", "a\n\ndeep\n\nb", "a\n\n\n### deep\n\nb\n"),
        ("&copy; 😀 \\*", "\xa9 😀 *", "\xa9 😀 *\n"),
    ],
)
def test_what_is_published(source: str, normal: str, markdown: str) -> None:
    assert preview(Markdown(source), limit=500).text == normal
    assert preview(Markdown(source), limit=500, editor="markdown").text == markdown


def test_lists_are_lists_where_html_is_taken() -> None:
    source = Markdown("- a\n- b\n  - c\n1. d")
    lists = "<ul><li><p>a</p></li><li><p>b</p><ul><li><p>c</p></li></ul></li></ul>"
    assert render(source, editor="html") == f"{lists}<p></p><p>1. d</p>"
    assert "<ul>" not in render(source, editor="html", counts="x-weighted")


def test_a_link_that_is_none_stays_text() -> None:
    assert render(Markdown("[x](javascript:y)")) == "<p>[x](javascript:y)</p>"
    assert render(Markdown("[x](page.html) ![y](z.png)")) == "<p>x y</p>"


def test_bold_stands_inside_of_links() -> None:
    seen = preview(Markdown("**a [b *c*](https://e.com) d**"), limit=90, editor="markdown")
    assert seen.text == "**a** [**b c**](https://e.com) **d**\n"
    assert (
        render(Markdown("**[![i](/j) **b**](/k)**"))
        == '<p><a href="/k"><strong>i b</strong></a></p>'
    )


def test_a_mention_is_written_as_a_link() -> None:
    mention = Mention("urn:li:person:A b)", "Ann_B [x] <y>")
    sent = render(Markdown(f"**Hi {mention}!**"))
    assert sent == (
        '<p><strong>Hi</strong> <span class="mention" data-mention-id="urn:li:person:A b)" '
        'data-mention-label="Ann_B [x] &lt;y&gt;">@Ann_B [x] &lt;y&gt;</span><strong>!</strong></p>'
    )
    assert sanitise(sent) == sent


@given(st.text("ab *_`[](){}<>&#-+1.\n!\\:/\t|~=", max_size=60) | st.text(max_size=60))
def test_the_server_keeps_all_that_is_sent(source: str) -> None:
    sent = to_html(source)
    assert sanitise(sent) == sent
    listed = to_html(source, real_lists=True)
    assert sanitise(listed) == listed


def test_markdown_that_no_request_can_carry_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="Markdown"):
        render(Markdown("a" * 200_000))
