"""Recent uploads of a client by content.

The server neither lists media nor checks them when a post is created, and people can delete them
in its web page. So nothing is used again that is older than a day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import anyio

if TYPE_CHECKING:
    from postiz_async.clock import Clock
    from postiz_async.models.media import Media


MAX_AGE = 24 * 3600.0
"""Seconds for which an uploaded file is used again."""

MOST = 10_000
"""Most files that a client remembers."""


_turns: WeakValueDictionary[tuple[int, str], anyio.Lock] = WeakValueDictionary()
"""Locks by cache and content, while an upload of the content is in progress."""


class UploadCache:
    """The media that a client uploaded recently.

    Args:
        clock: measures the age of media.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._media: dict[str, tuple[float, Media]] = {}

    def may_have(self, size: int | None) -> bool:
        """Whether something of this size was uploaded, so that hashing may save an upload."""
        return any(medium.size == size for _, medium in self._media.values())

    def turn(self, sha256: str) -> anyio.Lock:
        """The lock that allows one upload of a content at a time: a second one finds its result."""
        return _turns.setdefault((id(self), sha256), anyio.Lock())

    def find(self, sha256: str) -> Media | None:
        """The medium of a content, if it was uploaded less than a day ago."""
        at, medium = self._media.get(sha256, (0.0, None))
        return medium if 0 <= self._clock.time() - at < MAX_AGE else None

    def put(self, sha256: str, medium: Media) -> None:
        """Remember a medium."""
        self._media.pop(sha256, None)
        self._media[sha256] = (self._clock.time(), medium)
        if len(self._media) > MOST:
            del self._media[next(iter(self._media))]
