"""`preview` and `split` for a network by its name."""

from __future__ import annotations

import pytest

from postiz_async.errors import InvalidInputError
from postiz_async.models.posts import Html, Markdown, Text
from postiz_async.texts import plain_text, preview, render, split


def test_a_preview_knows_the_network() -> None:
    assert preview("日本", "x").length == 4
    assert preview("日本", "x").limit == 280
    assert preview("日本", "x", limit=4000).limit == 4000
    assert preview("日本", "mastodon").length == 2
    assert preview(Markdown("**a**"), "discord").text == "**a**\n"
    assert preview(Markdown("- a"), "wordpress").text == "<ul><li><p>a</p></li></ul>"


def test_a_text_becomes_a_thread() -> None:
    parts = split("A sentence of words. " * 40, "x", numbering=True)
    assert len(parts) == 4
    assert all(isinstance(part, Text) and preview(part, "x").fits for part in parts)
    markdown = split(Markdown("A **bold** sentence. " * 40), "bluesky")
    assert all(preview(part, "bluesky").fits for part in markdown)


def test_a_text_is_sent_so_that_it_fits() -> None:
    text = "a & b " * 40
    assert render(text, "mastodon") == text
    assert render(text, "threads") == text
    assert render(text, "x") == "<p>" + "a &amp; b " * 40 + "</p>"
    assert render("a & b " * 600, "x").startswith("<p>")  # 3,600 fit a verified account
    assert render("a & b", "new") == "a & b"


def test_an_unknown_network_needs_a_limit() -> None:
    with pytest.raises(InvalidInputError, match="'twiter' is unknown"):
        preview("a", "twiter")
    with pytest.raises(InvalidInputError, match=r"'twitter' is unknown .*'x'"):
        preview("a", "twitter")
    with pytest.raises(InvalidInputError, match="'mastodon'\\?"):
        split("a", "mastadon")
    assert preview("a" * 11, "new", limit=10).fits is False


def test_what_cannot_be_done_is_a_problem() -> None:
    with pytest.raises(InvalidInputError, match="no room"):
        split("a", "x", limit=0)
    with pytest.raises(InvalidInputError, match="cannot be split"):
        split(Html("<p>a</p>"), "x")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]


def test_a_listed_text_is_read_as_people_see_it() -> None:
    html = "<p>Fish &amp; <strong>chips</strong></p><p>today</p>"
    assert plain_text(html) == "Fish & chips\ntoday"
