"""Uploads, and videos made by the server."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping

from postiz_async._media_types import POSTABLE, UPLOAD_ONLY, limit_of, media_type
from postiz_async._sandbox.dates import day_of, iso
from postiz_async._sandbox.messages import (
    FormError,
    Response,
    bad_request,
    internal_error,
    invalid,
    json_response,
    plain,
    plan_limit,
    status_only,
)
from postiz_async._sandbox.rows import MediaRow
from postiz_async._sandbox.state import ReceivedCall
from postiz_async._sandbox.verdicts import fields_of, violations
from postiz_async._validation.constraints import DEFINED, EXTENSION, TEXT
from postiz_async._validation.javascript import as_object, is_list
from postiz_async._validation.schema import AS_GIVEN, AS_TEXT, Field, Shape

_PUBLIC = "URL must be a public HTTPS URL and cannot point to internal network addresses"
_URL = Shape(Field("url", (DEFINED, EXTENSION, TEXT), AS_TEXT, optional=False))
_SUFFIXES = POSTABLE | UPLOAD_ONLY


async def upload(call: ReceivedCall) -> Response:
    """Store the file of a multipart form."""
    file = call.request.file
    if isinstance(file, FormError):
        raise bad_request(file.message)
    if file is None or not file.filename:
        raise plain(400, "No file provided")
    if file.field != "file":
        raise bad_request(f"Unexpected field - {file.field}")
    mime = media_type(file.head)
    if mime not in _SUFFIXES:
        raise bad_request("Unsupported file type.")
    limit = limit_of(mime)
    if file.size > limit:
        raise bad_request(f"File size exceeds the maximum allowed size of {limit} bytes.")
    return store_media(call, mime, file.size, file.sha256, file.head)


async def upload_from_url(call: ReceivedCall) -> Response:
    """Fetch a file from those that were added as remote files."""
    url = str(as_object(call.body).get("url"))
    messages = violations(_URL, call.body)
    # a host is public if the sandbox has a remote file of it; no other host exists
    origins = {known.split("/", 3)[2] for known in call.state.remote_files}
    scheme, _, rest = url.partition("://")
    if scheme != "https" or rest.partition("/")[0] not in origins:
        messages.append(_PUBLIC)
    if messages:
        raise invalid(messages)
    file = call.state.remote_files.get(url)
    if file is None:
        raise plain(400, "Failed to fetch URL")
    mime = media_type(file.head)
    if mime not in _SUFFIXES:
        raise plain(400, "Unsupported file type.")
    if file.size > limit_of(mime):
        raise plain(400, "File is too large.")
    return store_media(call, mime, file.size, file.sha256, file.head)


def store_media(
    call: ReceivedCall, mime: str, size: int, sha256: str, head: bytes = b""
) -> Response:
    """Store the facts about a file under a new name and path, and answer with them."""
    name = f"{call.state.ids.file_name()}{_SUFFIXES[mime]}"
    folder = day_of(call.state.now).replace("-", "/")
    path = f"{call.state.host}/uploads/{folder}/{name}"
    media = MediaRow(call.state.ids.uuid(), name, path, size, sha256, call.state.now)
    call.organization.media[media.id] = media
    call.state.measure(path, head)
    return json_response(201, _described(media))


def _described(media: MediaRow) -> dict[str, object]:
    answer: dict[str, object] = {"id": media.id, "name": media.name}
    answer |= {"originalName": media.original_name, "path": media.path}
    return answer | {"thumbnail": None, "alt": None}


_A_PAGE = 18
_NUMBER = re.compile(r"\d{1,9}")


async def list_media(call: ReceivedCall) -> Response:
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
    return json_response(200, {"pages": math.ceil(len(found) / _A_PAGE), "results": results})


_OUTPUTS = ("vertical", "horizontal")
_SECONDS = 30.0
_MOST_IMAGES = 3
_SLIDES = "image-text-slides"


async def generate_video(call: ReceivedCall) -> Response:
    """Make a video, and answer when it is ready."""
    body = as_object(call.body)
    messages = _video_violations(call, body) or _violations_of_params(body)
    if messages:
        raise invalid(messages)
    credits_left = call.organization.video_credits
    if credits_left is not None:
        if credits_left == 0:
            raise plan_limit("generated videos", "generate more videos", call.state.host)
        call.organization.video_credits = credits_left - 1
    await call.state.clock.sleep(_SECONDS)
    digest = hashlib.sha256(call.request.body).hexdigest()
    return store_media(call, "video/mp4", size=1024**2, sha256=digest)


def _video_violations(call: ReceivedCall, body: Mapping[str, object]) -> list[str]:
    messages: list[str] = []
    types = call.state.video_types
    if body.get("type") not in types:
        messages.append(f"type must be any of: {', '.join(types)}")
    if body.get("output") not in _OUTPUTS:
        messages.append(f"output must be one of the following values: {', '.join(_OUTPUTS)}")
    return messages


def _violations_of_params(body: Mapping[str, object]) -> list[str]:
    video_type, params = body["type"], as_object(body.get("customParams"))
    messages: list[str] = []
    if video_type == _SLIDES and not isinstance(params.get("voice"), str):
        messages.append("voice must be a string")
    if not isinstance(params.get("prompt"), str):
        messages.append("prompt must be a string")
    if video_type == _SLIDES:
        return messages
    images = params.get("images")
    if not is_list(images) or len(images) > _MOST_IMAGES:
        messages.append(f"images must contain no more than {_MOST_IMAGES} elements")
    if not is_list(images):
        messages.append("images must be an array")
    return messages


_FUNCTION = Shape(
    *(Field(name, (TEXT,), AS_GIVEN, optional=False) for name in ("identifier", "functionName"))
)


async def video_function(call: ReceivedCall) -> Response:
    """Call a function of a video generator."""
    body = fields_of(_FUNCTION, call.body)
    if body["identifier"] not in {_SLIDES, "veo3"}:
        raise internal_error()
    if (body["identifier"], body["functionName"]) != (_SLIDES, "loadVoices"):
        raise status_only(400, f"Function {body['functionName']} not found on video instance")
    if _SLIDES not in call.state.video_types:  # the generator of the videos names them
        raise internal_error()
    voice = {"id": "v1", "name": "Anna", "preview_url": "https://voices.example/anna.mp3"}
    return json_response(201, {"voices": [voice]})
