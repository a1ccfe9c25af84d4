"""What a person reads of stored HTML in a list."""

from __future__ import annotations

import pytest

from postiz_async._content import plain_text


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("<p>Hello <strong>you</strong>, &amp; all</p>", "Hello you, & all"),
        ("<h1>A</h1><p>b<br>c</p><ul><li>d</li></ul>", "A\nb\nc\nd"),
        ('<a href="https://x.example/?a&amp;b">here</a>', "here"),
        ("<p>&lt;b&gt; stays</p><p></p>", "<b> stays"),
        ("1 < 2 > 0, plain", "1 < 2 > 0, plain"),
        ("", ""),
    ],
)
def test_what_a_person_reads_in_a_list(stored: str, read: str) -> None:
    assert plain_text(stored) == read
