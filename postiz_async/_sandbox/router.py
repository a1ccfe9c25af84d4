"""The routes as data, and the look-up of a path's route."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from postiz_async._sandbox.faults import RouteName
from postiz_async._sandbox.handlers import channels, create, insights, media, oauth, posts
from postiz_async._sandbox.messages import Response, bad_request
from postiz_async._sandbox.rows import OPEN, UNRELEASED, Release, Version
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
    since: Version
    handler: Handler


@dataclass(frozen=True, slots=True)
class OpenRoute:
    """An operation outside the API, which asks for no key."""

    name: RouteName
    method: str
    path: str
    since: Version
    handler: OpenHandler


ROUTES = (
    Route("create_post", "POST", "/posts", (1, 11, 1), create.create_post),
    Route("list_posts", "GET", "/posts", (1, 11, 1), posts.list_posts),
    Route("delete_post_group", "DELETE", "/posts/group/{group}", (2, 18, 0), posts.delete_group),
    Route("delete_post", "DELETE", "/posts/{id}", (1, 26, 1), posts.delete_post),
    Route("get_missing_content", "GET", "/posts/{id}/missing", (2, 19, 0), posts.get_missing),
    Route("update_release_id", "PUT", "/posts/{id}/release-id", (2, 19, 0), posts.set_release_id),
    Route("change_post_status", "PUT", "/posts/{id}/status", (2, 21, 7), posts.change_status),
    Route("update_post_settings", "PUT", "/posts/{id}/settings", UNRELEASED, posts.update_settings),
    Route("upload_file", "POST", "/upload", (1, 11, 1), media.upload),
    Route("upload_from_url", "POST", "/upload-from-url", (2, 8, 0), media.upload_from_url),
    Route("list_media", "GET", "/media", OPEN, media.list_media),
    Route("generate_video", "POST", "/generate-video", (1, 64, 0), media.generate_video),
    Route("video_function", "POST", "/video/function", (1, 64, 0), media.video_function),
    Route("list_channels", "GET", "/integrations", (1, 11, 1), channels.list_channels),
    Route("list_groups", "GET", "/groups", (2, 21, 9), channels.list_groups),
    Route("is_connected", "GET", "/is-connected", (1, 62, 0), channels.is_connected),
    Route(
        "get_channel_settings",
        "GET",
        "/integration-settings/{id}",
        (2, 18, 0),
        channels.settings,
    ),
    Route(
        "trigger_tool",
        "POST",
        "/integration-trigger/{id}",
        (2, 18, 0),
        channels.use_tool,
    ),
    Route("get_connect_url", "GET", "/social/{integration}", (2, 20, 0), channels.get_connect_url),
    Route("delete_channel", "DELETE", "/integrations/{id}", (2, 20, 0), channels.delete),
    Route("get_analytics", "GET", "/analytics/{integration}", (2, 18, 0), insights.of_channel),
    Route("get_post_analytics", "GET", "/analytics/post/{postId}", (2, 18, 0), insights.of_post),
    Route("list_notifications", "GET", "/notifications", (2, 18, 0), insights.list_notifications),
    Route("search_users", "GET", "/users", UNRELEASED, insights.search_users),
    Route("find_slot", "GET", "/find-slot/{id}", (2, 7, 0), channels.find_slot),
)

OPEN_ROUTES = (
    OpenRoute("oauth_describe", "GET", "/oauth/authorize", (2, 20, 0), oauth.describe),
    OpenRoute("oauth_authorize", "POST", "/oauth/authorize", (2, 20, 0), oauth.authorize),
    OpenRoute("oauth_token", "POST", "/oauth/token", (2, 20, 0), oauth.exchange_token),
    OpenRoute("oauth_register", "POST", "/oauth/register", UNRELEASED, oauth.register),
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
        if found and release.since(open_route.since):
            return open_route, {}
    segments = path.rstrip("/").split("/")
    for route in ROUTES:
        if route.method == method and release.since(route.since):
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
