"""Uploads, and videos made by the server."""

from __future__ import annotations

import hashlib
import math
import re
from functools import cache

from postiz_async._media_types import POSTABLE, UPLOAD_ONLY, limit_of, media_type
from postiz_async._sandbox import refusals
from postiz_async._sandbox.dates import day_of, iso
from postiz_async._sandbox.messages import FormError
from postiz_async._sandbox.rows import MediaRow
from postiz_async._sandbox.state import ReceivedCall
from postiz_async._sandbox.verdicts import checked
from postiz_async._validation.constraints import DEFINED, EXTENSION, LIST, TEXT, enum, max_items
from postiz_async._validation.javascript import as_object
from postiz_async._validation.schema import AS_GIVEN, AS_TEXT, Field, Shape

_PUBLIC = "URL must be a public HTTPS URL and cannot point to internal network addresses"
_URL = Shape(Field("url", (DEFINED, EXTENSION, TEXT), AS_TEXT, optional=False))
_SUFFIXES = POSTABLE | UPLOAD_ONLY


async def upload(call: ReceivedCall) -> object:
    """Store the file of a multipart form."""
    file = call.request.file
    if isinstance(file, FormError):
        raise refusals.bad_request(file.message)
    if file is None or not file.filename:
        raise refusals.plain(400, "No file provided")
    if file.field != "file":
        raise refusals.bad_request(f"Unexpected field - {file.field}")
    mime = media_type(file.head)
    if mime not in _SUFFIXES:
        raise refusals.bad_request("Unsupported file type.")
    limit = limit_of(mime)
    if file.size > limit:
        raise refusals.bad_request(f"File size exceeds the maximum allowed size of {limit} bytes.")
    return store_media(call, mime, file.size, file.sha256, file.head)


async def upload_from_url(call: ReceivedCall) -> object:
    """Fetch a file from those that were added as remote files."""
    url = str(as_object(call.body).get("url"))
    # a host is public if the sandbox has a remote file of it; no other host exists
    origins = {known.split("/", 3)[2] for known in call.state.remote_files}
    scheme, _, rest = url.partition("://")
    is_public = scheme == "https" and rest.partition("/")[0] in origins
    checked(_URL, call.body, *[] if is_public else [_PUBLIC])
    file = call.state.remote_files.get(url)
    if file is None:
        raise refusals.plain(400, "Failed to fetch URL")
    mime = media_type(file.head)
    if mime not in _SUFFIXES:
        raise refusals.plain(400, "Unsupported file type.")
    if file.size > limit_of(mime):
        raise refusals.plain(400, "File is too large.")
    return store_media(call, mime, file.size, file.sha256, file.head)


def store_media(call: ReceivedCall, mime: str, size: int, sha256: str, head: bytes = b"") -> object:
    """Store the facts about a file under a new name and path, and answer with them."""
    name = f"{call.state.ids.file_name()}{_SUFFIXES[mime]}"
    folder = day_of(call.state.now).replace("-", "/")
    path = f"{call.state.host}/uploads/{folder}/{name}"
    media = MediaRow(call.state.ids.uuid(), name, path, size, sha256, call.state.now)
    call.organization.media[media.id] = media
    call.state.measure(path, head)
    return _described(media)


def _described(media: MediaRow) -> dict[str, object]:
    answer: dict[str, object] = {"id": media.id, "name": media.name}
    answer |= {"originalName": media.original_name, "path": media.path}
    return answer | {"thumbnail": None, "alt": None}


_A_PAGE = 18
_NUMBER = re.compile(r"\d{1,9}")


async def list_media(call: ReceivedCall) -> object:
    """A page of the library, newest first: of all media, or of those with a name."""
    query = call.request.query_values
    search, number = str(query.get("search", "")).lower(), _NUMBER.match(str(query.get("page")))
    page = max(1, int(number[0])) if number else 1
    found = [
        each
        for each in reversed(call.organization.media.values())
        if search in (each.original_name or "").lower()
    ]
    shown = found[(page - 1) * _A_PAGE : page * _A_PAGE]
    results = [
        _described(each)
        | {
            "type": "video" if each.name.endswith("mp4") else "image",
            "fileSize": each.size,
            "createdAt": iso(each.created_at),
        }
        for each in shown
    ]
    return {"pages": math.ceil(len(found) / _A_PAGE), "results": results}


_SECONDS = 30.0
_SLIDES = "image-text-slides"


def _text(name: str) -> Field:
    return Field(name, (TEXT,), AS_GIVEN, optional=False)


_SLIDES_PARAMS = Shape(_text("voice"), _text("prompt"))
_CLIP_PARAMS = Shape(
    _text("prompt"), Field("images", (max_items(3), LIST), AS_GIVEN, optional=False)
)
_FUNCTION = Shape(_text("identifier"), _text("functionName"))


@cache
def _video(types: tuple[str, ...]) -> Shape:
    known = enum(types)._replace(text=f"must be any of: {', '.join(types)}")
    output = enum(("vertical", "horizontal"))
    return Shape(
        Field("type", (known,), AS_GIVEN, optional=False),
        Field("output", (output,), AS_GIVEN, optional=False),
    )


async def generate_video(call: ReceivedCall) -> object:
    """Make a video, and answer when it is ready."""
    body = checked(_video(call.state.video_types), call.body)
    params = _SLIDES_PARAMS if body["type"] == _SLIDES else _CLIP_PARAMS
    checked(params, body.get("customParams"))
    credits_left = call.organization.video_credits
    if credits_left is not None:
        if credits_left == 0:
            raise refusals.plan_limit("generated videos", "generate more videos", call.state.host)
        call.organization.video_credits = credits_left - 1
    await call.state.clock.sleep(_SECONDS)
    digest = hashlib.sha256(call.request.body).hexdigest()
    return store_media(call, "video/mp4", size=1024**2, sha256=digest)


async def video_function(call: ReceivedCall) -> object:
    """Call a function of a video generator."""
    body = checked(_FUNCTION, call.body)
    if body["identifier"] not in {_SLIDES, "veo3"}:
        raise refusals.internal_error()
    if (body["identifier"], body["functionName"]) != (_SLIDES, "loadVoices"):
        raise refusals.status_only(
            400, f"Function {body['functionName']} not found on video instance"
        )
    if _SLIDES not in call.state.video_types:  # the generator of the videos names them
        raise refusals.internal_error()
    voice = {"id": "v1", "name": "Anna", "preview_url": "https://voices.example/anna.mp3"}
    return {"voices": [voice]}
