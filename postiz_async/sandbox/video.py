"""Videos made by the server."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from postiz_async.sandbox.exchange import Response, json_response
from postiz_async.sandbox.kinds import FileKind
from postiz_async.sandbox.media import store_media
from postiz_async.sandbox.refusals import internal_error, invalid, plan_limit, status_only
from postiz_async.sandbox.rules import as_mapping, is_list

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postiz_async.sandbox.state import ReceivedCall, SandboxState

__all__ = ["generate_video", "video_function"]

_OUTPUTS = ("vertical", "horizontal")
_SECONDS = 30.0
_MOST_IMAGES = 3
_SLIDES = "image-text-slides"


async def generate_video(state: SandboxState, call: ReceivedCall) -> Response:
    """Make a video; the answer comes when it is there."""
    body = as_mapping(call.body)
    messages = _video_violations(state, body)
    messages = messages or _violations_of_params(body)
    if messages:
        raise invalid(messages)
    credits_left = call.organization.video_credits
    if credits_left is not None:
        if credits_left == 0:
            raise plan_limit("generated videos", "generate more videos", state.settings.host)
        call.organization.video_credits = credits_left - 1
    await state.clock.sleep(_SECONDS)
    digest = hashlib.sha256(call.request.body).hexdigest()
    return store_media(state, call.organization, FileKind("mp4"), size=1024**2, sha256=digest)


def _video_violations(state: SandboxState, body: Mapping[str, object]) -> list[str]:
    messages: list[str] = []
    types = state.settings.video_types
    if body.get("type") not in types:
        messages.append(f"type must be any of: {', '.join(types)}")
    if body.get("output") not in _OUTPUTS:
        messages.append(f"output must be one of the following values: {', '.join(_OUTPUTS)}")
    return messages


def _violations_of_params(body: Mapping[str, object]) -> list[str]:
    video_type, params = body["type"], as_mapping(body.get("customParams"))
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


async def video_function(state: SandboxState, call: ReceivedCall) -> Response:
    """Look something up for a video."""
    body = as_mapping(call.body)
    names = ("identifier", "functionName")
    messages = [f"{name} must be a string" for name in names if not isinstance(body.get(name), str)]
    if messages:
        raise invalid(messages)
    if body["identifier"] not in {_SLIDES, "veo3"}:
        raise internal_error()
    if (body["identifier"], body["functionName"]) != (_SLIDES, "loadVoices"):
        raise status_only(400, f"Function {body['functionName']} not found on video instance")
    if _SLIDES not in state.settings.video_types:  # they are told by who makes the videos
        raise internal_error()
    voice = {"id": "v1", "name": "Anna", "preview_url": "https://voices.example/anna.mp3"}
    return json_response(201, {"voices": [voice]})
