"""Several uploads at a time, none of which ends the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from postiz_async.errors import ConfigurationError
from postiz_async.uploads.sources import name_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from postiz_async.models.media import Media
    from postiz_async.uploads.sources import UploadSource

__all__ = ["AT_ONCE", "upload_all"]

AT_ONCE = 3
"""Uploads at a time, unless it is said otherwise."""


async def upload_all(
    sources: Sequence[UploadSource],
    one: Callable[[int, UploadSource], Awaitable[Media]],
    *,
    concurrency: int = AT_ONCE,
) -> list[Media | Exception]:
    """What became of each source, in their order.

    Args:
        sources: what to upload.
        one: uploads a source, given its place.
        concurrency: how many at a time.

    Raises:
        ConfigurationError: that is less than one.
    """
    if concurrency < 1:
        raise ConfigurationError(f"concurrency is 1 or more, not {concurrency}.")
    results: dict[int, Media | Exception] = {}
    waiting = iter(enumerate(sources))

    async def worker() -> None:
        for place, source in waiting:
            try:
                results[place] = await one(place, source)
            except Exception as error:  # noqa: BLE001  (handed to the caller, with its source)
                error.add_note(f"upload {place + 1} of {len(sources)}: {name_of(source)}")
                results[place] = error

    async with anyio.create_task_group() as group:
        for _ in range(min(concurrency, len(sources))):
            group.start_soon(worker)
    return [results[place] for place in range(len(sources))]
