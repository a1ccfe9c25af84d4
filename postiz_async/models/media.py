"""Uploaded pictures and videos."""

from __future__ import annotations

from msgspec import field

from postiz_async.models._base import DateTime, Model


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


class ListedMedia(Media, frozen=True, kw_only=True):
    """A medium of the library, as `media.list` returns it; posts take it as any other.

    `original_name` is the name that the file had when somebody uploaded it in the web page; what
    the API uploads has none. `type` is `image` or `video`.
    """

    created_at: DateTime
    original_name: str | None = None
    type: str = ""
    size: int = field(name="fileSize", default=0)


class MediaPage(Model, frozen=True, kw_only=True):
    """Up to 18 media, newest first. Pages are numbered from 1 and shift when new media arrive."""

    results: list[ListedMedia]
    pages: int = 0
