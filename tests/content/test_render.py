from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, strategies as st

from postiz_async._content import render, sanitise
from postiz_async._resources.create_body import content_problems
from postiz_async.models.media import Media
from postiz_async.models.posts import Html, NewPost, ThreadPart

PICTURE = Media(id="m", path="https://host/a.png")
printable = st.text(st.characters(blacklist_categories=["Cs", "Cc"], whitelist_characters="\n"))


@given(printable.filter(lambda text: "<" not in text))
def test_text_without_a_tag_is_sent_as_it_is(text: str) -> None:
    assert render(text) == text


@given(printable | st.text("<>&a \n/p", max_size=20))
def test_the_server_keeps_what_plain_text_becomes(text: str) -> None:
    assert sanitise(render(text)) == render(text)


@given(printable | st.text("<>&a \n/p;lt", max_size=20))
def test_plain_text_with_a_tag_can_be_read_back_as_it_was(text: str) -> None:
    sent = render(text)
    if sent == text:
        return
    lines = re.findall(r"<p>(.*?)</p>", sent)
    assert "\n".join(html.unescape(line) for line in lines) == text


def test_a_no_break_space_beside_a_tag_is_kept_as_the_server_writes_it() -> None:
    assert render("1\xa0<\xa02") == "<p>1&nbsp;&lt;&nbsp;2</p>"
    assert sanitise(render("1\xa0<\xa02")) == render("1\xa0<\xa02")


def test_html_goes_as_it_is() -> None:
    assert render(Html("<p>a & b</p>")) == "<p>a & b</p>"


def test_windows_line_ends_do_not_become_part_of_a_paragraph() -> None:
    assert render("a < b\r\nc") == "<p>a &lt; b</p><p>c</p>"


@pytest.mark.parametrize("content", ["", " \n", Html(""), Html("<p> </p>"), Html("<b></b><br/>")])
def test_a_post_without_text_and_media_is_known_to_be_refused(content: str | Html) -> None:
    assert [each.message for each in content_problems(NewPost("c", content), "")] == [
        "has neither text nor media"
    ]
    assert list(content_problems(NewPost("c", content, media=[PICTURE]), "")) == []


def test_each_part_of_a_thread_needs_text_or_media() -> None:
    thread = ("fine", "", ThreadPart(" "), ThreadPart("", media=(PICTURE,)))
    found = list(content_problems(NewPost("c", "root", thread=thread), ""))
    assert [each.where for each in found] == [".thread.1", ".thread.2"]


def test_nul_is_no_text() -> None:
    (fault,) = content_problems(NewPost("c", "a\x00b"), "")
    assert "NUL" in fault.message
