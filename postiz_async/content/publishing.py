"""What a network receives when the post is published. PURE."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from postiz_async.content.counting import counted_text, unescaped
from postiz_async.content.sanitising import parsed, sanitise

if TYPE_CHECKING:
    from postiz_async.content.counting import Counts

__all__ = ["Editor", "published_text"]

Editor = Literal["normal", "markdown", "html"]
"""What a network takes: plain text, Markdown, or HTML."""

_HTML_ONLY = re.compile(r"</?(?!(?:p|ul|li|h1|h2|h3|strong|u|a)\b)[a-z][^>]*>")
_TAG = re.compile(r"</?[a-z][^>]*>")
_HEADING = re.compile(r"<h([123])(?: [^>]*)?>(.*?)</h\1>", re.DOTALL)
_P = re.compile(r"<p>(.*?)</p>", re.DOTALL)
_LI = re.compile(r"<li(?: [^>]*)?>(.*?)</li>", re.DOTALL)
_ANCHOR = re.compile(r'<a(?: [^>]*?)? href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_MARKS = (("strong", "**"), ("u", "__"))


def published_text(content: str, editor: Editor, counts: Counts = "plain") -> str:
    """The text of a request's content as the network receives it.

    X is handed HTML and makes text of it: what then looks like a tag is lost.

    Raises:
        InvalidPostError: it is HTML and longer than any request may be.
    """
    sanitised = sanitise(content)
    if "<" not in sanitised:
        return sanitised
    if editor == "normal":
        return counted_text(sanitised)
    if editor == "markdown":
        return _as_markdown(parsed(sanitised))
    html = unescaped(_HTML_ONLY.sub("", parsed(sanitised)))
    return counted_text(html) if counts == "x-weighted" and "<" in html else html


def _as_markdown(written: str) -> str:
    text = _HEADING.sub(lambda found: f"{'#' * int(found[1])} {found[2]}\n", written)
    for tag, mark in _MARKS:
        text = text.replace(f"<{tag}>", mark).replace(f"</{tag}>", mark)
    text = _LI.sub(lambda found: f"- {found[1].replace(chr(10), '')}", text)
    text = _P.sub(r"\1\n", text)
    text = _ANCHOR.sub(r"[\2](\1)", text)
    return unescaped(_TAG.sub("", text))
