"""What becomes of a text: what is published and how long the server finds it. PURE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from postiz_async.content.counting import length
from postiz_async.content.publishing import published_text
from postiz_async.content.rendering import render

if TYPE_CHECKING:
    from postiz_async.content.counting import Counts
    from postiz_async.content.publishing import Editor
    from postiz_async.models.posts import Content

__all__ = ["Preview", "preview"]


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
        """Whether the server takes it."""
        return self.length <= self.limit


def preview(
    content: Content, *, limit: int, counts: Counts = "plain", editor: Editor = "normal"
) -> Preview:
    """What becomes of a text where `limit`, `counts` and `editor` hold.

    Raises:
        InvalidPostError: HTML or Markdown that is longer than any request may be.
        ConfigurationError: `Markdown` needs the extra `markdown`, which is not installed.
    """
    sent = render(content, limit=limit, counts=counts, editor=editor)
    text = published_text(sent, editor, counts)
    return Preview(text, length(sent, counts), limit, counts, sent)
