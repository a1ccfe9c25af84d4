"""The blocking twin of `MediaResource`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from postiz_async._uploads import AT_ONCE, STALL_TIMEOUT
from postiz_async.blocking._base import Twin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import timedelta
    from pathlib import Path

    from postiz_async._resources.media import MediaResource as AsyncMediaResource
    from postiz_async._uploads import Progress, UploadSource
    from postiz_async.models.media import Media as StoredMedia
    from postiz_async.models.video import SlidesVideo, Veo3Video, Voice


class MediaResource(Twin):
    """`postiz.media`: uploads and generated videos. Nothing here costs create requests."""

    @property
    def _async(self) -> AsyncMediaResource:
        return cast("AsyncMediaResource", self._twin)

    def upload(
        self,
        source: UploadSource,
        *,
        progress: Progress | None = None,
        reuse: bool = True,
        cache: Path | str | None = None,
        allow_private: bool | Collection[str] = False,
        stall_timeout: float | timedelta = STALL_TIMEOUT,
    ) -> StoredMedia:
        """Upload a picture (10 MiB at most) or an MP4 video (1 GiB at most).

        The type is detected from the first bytes, never from the name. What the server would refuse
        is not sent; the rest is streamed. There is no time limit while bytes move.

        A URL is fetched by the server if it can (https, a suffix such as `.png`); otherwise it is
        streamed through this process, which connects to public addresses only and follows at most
        five redirects.

        Retried: yes, if the source can be read again: paths, bytes, files, URLs, but not pipes and
            iterators. The API cannot list or delete media, so a retry may leave an unused copy.
            Since v1.11.1.

        Args:
            source: a path; bytes; a binary file, from its current position; a URL as text.
            progress: called with the bytes sent so far and in total (None if unknown); it starts
                again at 0 if an upload is retried. Not called if the server fetches the file or it
                was uploaded before.
            reuse: return the medium that this client uploaded with the same content in the last 24
                hours.
            cache: a small file to share this with other runs and processes; none by default,
                because people can delete media in Postiz.
            allow_private: also fetch URLs on this machine and in private networks; True, or the
                names of allowed hosts.
            stall_timeout: time without progress after which an upload fails: seconds or a
                `timedelta`.

        Raises:
            InvalidInputError: missing, empty, too large, or of a type that cannot be posted.
            UploadError: the source failed or changed during the upload, or the URL could not be
                fetched, or not fast enough (1 KiB per second); nothing was stored.
            UsageError: `stall_timeout` is not a number of seconds.
        """
        call = self._portal.new_call()
        work = partial(
            self._async.upload,
            source,
            progress=call.told(progress),
            reuse=reuse,
            cache=cache,
            allow_private=allow_private,
            stall_timeout=stall_timeout,
        )
        return call.run(work)

    @overload
    def upload_many(
        self,
        sources: Iterable[UploadSource],
        *,
        concurrency: int = ...,
        return_exceptions: Literal[False] = ...,
        progress: Callable[[int, int, int | None], object] | None = ...,
        reuse: bool = ...,
        cache: Path | str | None = ...,
        allow_private: bool | Collection[str] = ...,
        stall_timeout: float | timedelta = ...,
    ) -> list[StoredMedia]: ...

    @overload
    def upload_many(
        self,
        sources: Iterable[UploadSource],
        *,
        concurrency: int = ...,
        return_exceptions: Literal[True],
        progress: Callable[[int, int, int | None], object] | None = ...,
        reuse: bool = ...,
        cache: Path | str | None = ...,
        allow_private: bool | Collection[str] = ...,
        stall_timeout: float | timedelta = ...,
    ) -> list[StoredMedia | Exception]: ...

    def upload_many(
        self,
        sources: Iterable[UploadSource],
        *,
        concurrency: int = AT_ONCE,
        return_exceptions: bool = False,
        progress: Callable[[int, int, int | None], object] | None = None,
        reuse: bool = True,
        cache: Path | str | None = None,
        allow_private: bool | Collection[str] = False,
        stall_timeout: float | timedelta = STALL_TIMEOUT,
    ) -> list[StoredMedia] | list[StoredMedia | Exception]:
        """Upload several files, a few at a time; equal contents and equal URLs only once.

        A failure does not affect the other uploads. Uploaded files are remembered, so calling again
        with the same sources uploads only those that failed.

        Args:
            sources: an iterable of what `upload` takes: paths, URLs, bytes, files
                or streams. Each is taken when its upload can begin.
            concurrency: how many at a time.
            return_exceptions: return errors in the places of their sources instead of raising.
            progress: called with the index of a source, its bytes sent so far and in total.
            reuse: return the medium that this client uploaded with the same content in the last 24
                hours.
            cache: a small file to share this with other runs and processes; none by default,
                because people can delete media in Postiz.
            allow_private: also fetch URLs on this machine and in private networks; True, or the
                names of allowed hosts.
            stall_timeout: time without progress after which an upload fails: seconds or a
                `timedelta`.

        Returns:
            The media in the order of the sources.

        Raises:
            ExceptionGroup: all failures, after the others have ended. A note on each error names
                its source.
            Exception: the iterable raised it, after the uploads before it have ended.
        """
        call = self._portal.new_call()
        work = partial(
            cast("Any", self._async.upload_many),
            sources=call.taken(sources),
            concurrency=concurrency,
            return_exceptions=return_exceptions,
            progress=call.told(progress),
            reuse=reuse,
            cache=cache,
            allow_private=allow_private,
            stall_timeout=stall_timeout,
        )
        return cast("list[StoredMedia] | list[StoredMedia | Exception]", call.run(work))

    def upload_from_url(self, url: str) -> StoredMedia:
        """Let the server fetch a picture or video from a public https address.

        The server's download has no time limit of its own; this call ends after 10 minutes.
        Retried: yes. Since v2.8.0.

        Args:
            url: a public https address.

        Raises:
            InvalidInputError: the path of the URL does not end in a suffix that the server accepts.
            BadRequestError: the server could not fetch it, or its type is not accepted.
        """
        return self._portal.call(self._async.upload_from_url, url)

    def generate_video(self, video: SlidesVideo | Veo3Video) -> StoredMedia:
        """Generate a video; uses a credit of the plan and may take half an hour.

        A proxy may cut the connection long before; the server then continues, spends the credit and
        stores a video that the API cannot list. Retried: never. Since v1.64.0.

        Args:
            video: what to generate, such as `SlidesVideo`.

        Raises:
            PlanLimitError: no credit is left.
            BadRequestError: the generator is not available, or the prompt was rejected.
        """
        return self._portal.call(self._async.generate_video, video)

    def video_function(
        self, identifier: str, function: str, params: Mapping[str, object] | None = None
    ) -> object:
        """Call a function of a video generator and return its JSON answer.

        Args:
            identifier: the kind of video, such as `image-text-slides`.
            function: the name of its function, such as `loadVoices`.
            params: its arguments; None: none.

        Retried: yes. Since v1.64.0.
        """
        return self._portal.call(self._async.video_function, identifier, function, params)

    def voices(self) -> list[Voice]:
        """The voices for `SlidesVideo`. Retried: yes. Since v1.64.0."""
        return self._portal.call(self._async.voices)
