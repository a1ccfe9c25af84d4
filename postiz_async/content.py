"""Text to the HTML subset that the server keeps. PURE.

The server stores text without any `<` byte for byte. Text with a `<` goes through its HTML
parser, which drops what it takes for a tag. So plain text goes as it is while it has no `<`,
and as escaped paragraphs otherwise, which it publishes exactly as meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.models.posts import Html

if TYPE_CHECKING:
    from postiz_async.models.posts import NewPost

__all__ = ["is_blank", "render"]


def render(content: str | Html) -> str:
    """The `content` of a create request for a plain text or for `Html`."""
    if isinstance(content, Html):
        return content.source
    if "<" not in content:
        return content
    lines = content.replace("\r\n", "\n").split("\n")
    return "".join(f"<p>{_escape(line)}</p>" for line in lines)


def _escape(line: str) -> str:
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def is_blank(post: NewPost) -> bool:
    """Whether a post has neither text nor media, which the server refuses."""
    return not post.media and not render(post.content).strip()
