"""The routes as data, and the look-up of a path's route."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from postiz_async._sandbox import refusals
from postiz_async._sandbox.handlers import channels, create, insights, media, oauth, posts
from postiz_async._sandbox.rows import Release
from postiz_async._wire.endpoints import ENDPOINTS

Handler = Callable[..., Awaitable[object]]
"""It takes a `ReceivedCall`, or an `OpenCall` where no key is asked for."""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: its name, path, handler and first release; an open one asks for no key."""

    name: str
    method: str
    path: str
    handler: Handler
    since: Release = Release.OLDEST
    is_open: bool = False


HANDLERS: dict[str, Handler] = {
    "create_post": create.create_post,
    "list_posts": posts.list_posts,
    "delete_post_group": posts.delete_group,
    "delete_post": posts.delete_post,
    "get_missing_content": posts.get_missing,
    "update_release_id": posts.set_release_id,
    "change_post_status": posts.change_status,
    "update_post_settings": posts.update_settings,
    "upload_file": media.upload,
    "upload_from_url": media.upload_from_url,
    "list_media": media.list_media,
    "generate_video": media.generate_video,
    "video_function": media.video_function,
    "list_channels": channels.list_channels,
    "list_groups": channels.list_groups,
    "is_connected": channels.is_connected,
    "get_channel_settings": channels.settings,
    "trigger_tool": channels.use_tool,
    "get_connect_url": channels.get_connect_url,
    "delete_channel": channels.delete,
    "get_analytics": insights.of_channel,
    "get_post_analytics": insights.of_post,
    "list_notifications": insights.list_notifications,
    "search_users": insights.search_users,
    "find_slot": channels.find_slot,
}
SINCE = {
    "change_post_status": Release.NEWEST,
    "list_groups": Release.NEWEST,
    "update_post_settings": Release.HEAD,
    "search_users": Release.HEAD,
    "list_media": Release.NEXT,
}
"""The first release with a route, where it is not the oldest."""

ROUTES = tuple(
    Route(each.name, each.method, f"/public/v1{each.path}", HANDLERS[each.name], since)
    for each in ENDPOINTS
    if each.name in HANDLERS and (since := SINCE.get(each.name, Release.OLDEST))
)
OPEN_ROUTES = (
    Route("oauth_describe", "GET", "/oauth/authorize", oauth.describe, is_open=True),
    Route("oauth_authorize", "POST", "/oauth/authorize", oauth.authorize, is_open=True),
    Route("oauth_token", "POST", "/oauth/token", oauth.exchange_token, is_open=True),
    Route("oauth_register", "POST", "/oauth/register", oauth.register, Release.HEAD, is_open=True),
)

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def find_route(release: Release, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """Find the route and the parameters of a path, which still has its percent escapes.

    Routes with GET also answer HEAD.

    Raises:
        HttpError: A parameter cannot be decoded.
    """
    method = "GET" if method == "HEAD" else method
    segments = path.rstrip("/").split("/")
    for route in (*ROUTES, *OPEN_ROUTES):
        if route.method == method and release >= route.since:
            params = _match(route.path.split("/"), segments)
            if params is not None:
                return route, {name: _decode(value) for name, value in params.items()}
    return None


def _match(template: list[str], segments: list[str]) -> dict[str, str] | None:
    """Match segment by segment, ignoring case; a parameter matches any segment but ''."""
    if len(template) != len(segments):
        return None
    params: dict[str, str] = {}
    for wanted, found in zip(template, segments, strict=True):
        if wanted.startswith("{"):
            if not found:
                return None
            params[wanted[1:-1]] = found
        elif wanted != found.lower():
            return None
    return params


def _decode(value: str) -> str:
    if not _BAD_ESCAPE.search(value):
        try:
            return unquote_to_bytes(value).decode()
        except UnicodeDecodeError:
            pass
    raise refusals.bad_request(f"Failed to decode param '{value}'")
