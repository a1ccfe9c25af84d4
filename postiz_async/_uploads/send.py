"""Upload one source or many: inspect, refuse early, stream, and find earlier uploads."""

from __future__ import annotations

import hashlib
import logging
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, TypeAlias, cast

import anyio
import msgspec
from msgspec.structs import replace

from postiz_async._concurrency import for_each, in_thread
from postiz_async._media_types import POSTABLE, limit_of, pixels_of
from postiz_async._scheduler.hooks import told
from postiz_async._uploads.inspect import FileFacts, check_size, kind_of
from postiz_async._uploads.sources import NullSink, Source, UploadSource, name_of, open_local
from postiz_async._uploads.urls import inspect_url, is_url
from postiz_async._wire import encode_body
from postiz_async._wire.endpoints import UPLOAD_FILE, UPLOAD_FROM_URL, Call, FilePart
from postiz_async.errors import (
    APIConnectionError,
    PostizError,
    ServerError,
    UploadError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Awaitable,
        Callable,
        Iterable,
    )
    from types import TracebackType

    from postiz_async._scheduler.scheduler import BoundScheduler
    from postiz_async._uploads.cache import UploadCache
    from postiz_async.models.media import Media


log = logging.getLogger("postiz_async.uploads")

Progress: TypeAlias = "Callable[[int, int | None], object]"
"""Called with the bytes sent so far and in total; None if the total is not known."""

STALL_TIMEOUT = 60.0
"""Seconds without progress after which an upload fails."""

HASHED = 64 * 1024 * 1024
"""Largest size in bytes of a file that is always hashed while it is sent, for later reuse."""

_ONCE = (
    "It was not sent again, because {name} can be read only once. Give a path, bytes or a file "
    "that can be rewound, and a broken upload is repeated by itself."
)


class _FromUrl(msgspec.Struct):
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadOptions:
    """The options of an upload, see `MediaResource.upload`. `hash_first` hashes before sending."""

    progress: Progress | None = None
    reuse: bool = True
    stall_timeout: float = STALL_TIMEOUT
    hash_first: bool = False


@dataclass(slots=True)
class _Part:
    """A source that is being uploaded. `fault` is the error of reading it.

    `trace` is the traceback of `fault` without the frames that write the request, which contain
    the key.
    """

    source: Source
    mime: str
    options: UploadOptions
    sha256: str | None
    wants_hash: bool
    fault: Exception | None = None
    trace: TracebackType | None = None
    sent: int = 0
    is_begun: bool = False

    def as_file_part(self) -> FilePart:
        """The file as a part of the form. Its name is not sent, as the server makes up its own."""
        return FilePart(
            "upload" + POSTABLE[self.mime],
            self.mime,
            self.source.size,
            self._chunks,
            self.can_repeat,
            self.options.stall_timeout,
        )

    def can_repeat(self) -> bool:
        """Whether the source can be sent again."""
        return self.fault is None and (self.source.can_rewind or not self.is_begun)

    async def _chunks(self) -> AsyncGenerator[bytes]:
        self.is_begun = True
        try:
            async with aclosing(self._checked()) as chunks:
                async for chunk in chunks:
                    yield chunk
        except Exception as error:
            self.fault, self.trace = error, error.__traceback__
            raise

    async def _checked(self) -> AsyncGenerator[bytes]:
        """The bytes; ends in an error, and so before the end of the form, if they are wrong."""
        source, progress = self.source, self.options.progress
        digest = hashlib.sha256() if self.wants_hash else None
        self.sent = 0
        if progress is not None:
            await told(progress, 0, source.size)
        async with aclosing(source.chunks(digest or NullSink())) as chunks:
            async for chunk in chunks:
                self._check_size(self.sent + len(chunk))
                yield chunk
                self.sent += len(chunk)
                if progress is not None:
                    await told(progress, self.sent, source.size)
        if source.size is not None and self.sent < source.size:
            raise UploadError(
                f"{source.name} ended after {self.sent:,} of {source.size:,} bytes: it became "
                "shorter while it was being sent. Upload it again when nobody writes to it."
            )
        if digest is None:
            return
        if self.sha256 not in {None, digest.hexdigest()}:
            raise UploadError(
                f"{source.name} changed while it was being sent. Upload it again when nobody "
                "writes to it."
            )
        self.sha256 = digest.hexdigest()

    def _check_size(self, size: int) -> None:
        source = self.source
        if source.size is not None and size > source.size:
            raise UploadError(
                f"{source.name} has more than the {source.size:,} bytes that it began with: it "
                "grew while it was being sent. Upload it again when it is complete."
            )
        if size > limit_of(self.mime):
            raise UploadError(
                f"{source.name} has more than {limit_of(self.mime):,} bytes, which is all that "
                f"the server accepts of {self.mime}. It was cut off there."
            )


async def upload(
    bound: BoundScheduler,
    value: UploadSource,
    *,
    options: UploadOptions | None = None,
    facts: FileFacts | None = None,
    uploads: UploadCache | None = None,
) -> Media:
    """Upload a source of any kind, see `MediaResource.upload`.

    Args:
        bound: makes the calls.
        value: the source.
        options: the options of the upload.
        facts: the result of an earlier inspection, of a file by its real path; it is not repeated.
        uploads: the cache of recent uploads.
    """
    bound.scheduler.require("media")
    options = options or UploadOptions()
    bound = bound.begun()
    if is_url(value):
        return await fetch_by_server(bound, cast("str", value))
    source = await open_local(
        value, stall_timeout=options.stall_timeout, is_resolved=facts is not None
    )
    try:
        return await _upload(bound, source, options, facts, uploads if options.reuse else None)
    finally:
        with anyio.CancelScope(shield=True):
            await source.aclose()


async def _upload(
    bound: BoundScheduler,
    source: Source,
    options: UploadOptions,
    facts: FileFacts | None,
    uploads: UploadCache | None,
) -> Media:
    time, looked = bound.time, f"{source.name} was looked at"
    head = await time.bounded(source.look(), looked) if facts is None else b""
    mime = kind_of(head, source.name) if facts is None else facts.mime
    if source.size is not None:
        check_size(source.size, mime, source.name)
    if facts is not None and source.size != facts.size:
        raise UploadError(f"{source.name} changed since it was looked at. Nothing was sent.")
    sha256 = facts.sha256 if facts is not None else None
    width, height = (facts.width, facts.height) if facts is not None else (0, 0)
    if facts is None:
        pixels = in_thread(partial(pixels_of, mime, source.path or BytesIO(head)))
        width, height = await time.bounded(pixels, looked)

    async def send() -> Media:
        small = source.size is None or source.size <= HASHED
        wants_hash = sha256 is not None or (uploads is not None and small)
        part = _Part(source, mime, options, sha256, wants_hash)
        medium = await _send(bound, source, part)
        medium = replace(medium, width=width, height=height, size=part.sent)
        if uploads is not None and part.sha256 is not None:
            uploads.put(part.sha256, medium)
        return medium

    if uploads is None or not source.can_be_hashed:
        return await send()
    if sha256 is None:
        if not (options.hash_first or uploads.may_have(source.size)):
            return await send()
        sha256 = await time.bounded(source.sha256(), looked)
    async with AsyncExitStack() as stack:
        turn = stack.enter_async_context(uploads.turn(sha256))
        await time.bounded(turn, f"another upload of {source.name} had ended")
        return uploads.find(sha256) or await send()


async def _send(bound: BoundScheduler, source: Source, part: _Part) -> Media:
    try:
        medium = await bound.call(Call(UPLOAD_FILE, file=part.as_file_part()))
    except PostizError as error:
        if part.fault is not None and part.fault is not error:
            raise part.fault.with_traceback(part.trace) from error
        if isinstance(error, APIConnectionError | ServerError) and not part.can_repeat():
            error.hint = f"{error.hint} {_ONCE.format(name=source.name)}".lstrip()
        raise
    if part.fault is not None:
        raise part.fault.with_traceback(part.trace)
    return medium


# ------------------------------------------------------------------ by the server


async def fetch_by_server(bound: BoundScheduler, url: str) -> Media:
    """Let the server fetch a URL.

    Raises:
        InvalidInputError: it would not fetch it.
    """
    inspect_url(url)
    return await bound.call(Call(UPLOAD_FROM_URL, body=encode_body(_FromUrl(url))))


AT_ONCE = 3
"""Uploads at a time, by default."""


async def upload_all(
    sources: Iterable[UploadSource] | AsyncIterable[UploadSource],
    one: Callable[[int, UploadSource], Awaitable[Media]],
    *,
    concurrency: int = AT_ONCE,
) -> list[Media | Exception]:
    """Upload all sources; the medium or the error of each, in their order.

    Args:
        sources: what to upload; each is taken when its upload can begin.
        one: uploads a source, given its place.
        concurrency: how many at a time.

    Raises:
        UsageError: `concurrency` is less than one.
        Exception: taking a source raised it; those before it have ended.
    """
    if concurrency < 1:
        raise UsageError(f"concurrency is 1 or more, not {concurrency}.")
    results: dict[int, Media | Exception] = {}
    failed: list[tuple[int, str, Exception]] = []

    async def work(place: int, source: UploadSource) -> None:
        try:
            results[place] = await one(place, source)
        except Exception as error:  # noqa: BLE001  (handed to the caller, with its source)
            results[place] = error
            failed.append((place, name_of(source), error))

    await for_each(sources, work, at_once=concurrency)
    for place, name, error in failed:
        error.add_note(f"upload {place + 1} of {len(results)}: {name}")
    return [results[place] for place in range(len(results))]
