"""What the server keeps of HTML."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from postiz_async.sandbox.sanitize import has_text, sanitize

CONTRACT = Path(__file__).resolve().parents[3] / "shared" / "contract" / "sanitize-cases.json"


@pytest.mark.parametrize(
    ("content", "stored"),
    [
        ("Q&A > all", "Q&A > all"),
        ("a & b < c", "a &amp; b &lt; c"),
        ("x <y> z", "x  z"),
        ("a <b", "a "),
        ("<b>x</b><ol><li>i</li></ol>", "x<li>i</li>"),
        ("<p>a\u00a0b\r\nc</p>", "<p>a&nbsp;b\nc</p>"),
        ("<p>one<p>two", "<p>one</p><p>two</p>"),
        ("text</p>", "text<p></p>"),
        ("</p>text", "text"),
        ("a<script>if (a < b) c()</script>b<!-- c -->", "ab"),
        ("<svg><title>x</title></svg>y", "y"),
        ('<a href="javascript:x()" onclick="y()">l</a>', "<a>l</a>"),
        (
            '<a href="HTTPS://E.COM/?a=1&copy=2" target="_blank">l</a>',
            '<a href="HTTPS://E.COM/?a=1&amp;copy=2">l</a>',
        ),
        (
            '<span class="m" data-mention-id="1" style="x">@a</span>',
            '<span class="m" data-mention-id="1">@a</span>',
        ),
        ("<strong>a<p>b</strong>c</p>", "<strong>a</strong><p><strong>b</strong>c</p>"),
        ("<u><strong>x</u>y</strong>", "<u><strong>x</strong></u><strong>y</strong>"),
        ('<a href="/1">x<a href="/2">y</a>', '<a href="/1">x</a><a href="/2">y</a>'),
        ("<ul><li>a<li>b</ul>", "<ul><li>a</li><li>b</li></ul>"),
        ("<div>" * 2000 + "deep", "deep"),
        (None, ""),
        (123, ""),
    ],
)
def test_sanitize(content: object, stored: str) -> None:
    assert sanitize(content) == stored


def test_what_counts_as_text() -> None:
    assert has_text("&nbsp;")
    assert has_text("\u200b")
    assert not has_text("<p> \u00a0</p>")
    assert not has_text("")


def test_the_cases_of_the_contract() -> None:
    if not CONTRACT.exists():
        pytest.skip(f"{CONTRACT.name} is not beside this checkout")
    for case in json.loads(CONTRACT.read_text(encoding="utf-8")):
        assert sanitize(case["input"]) == case["sanitized"], case["note"]
