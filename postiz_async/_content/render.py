"""Convert content to the HTML that the server keeps. PURE.

The server stores text without any `<` byte for byte. Text with a `<` goes through its HTML
parser, which drops what it takes for a tag. So plain text goes as it is while it has no `<`,
and as escaped paragraphs otherwise, which it publishes exactly as meant. The paragraphs are
shorter too, as the server counts: 1 for each `&` that costs 5 in plain text. In exchange, what
looks like an entity (`&lt;`) is decoded in them, and a no-break space becomes a space.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from postiz_async._content.html import MAX_HTML, escape, mention_span
from postiz_async._content.length import Counts, length
from postiz_async.models.posts import Content, Html, Markdown, Mention, Text
from postiz_async.providers._registry import PROVIDERS

_COSTLY = re.compile(r"[&>\xa0]")
"""Characters that count more than once outside of paragraphs."""


def may_change(text: str) -> bool:
    """Whether a plain text may be changed before it is sent; most are not."""
    return "<" in text or "&" in text or ">" in text or "\xa0" in text


def render(
    content: Content,
    *,
    limit: int | None = None,
    counts: Counts = "plain",
    editor: Editor = "normal",
) -> str:
    """The `content` of a create request.

    With a `limit`, a plain text that is too long as it is goes as paragraphs if that makes it fit.
    Lists of Markdown go as lists to an editor for HTML, and as lines of text to the others.

    Raises:
        InvalidInputError: `Markdown` that is longer than any request may be.
    """
    if isinstance(content, Html):
        return content.source
    if isinstance(content, Markdown):
        from postiz_async._content.markdown import to_html  # noqa: PLC0415  (few programs write Markdown)

        return to_html(content.source, real_lists=editor == "html" and counts == "plain")
    if isinstance(content, Text):
        return _render_text(content.source, content.mentions, limit, counts)
    return _render_text(content, (), limit, counts)


def render_for(content: Content, provider: str) -> str:
    """The `content` of a create request for a network; see `texts.render`."""
    if isinstance(content, str) and not may_change(content):
        return content
    known = PROVIDERS.get(provider)
    if known is None:
        return render(content)
    plain = render(content, counts=known.counts, editor=known.editor)
    if isinstance(content, Markdown | Html):
        return plain
    for limit in sorted(limit.characters for limit in known.limits):
        sent = render(content, limit=limit, counts=known.counts, editor=known.editor)
        if sent != plain:
            return sent
    return plain


def _render_text(text: str, mentions: Sequence[Mention], limit: int | None, counts: Counts) -> str:
    if mentions or "<" in text:
        return _paragraphs(text, mentions)
    if limit is None or not _COSTLY.search(text):
        return text
    if length(text, counts) <= limit:
        return text
    paragraphs = _paragraphs(text, mentions)
    is_short = len(paragraphs) <= MAX_HTML and length(paragraphs, counts) <= limit
    return paragraphs if is_short else text


def _paragraphs(text: str, mentions: Sequence[Mention]) -> str:
    lines = text.replace("\r\n", "\n").split("\n")
    return "".join(f"<p>{_with_mentions(line, mentions)}</p>" for line in lines)


def _with_mentions(line: str, mentions: Sequence[Mention]) -> str:
    if not mentions:
        return escape(line)
    by_shown = {mention.shown: mention for mention in mentions}
    longest_first = "|".join(map(re.escape, sorted(by_shown, key=len, reverse=True)))
    pieces = re.split(rf"(?<!\w)({longest_first})(?!\w)", line)
    return "".join(
        mention_span(by_shown[piece]) if number % 2 else escape(piece)
        for number, piece in enumerate(pieces)
    )


Editor = Literal["normal", "markdown", "html"]
"""The format that a network takes: plain text, Markdown, or HTML."""
