"""Uploaded pictures and videos."""

from __future__ import annotations

from postiz_async.models._base import Model


class Media(Model, frozen=True, kw_only=True):
    """A stored picture or video, as an upload returns it and as a post refers to it.

    `path` is the absolute URL; pass it on unchanged. `thumbnail` is a URL, `alt` a text for
    people who cannot see the picture. `width` and `height` (pixels) and `size` (bytes) are known
    of what this process uploaded, else 0.
    """

    id: str
    path: str
    name: str = ""
    alt: str | None = None
    thumbnail: str | None = None
    width: int = 0
    height: int = 0
    size: int = 0
