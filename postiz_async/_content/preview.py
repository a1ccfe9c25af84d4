"""Preview a text: the text that the network receives, and its length for the server. PURE."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from postiz_async._content.html import parsed, sanitise
from postiz_async._content.length import Counts, counted_text, length
from postiz_async._content.render import Editor, render
from postiz_async.models._plain_text import unescaped
from postiz_async.models.posts import Content

_HTML_ONLY = re.compile(r"</?(?!(?:p|ul|li|h1|h2|h3|strong|u|a)\b)[a-z][^>]*>")
_TAG = re.compile(r"</?[a-z][^>]*>")
_BLOCK = re.compile(r"</?(?:p|br|div|li|ul|ol|h[1-6])\b[^<>]*>", re.IGNORECASE)
_ANY = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
_HEADING = re.compile(r"<h([123])(?: [^>]*)?>(.*?)</h\1>", re.DOTALL)
_P = re.compile(r"<p>(.*?)</p>", re.DOTALL)
_LI = re.compile(r"<li(?: [^>]*)?>(.*?)</li>", re.DOTALL)
_ANCHOR = re.compile(r'<a(?: [^>]*?)? href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_MARKS = (("strong", "**"), ("u", "__"))


def plain_text(content: str) -> str:
    """The text of stored HTML for a list of posts; networks get `published_text`."""
    lines = html.unescape(_ANY.sub("", _BLOCK.sub("\n", content))).split("\n")
    return "\n".join(filter(None, (line.strip() for line in lines)))


def published_text(content: str, editor: Editor, counts: Counts = "plain") -> str:
    """The text of a request's content as the network receives it.

    X receives HTML and makes text of it: anything that then looks like a tag is lost.

    Raises:
        InvalidInputError: it is HTML and longer than any request may be.
    """
    sanitised = sanitise(content)
    if "<" not in sanitised:
        return sanitised
    if editor == "normal":
        return counted_text(sanitised)
    if editor == "markdown":
        return _as_markdown(parsed(sanitised))
    text = unescaped(_HTML_ONLY.sub("", parsed(sanitised)))
    return counted_text(text) if counts == "x-weighted" and "<" in text else text


def _as_markdown(written: str) -> str:
    text = _HEADING.sub(lambda found: f"{'#' * int(found[1])} {found[2]}\n", written)
    for tag, mark in _MARKS:
        text = text.replace(f"<{tag}>", mark).replace(f"</{tag}>", mark)
    text = _LI.sub(lambda found: f"- {found[1].replace(chr(10), '')}", text)
    text = _P.sub(r"\1\n", text)
    text = _ANCHOR.sub(r"[\2](\1)", text)
    return unescaped(_TAG.sub("", text))


@dataclass(frozen=True, slots=True)
class Preview:
    """A text as it will be published.

    `length` and `limit` are in `unit`: `plain` for UTF-16 units, `x-weighted` for the larger of
    those and X's weights. `sent` is the `content` of the request.
    """

    text: str
    length: int
    limit: int
    unit: Counts
    sent: str

    @property
    def fits(self) -> bool:
        """Whether the text is short enough for the server."""
        return self.length <= self.limit


def preview(
    content: Content, *, limit: int, counts: Counts = "plain", editor: Editor = "normal"
) -> Preview:
    """Preview a text with this `limit`, way of counting and `editor`.

    Raises:
        InvalidInputError: HTML or Markdown that is longer than any request may be.
    """
    sent = render(content, limit=limit, counts=counts, editor=editor)
    text = published_text(sent, editor, counts)
    return Preview(text, length(sent, counts), limit, counts, sent)
