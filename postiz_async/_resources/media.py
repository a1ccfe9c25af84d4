"""Pictures and videos."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal, overload

from postiz_async._resources.listing import Listing, Page, listed_by_page
from postiz_async._scheduler.hooks import check_hook
from postiz_async._uploads import (
    AT_ONCE,
    STALL_TIMEOUT,
    Progress,
    UploadOptions,
    UploadSource,
    fetch_by_server,
    is_url,
    upload,
    upload_all,
)
from postiz_async._uploads.urls import shown
from postiz_async._wire import encode_body
from postiz_async._wire.endpoints import GENERATE_VIDEO, LIST_MEDIA, VIDEO_FUNCTION, Call
from postiz_async._wire.secrets import OfOneProcess
from postiz_async.models._durations import read_seconds
from postiz_async.models.video import SlidesVideo, Veo3Video, VideoRequest

if TYPE_CHECKING:
    from datetime import timedelta

    from postiz_async._scheduler.scheduler import BoundScheduler
    from postiz_async._uploads import FileFacts, UploadCache
    from postiz_async.models.media import ListedMedia, Media as StoredMedia


class MediaResource(OfOneProcess):
    """`postiz.media`: uploads and generated videos. Nothing here costs create requests."""

    def __init__(self, bound: BoundScheduler, uploads: UploadCache) -> None:
        self._bound = bound
        self._uploads = uploads

    async def upload(
        self,
        source: UploadSource,
        *,
        progress: Progress | None = None,
        reuse: bool = True,
        stall_timeout: float | timedelta = STALL_TIMEOUT,
    ) -> StoredMedia:
        """Upload a picture (10 MiB at most) or an MP4 video (1 GiB at most).

        The type is detected from the first bytes, never from the name. What the server would refuse
        is not sent; the rest is streamed. There is no time limit while bytes move.

        A URL is fetched by the server: a public https address whose path ends in a suffix such as
        `.png`.

        Retried: yes, if the source can be read again: paths, bytes, files, URLs, but not pipes and
            iterators. The API cannot delete media, so a retry may leave an unused copy.
            Since v1.11.1.

        Args:
            source: a path; bytes; a binary file, from its current position; an async file, such as
                FastAPI's `UploadFile`; an async iterator of bytes; a URL as text.
            progress: called with the bytes sent so far and in total (None if unknown); it starts
                again at 0 if an upload is retried. Not called if the server fetches the file or it
                was uploaded before.
            reuse: return the medium that this client uploaded with the same content in the last 24
                hours.
            stall_timeout: time without progress after which an upload fails: seconds or a
                `timedelta`.

        Raises:
            InvalidInputError: missing, empty, too large, or of a type that cannot be posted.
            UploadError: the source failed or changed during the upload; nothing was stored.
            BadRequestError: the server could not fetch the URL.
            UsageError: `stall_timeout` is not a number of seconds.
        """
        check_hook("progress", progress)
        options = UploadOptions(
            progress=progress,
            reuse=reuse,
            stall_timeout=read_seconds("stall_timeout", stall_timeout),
        )
        return await upload(self._bound, source, options=options, uploads=self._uploads)

    @overload
    async def upload_many(
        self,
        sources: Iterable[UploadSource] | AsyncIterable[UploadSource],
        *,
        concurrency: int = ...,
        return_exceptions: Literal[False] = ...,
        progress: Callable[[int, int, int | None], object] | None = ...,
        reuse: bool = ...,
        stall_timeout: float | timedelta = ...,
    ) -> builtins.list[StoredMedia]: ...

    @overload
    async def upload_many(
        self,
        sources: Iterable[UploadSource] | AsyncIterable[UploadSource],
        *,
        concurrency: int = ...,
        return_exceptions: Literal[True],
        progress: Callable[[int, int, int | None], object] | None = ...,
        reuse: bool = ...,
        stall_timeout: float | timedelta = ...,
    ) -> builtins.list[StoredMedia | Exception]: ...

    async def upload_many(
        self,
        sources: Iterable[UploadSource] | AsyncIterable[UploadSource],
        *,
        concurrency: int = AT_ONCE,
        return_exceptions: bool = False,
        progress: Callable[[int, int, int | None], object] | None = None,
        reuse: bool = True,
        stall_timeout: float | timedelta = STALL_TIMEOUT,
    ) -> builtins.list[StoredMedia] | builtins.list[StoredMedia | Exception]:
        """Upload several files, a few at a time; equal contents and equal URLs only once.

        A failure does not affect the other uploads. Uploaded files are remembered, so calling again
        with the same sources uploads only those that failed.

        Args:
            sources: an iterable or async iterable of what `upload` takes: paths, URLs, bytes, files
                or streams. Each is taken when its upload can begin.
            concurrency: how many at a time.
            return_exceptions: return errors in the places of their sources instead of raising.
            progress: called with the index of a source, its bytes sent so far and in total.
            reuse: return the medium that this client uploaded with the same content in the last 24
                hours.
            stall_timeout: time without progress after which an upload fails: seconds or a
                `timedelta`.

        Returns:
            The media in the order of the sources.

        Raises:
            ExceptionGroup: all failures, after the others have ended. A note on each error names
                its source.
            Exception: the iterable raised it, after the uploads before it have ended.
        """
        check_hook("progress", progress)
        options = UploadOptions(
            reuse=reuse,
            stall_timeout=read_seconds("stall_timeout", stall_timeout),
            hash_first=True,
        )
        fetched: dict[str, StoredMedia] = {}

        async def one(place: int, source: UploadSource) -> StoredMedia:
            tell = None if progress is None else partial(progress, place)
            return await self._once(source, replace(options, progress=tell), fetched)

        results = await upload_all(sources, one, concurrency=concurrency)
        failed = [each for each in results if isinstance(each, Exception)]
        if failed and not return_exceptions:
            raise ExceptionGroup(f"{len(failed)} of {len(results)} uploads failed", failed)
        return results

    async def _once(
        self, source: UploadSource, options: UploadOptions, fetched: dict[str, StoredMedia]
    ) -> StoredMedia:
        """Upload a source; of equal URLs only the first is uploaded, and the others wait for it."""
        if not options.reuse or not isinstance(source, str) or not is_url(source):
            return await upload(self._bound, source, options=options, uploads=self._uploads)
        bound = self._bound.begun()
        async with AsyncExitStack() as stack:
            turn = stack.enter_async_context(self._uploads.turn(source))
            await bound.time.bounded(turn, f"another upload of {shown(source)} had ended")
            if source not in fetched:
                fetched[source] = await upload(bound, source, options=options)
            return fetched[source]

    def list(self, *, search: str = "") -> Listing[ListedMedia]:
        """The media of the organisation, newest first, each once even if new ones arrive meanwhile.

        A list has all of them; iterating over it in asynchronous code fetches a page at a time.

        Args:
            search: only those whose original name contains this, in upper or lower case. What the
                API uploads has no original name, so it is not found.

        Retried: yes. Since a release after v2.23.0; older servers raise `NotFoundError`.
        """
        asked = (("search", search),) if search else ()
        wanted = search.casefold()

        async def fetch(bound: BoundScheduler, number: int) -> Page[ListedMedia]:
            page = await bound.call(Call(LIST_MEDIA, query=(("page", str(number)), *asked)))
            named = ((each, (each.original_name or "").casefold()) for each in page.results)
            # a server that ignores the search sends the others too
            found = [each for each, name in named if wanted in name]
            return found, bool(page.results) and number < page.pages

        return listed_by_page(self._bound, fetch, 1)

    async def upload_from_url(self, url: str) -> StoredMedia:
        """Let the server fetch a picture or video from a public https address.

        The server's download has no time limit of its own; this call ends after 10 minutes.
        Retried: yes. Since v2.8.0.

        Args:
            url: a public https address.

        Raises:
            InvalidInputError: it is no https address, or its path does not end in a suffix that the
                server accepts.
            BadRequestError: the server could not fetch it, or its type is not accepted.
        """
        return await fetch_by_server(self._bound, url)

    async def generate_video(self, video: SlidesVideo | Veo3Video) -> StoredMedia:
        """Generate a video; uses a credit of the plan and may take half an hour.

        A proxy may cut the connection long before; the server then continues, spends the credit and
        stores a video that only `list` knows. Retried: never. Since v1.64.0.

        Args:
            video: what to generate, such as `SlidesVideo`.

        Raises:
            PlanLimitError: no credit is left.
            BadRequestError: the generator is not available, or the prompt was rejected.
        """
        kind = "veo3" if isinstance(video, Veo3Video) else "image-text-slides"
        body = VideoRequest(type=kind, output=video.output, custom_params=video.custom_params)
        return await self._bound.call(Call(GENERATE_VIDEO, body=encode_body(body)))

    async def video_function(
        self, identifier: str, function: str, params: Mapping[str, object] | None = None
    ) -> object:
        """Call a function of a video generator and return its JSON answer.

        Args:
            identifier: the kind of video, such as `image-text-slides`.
            function: the name of its function, such as `loadVoices`.
            params: its arguments; None: none.

        Retried: yes. Since v1.64.0.
        """
        body = {"identifier": identifier, "functionName": function, "params": params or {}}
        return await self._bound.call(Call(VIDEO_FUNCTION, body=encode_body(body)))


async def upload_inspected(media: MediaResource, facts: FileFacts) -> StoredMedia:
    """Upload a file that was inspected before.

    Raises:
        UploadError: the file has changed since; nothing was stored.
        BadRequestError: the server could not fetch it.
    """
    bound = media._bound  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return await upload(bound, facts.path, facts=facts)
