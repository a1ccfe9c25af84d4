"""Recent uploads by content: within a client, and across runs if asked for.

The server neither lists media nor checks them when a post is created, and people can delete them
in its web page. So nothing is used again that is older than a day.
"""

from __future__ import annotations

import logging
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

import anyio
import msgspec

from postiz_async._concurrency import in_thread
from postiz_async.models.media import Media
from postiz_async.stores._files import connect, make_folder

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from postiz_async.clock import Clock


T = TypeVar("T")

log = logging.getLogger("postiz_async.uploads")

MAX_AGE = 24 * 3600.0
"""Seconds for which an uploaded file is used again."""

MOST = 10_000
"""Most files that a client remembers."""


_turns: WeakValueDictionary[tuple[int, str], anyio.Lock] = WeakValueDictionary()
"""Locks by cache and content, while an upload of the content is in progress."""


class UploadCache:
    """The media that were recently uploaded to one server with one key.

    Args:
        clock: measures the age of media.
        owner: a name for server and key that reveals neither.
    """

    _complained_of: frozenset[Path] = frozenset()

    def __init__(self, clock: Clock, owner: str) -> None:
        self._clock = clock
        self._owner = owner
        self._media: dict[str, tuple[float, Media]] = {}

    def may_have(self, size: int | None) -> bool:
        """Whether something of this size was uploaded, so that hashing may save an upload."""
        return any(medium.size == size for _, medium in self._media.values())

    def turn(self, sha256: str) -> anyio.Lock:
        """The lock that allows one upload of a content at a time: a second one finds its result."""
        return _turns.setdefault((id(self), sha256), anyio.Lock())

    async def find(self, sha256: str, cache: Path | None) -> Media | None:
        """The medium of a content, if it was uploaded less than a day ago."""
        at, medium = self._media.get(sha256, (0.0, None))
        if medium is not None and self._is_fresh(at):
            return medium
        if cache is None:
            return None
        kept = await self._in_thread(cache, partial(find, cache, self._owner, sha256))
        return kept[1] if kept is not None and self._is_fresh(kept[0]) else None

    async def put(self, sha256: str, medium: Media, cache: Path | None) -> None:
        """Remember a medium."""
        now = self._clock.time()
        self._media.pop(sha256, None)
        self._media[sha256] = (now, medium)
        if len(self._media) > MOST:
            del self._media[next(iter(self._media))]
        if cache is not None:
            keep = partial(put, cache, self._owner, sha256, medium, now)
            await self._in_thread(cache, partial(keep, oldest=now - MAX_AGE))

    def _is_fresh(self, at: float) -> bool:
        return 0 <= self._clock.time() - at < MAX_AGE

    async def _in_thread(self, path: Path, work: Callable[[], T]) -> T | None:
        """Use the cache file in a thread; if that fails, warn once and return None."""
        try:
            return await in_thread(work)
        except OSError as error:
            if path not in self._complained_of:
                self._complained_of |= {path}
                log.warning("%s Uploads go on without it.", error)
            return None


_BUSY = 2.0
"""Seconds to wait for another process's write."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS media (owner TEXT, sha256 TEXT, at REAL NOT NULL, "
    "medium BLOB NOT NULL, PRIMARY KEY (owner, sha256))"
)
_FIND = "SELECT at, medium FROM media WHERE owner = ? AND sha256 = ?"


def find(path: Path, owner: str, sha256: str) -> tuple[float, Media] | None:
    """The time of a content's upload (seconds since the epoch) and its medium, or None.

    Raises:
        OSError: the file cannot be used.
    """

    def look(file: sqlite3.Connection) -> tuple[float, Media] | None:
        row = file.execute(_FIND, (owner, sha256)).fetchone()
        return (row[0], msgspec.json.decode(row[1], type=Media)) if row is not None else None

    return _with_file(path, look)


def put(path: Path, owner: str, sha256: str, medium: Media, now: float, *, oldest: float) -> None:
    """Store the medium of a content, and delete media older than `oldest`.

    Raises:
        OSError: the file cannot be used.
    """

    def change(file: sqlite3.Connection) -> None:
        file.execute("DELETE FROM media WHERE at < ?", (oldest,))
        row = (owner, sha256, now, msgspec.json.encode(medium))
        file.execute("INSERT OR REPLACE INTO media VALUES (?, ?, ?, ?)", row)

    _with_file(path, change)


def _with_file(path: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    import sqlite3  # noqa: PLC0415  (only a cache needs it)

    try:
        make_folder(path.parent)
        with closing(connect(path, timeout=_BUSY)) as file, file:
            file.execute(_TABLE)
            return work(file)
    except (sqlite3.Error, OSError, msgspec.DecodeError) as error:
        raise OSError(
            f"The upload cache {path} cannot be used: {error}. Make room on its disk, let this "
            "user write to it, or name another file."
        ) from error
