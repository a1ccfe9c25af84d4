"""Pictures and videos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from postiz_async.endpoints import GENERATE_VIDEO, UPLOAD_FROM_URL, VIDEO_FUNCTION, Call
from postiz_async.errors import InvalidPostError, Problem, UnexpectedAnswerError
from postiz_async.models.video import Veo3Video, VideoRequest, VoiceList
from postiz_async.uploads import POSTABLE, upload
from postiz_async.wire import encode_body

if TYPE_CHECKING:
    from pathlib import Path

    from postiz_async.caller import Caller
    from postiz_async.models.media import Media as StoredMedia
    from postiz_async.models.video import SlidesVideo, Voice

__all__ = ["Media"]

_URL_SUFFIXES = (*POSTABLE.values(), ".jpeg")


class _FromUrl(msgspec.Struct):
    url: str


class _VideoFunction(msgspec.Struct, rename="camel"):
    identifier: str
    function_name: str
    params: Mapping[str, object]


class Media:
    """`postiz.media`: uploads and generated videos. Nothing here costs create requests."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

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
        return await upload(self._caller, source)

    async def upload_from_url(self, url: str) -> StoredMedia:
        """Let the server fetch a picture or video from a public https address.

        The server's download has no time limit of its own; this call ends after 10 minutes.
        Retried: yes. Since v2.8.0.

        Raises:
            InvalidPostError: the path of the URL does not end in a suffix that the server takes.
            BadRequestError: the server could not fetch it, or it is of the wrong kind.
        """
        if not url.partition("?")[0].endswith(_URL_SUFFIXES):
            suffixes = " ".join(sorted(_URL_SUFFIXES))
            message = f"{url[:100]!r} does not end in one of {suffixes} (lower case)"
            raise InvalidPostError([Problem("url", message)])
        return await self._caller.call(Call(UPLOAD_FROM_URL, body=encode_body(_FromUrl(url))))

    async def generate_video(self, video: SlidesVideo | Veo3Video) -> StoredMedia:
        """Generate a video; costs a credit of the plan and may take half an hour.

        A proxy may cut the connection long before; the server then goes on, spends the credit
        and stores a video that no call can list. Retried: never. Since v1.64.0.

        Raises:
            PlanLimitError: there is no credit left.
            BadRequestError: the generator is not available, or the prompt was rejected.
        """
        kind = "veo3" if isinstance(video, Veo3Video) else "image-text-slides"
        body = VideoRequest(type=kind, output=video.output, custom_params=video.custom_params)
        return await self._caller.call(Call(GENERATE_VIDEO, body=encode_body(body)))

    async def video_function(
        self, identifier: str, function: str, params: Mapping[str, object] | None = None
    ) -> object:
        """Ask a video generator something; the answer is whatever JSON it gives.

        Retried: yes. Since v1.64.0.
        """
        body = _VideoFunction(identifier, function, params or {})
        return await self._caller.call(Call(VIDEO_FUNCTION, body=encode_body(body)))

    async def voices(self) -> list[Voice]:
        """The voices for `SlidesVideo`. Retried: yes. Since v1.64.0."""
        answer = await self.video_function("image-text-slides", "loadVoices")
        try:
            return msgspec.convert(answer, VoiceList).voices
        except msgspec.ValidationError as error:
            raise UnexpectedAnswerError(f"The list of voices cannot be read: {error}.") from error
