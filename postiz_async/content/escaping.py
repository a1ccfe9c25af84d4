"""Text between tags, in attributes and in mentions. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postiz_async.models.posts import Mention

__all__ = ["escape", "escape_value", "mention_span"]


_ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\xa0", "&nbsp;"))


def escape(text: str) -> str:
    """Text as the server writes it between tags."""
    for character, entity in _ENTITIES:
        text = text.replace(character, entity)
    return text


def escape_value(value: str) -> str:
    """The value of an attribute as the server writes it."""
    return escape(value).replace('"', "&quot;")


def mention_span(mention: Mention) -> str:
    """The span of which x, linkedin, linkedin-page, bluesky and discord make a mention."""
    number, label = escape_value(mention.id), escape_value(mention.name)
    return (
        f'<span class="mention" data-mention-id="{number}" data-mention-label="{label}">'
        f"{escape(mention.shown)}</span>"
    )
