"""The routes as data, and the look-up of a path's route."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from postiz_async._sandbox.faults import RouteName
from postiz_async._sandbox.handlers import channels, create, insights, media, oauth, posts
from postiz_async._sandbox.messages import Response, bad_request
from postiz_async._sandbox.rows import Release
from postiz_async._sandbox.state import OpenCall, ReceivedCall

Handler = Callable[[ReceivedCall], Awaitable[Response]]
OpenHandler = Callable[[OpenCall], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API: its name, path, first release, and handler."""

    name: RouteName
    method: str
    template: str
    """The path below `/public/v1`."""
    handler: Handler
    since: Release = Release.OLDEST


@dataclass(frozen=True, slots=True)
class OpenRoute:
    """An operation outside the API, which asks for no key."""

    name: RouteName
    method: str
    path: str
    handler: OpenHandler
    since: Release = Release.OLDEST


ROUTES = (
    Route("create_post", "POST", "/posts", create.create_post),
    Route("list_posts", "GET", "/posts", posts.list_posts),
    Route("delete_post_group", "DELETE", "/posts/group/{group}", posts.delete_group),
    Route("delete_post", "DELETE", "/posts/{id}", posts.delete_post),
    Route("get_missing_content", "GET", "/posts/{id}/missing", posts.get_missing),
    Route("update_release_id", "PUT", "/posts/{id}/release-id", posts.set_release_id),
    Route("change_post_status", "PUT", "/posts/{id}/status", posts.change_status, Release.NEWEST),
    Route(
        "update_post_settings", "PUT", "/posts/{id}/settings", posts.update_settings, Release.HEAD
    ),
    Route("upload_file", "POST", "/upload", media.upload),
    Route("upload_from_url", "POST", "/upload-from-url", media.upload_from_url),
    Route("list_media", "GET", "/media", media.list_media, Release.NEXT),
    Route("generate_video", "POST", "/generate-video", media.generate_video),
    Route("video_function", "POST", "/video/function", media.video_function),
    Route("list_channels", "GET", "/integrations", channels.list_channels),
    Route("list_groups", "GET", "/groups", channels.list_groups, Release.NEWEST),
    Route("is_connected", "GET", "/is-connected", channels.is_connected),
    Route("get_channel_settings", "GET", "/integration-settings/{id}", channels.settings),
    Route("trigger_tool", "POST", "/integration-trigger/{id}", channels.use_tool),
    Route("get_connect_url", "GET", "/social/{integration}", channels.get_connect_url),
    Route("delete_channel", "DELETE", "/integrations/{id}", channels.delete),
    Route("get_analytics", "GET", "/analytics/{integration}", insights.of_channel),
    Route("get_post_analytics", "GET", "/analytics/post/{postId}", insights.of_post),
    Route("list_notifications", "GET", "/notifications", insights.list_notifications),
    Route("search_users", "GET", "/users", insights.search_users, Release.HEAD),
    Route("find_slot", "GET", "/find-slot/{id}", channels.find_slot),
)

OPEN_ROUTES = (
    OpenRoute("oauth_describe", "GET", "/oauth/authorize", oauth.describe),
    OpenRoute("oauth_authorize", "POST", "/oauth/authorize", oauth.authorize),
    OpenRoute("oauth_token", "POST", "/oauth/token", oauth.exchange_token),
    OpenRoute("oauth_register", "POST", "/oauth/register", oauth.register, Release.HEAD),
)

_PREFIX = "/public/v1"
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def find_route(
    release: Release, method: str, path: str
) -> tuple[Route | OpenRoute, dict[str, str]] | None:
    """Find the route and the parameters of a path, which still has its percent escapes.

    Routes with GET also answer HEAD.

    Raises:
        HttpError: A parameter cannot be decoded.
    """
    method = "GET" if method == "HEAD" else method
    for open_route in OPEN_ROUTES:
        found = (open_route.method, open_route.path) == (method, path.rstrip("/").lower())
        if found and release >= open_route.since:
            return open_route, {}
    segments = path.rstrip("/").split("/")
    for route in ROUTES:
        if route.method == method and release >= route.since:
            params = _match(f"{_PREFIX}{route.template}".split("/"), segments)
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
    raise bad_request(f"Failed to decode param '{value}'")
