"""Planned rows to the body of a create request, and back from a refusal to rows. PURE."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from postiz_async.compose import build_item
from postiz_async.delivery.marks import CLIENT_REF
from postiz_async.models.posts import CreatePost, NewPost, TagRef
from postiz_async.wire import format_date

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from postiz_async.batch.plan import PlannedRequest
    from postiz_async.batch.rows import Row
    from postiz_async.errors import BadRequestError, PayloadTooLargeError
    from postiz_async.models.integrations import Integration
    from postiz_async.models.media import Media

__all__ = ["build_body", "guilty_places"]

_POST_INDEX = re.compile(r"\bposts\.(\d+)\b")


def build_body(
    request: PlannedRequest,
    moment: datetime,
    *,
    client_ref: Callable[[Row], str],
    channels: Mapping[str, Integration],
    medium: Callable[[str], Media],
) -> CreatePost:
    """The create request of planned rows, with the date and the marks it is known by.

    Args:
        request: the rows.
        moment: the marked date.
        client_ref: the mark of a row's post.
        channels: by ref.
        medium: the uploaded medium of a name in the campaign.
    """

    def new_post(row: Row) -> NewPost:
        media = tuple(medium(name) for name in row.media)
        return NewPost(channels[row.ref], row.body, media, row.settings, row.parts)

    first = request.rows[0]
    body = CreatePost(
        type="schedule" if first.type == "now" else first.type,
        date=format_date(moment),
        posts=[
            build_item(
                new_post(row),
                channels[row.ref],
                extra_settings=[(CLIENT_REF, client_ref(row))],
            )
            for row in request.rows
        ],
        short_link=first.short_link,
        tags=[TagRef(value=tag, label=tag) for tag in first.tags],
    )
    return body if first.repeat_days is None else replace(body, inter=first.repeat_days)


def guilty_places(
    request: PlannedRequest,
    channels: Mapping[str, Integration],
    error: BadRequestError | PayloadTooLargeError,
) -> set[int]:
    """The places that a refusal names: by `posts.N`, by a channel, by its only post there."""
    named = {int(index[:9]) for index in _POST_INDEX.findall(error.text)}
    if named:
        return {place for place in named if place < len(request.rows)}
    by_id = {n for n, row in enumerate(request.rows) if channels[row.ref].id in error.text}
    if by_id or error.provider is None:
        return by_id
    places = {
        place
        for place, row in enumerate(request.rows)
        if channels[row.ref].provider == error.provider
        and channels[row.ref].name == error.channel_name
    }
    return places if len(places) == 1 else set()
