"""Pictures and videos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postiz_async.uploads import upload

if TYPE_CHECKING:
    from pathlib import Path

    from postiz_async.models.media import Media as StoredMedia
    from postiz_async.scheduler import Scheduler

__all__ = ["Media"]


class Media:
    """`postiz.media`: uploads. Nothing here costs quota on servers since v2.19.0."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    async def upload(self, source: Path | str | bytes) -> StoredMedia:
        """Upload a picture (10 MiB at most) or an MP4 video (1 GiB at most).

        The kind is told by the content, never by the name. A file is streamed. There is no call
        that lists or deletes media, so a repetition leaves an unused copy behind.

        Args:
            source: a path, or the bytes themselves.

        Retried: yes. Since v1.11.1.

        Raises:
            InvalidPostError: missing, empty, too large, or of a kind that cannot be posted.
        """
        return await upload(self._scheduler, source)
