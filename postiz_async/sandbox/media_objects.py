"""The rules of a media object, wherever in a body it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.sandbox.rules import (
    MISSING,
    defined,
    is_truthy,
    optional_text,
    required_text,
    to_text,
)
from postiz_async.sandbox.urls import EXTENSION_RULE, has_media_extension, is_url

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["media_violations"]


def media_violations(media: Mapping[str, object], upload_domain: str | None) -> list[str]:
    """Everything that is wrong with a media object.

    Args:
        media: The decoded JSON object.
        upload_domain: Text that its path must contain, where the operator asks for it.
    """
    path = to_text(media.get("path", MISSING))
    alt, thumbnail = to_text(media.get("alt")), to_text(media.get("thumbnail"))
    messages = required_text("id", to_text(media.get("id", MISSING)))
    messages += defined("path", path)
    if not has_media_extension(path):
        messages.append(EXTENSION_RULE)
    if upload_domain is not None and upload_domain not in str(path):
        messages.append(f"URL must contain the domain: {upload_domain}")
    if not isinstance(path, str):
        messages.append("path must be a string")
    messages += optional_text("alt", alt)
    if is_truthy(thumbnail) and not is_url(thumbnail):
        messages.append("thumbnail must be a URL address")
    return messages
