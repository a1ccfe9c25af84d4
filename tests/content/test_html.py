"""What the server keeps of HTML."""

from __future__ import annotations

import pytest

from postiz_async._content import sanitise


@pytest.mark.parametrize(
    ("content", "stored"),
    [
        ("Q&A > all", "Q&A > all"),
        ("a & b < c", "a &amp; b &lt; c"),
        ("x <y> z", "x  z"),
        ("a <b", "a "),
        ("<b>x</b><ol><li>i</li></ol>", "x<li>i</li>"),
        ("<p>a\u00a0b\r\nc</p>", "<p>a&nbsp;b\nc</p>"),
        ("\r\n <p>a\r\nb</p>", "\r\n <p>a\nb</p>"),
        ("<p>a\0b</p><a href='/\0'>c\0</a><textarea>\0", '<p>ab</p><a href="/\ufffd">c</a>\ufffd'),
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
    ],
)
def test_what_is_kept(content: str, stored: str) -> None:
    assert sanitise(content) == stored


REPAIRED = [
    ("<p><strong>a</p><p>b</strong>c</p>", "<p><strong>a</strong></p><p><strong>b</strong>c</p>"),
    (
        "<u><p><strong>a<h1>b</u>c</h1>",
        "<u><p><strong>a</strong></p></u><h1><u><strong>b</strong></u><strong>c</strong></h1>",
    ),
    (
        '<strong><u><a href="/"><i><p>x</strong>y',
        '<strong><u><a href="/"></a></u></strong><u><a href="/"><p><strong>x</strong>y</p></a></u>',
    ),
    (
        '<a href="/x">1<p>2<a href="/y">3',
        '<a href="/x">1</a><p><a href="/x">2</a><a href="/y">3</a></p>',
    ),
    ("<u><u><u><u><p>x</p></u></u>y", "<u><u><u><u><p>x</p></u></u>y</u></u>"),
    ("</strong>x", "x"),
    ("<ul></li>x</ul>", "<ul>x</ul>"),
    ("<div><span>a</div>b", "<span>a</span>b"),
    ("<h1>a<h2>b</h1>c", "<h1>a</h1><h2>b</h2>c"),
    ("<dl><dt>a<dd>b</dl>", "ab"),
    ("<ul><li><div><li>x", "<ul><li></li><li>x</li></ul>"),
    ("<svg><p>x", "<p>x</p>"),
    ("<svg/>x", "x"),
    ("<math><mi>x</mi></math>y", "y"),
    ("<p>a</br>b", "<p>a<br>b</p>"),
    ("<pre>\n\na</pre>", "\na"),
    ("<textarea>\n<b>x</textarea>y", "&lt;b&gt;xy"),
    ("<table><tr><td>x</td></tr></table>y", "xy"),
    ("</u>", ""),
    ("<a>\n<p>x</a>", "<a>\n</a><p><a>x</a></p>"),
    ("a<!doctype html>b<?pi?>c", "abc"),
    ("<u>a</u", "<u>a</u>"),
    ("</ x>y", "y"),
    ("<p a='1' b=\"2\" c = 3 D>x", "<p>x</p>"),
    (
        '<a href="/?a=&amp;b&copy;&copy&copy=1&nope">x',
        '<a href="/?a=&amp;b©©&amp;copy=1&amp;nope">x</a>',
    ),
    ("<p>a<button><p>b</button>c", "<p>a<p>b</p>c</p>"),
    ("<style>a</style><title>b</title>c", "c"),
    ("  <p>x", "  <p>x</p>"),
    ("<p>x<object></p>y", "<p>x<p></p>y</p>"),
    ("<a/>x</a>y", "<a>x</a>y"),
    ("</p>x", "x"),
    ("<br></p>", "<br><p></p>"),
    ("<svg></p>x", "<p></p>x"),
    ("<table>a<tr><td>b</table>c", "abc"),
    ("<table><p>a", "<p>a</p>"),
    ("<select><button>a<button><p>b", "a<p>b</p>"),
    ("<p>a</p></body>\n", "<p>a</p>\n"),
    ("a<noscript><b>c</b></noscript>b", "ab"),
    ("<p title>a<p class>b", '<p>a</p><p class="">b</p>'),
]
"""Broken HTML and what a browser's parser and a sanitiser with the server's rules make of it."""


@pytest.mark.parametrize(("content", "stored"), REPAIRED)
def test_broken_html_is_repaired_as_in_a_browser(content: str, stored: str) -> None:
    assert sanitise(content) == stored
