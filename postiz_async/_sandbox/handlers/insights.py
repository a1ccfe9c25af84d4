"""Analytics of channels and posts, notifications, and users of the instance.

The numbers are invented, and the same for the same request.
"""

from __future__ import annotations

import re
import zlib

from postiz_async._sandbox import refusals
from postiz_async._sandbox.dates import DAY_MS, day_of, iso
from postiz_async._sandbox.rows import ChannelRow, MemberRow
from postiz_async._sandbox.state import Organization, ReceivedCall
from postiz_async._validation.javascript import is_number, to_number
from postiz_async.providers import PROVIDERS

_LABELS = ("Impressions", "Likes", "Comments")
_SEVERAL = 90


async def of_channel(call: ReceivedCall) -> object:
    """Analytics of a channel, day by day."""
    channel = call.organization.live_channel(call.params["id"])
    if channel is None:
        raise refusals.internal_error()
    if "channel" not in _subjects(channel) or channel.refresh_needed:
        return []
    return _series(call, channel.id, _days(call))


async def of_post(call: ReceivedCall) -> object:
    """Analytics of a published post, as of today."""
    post = call.organization.posts.get(call.params["id"])
    if post is None or post.deleted_at is not None or post.release_id is None:
        return []
    if post.release_id == "missing":
        return {"missing": True}
    channel = call.organization.channels[post.channel_id]
    if "post" not in _subjects(channel):
        return []
    return _series(call, post.id, 1)


def _subjects(channel: ChannelRow) -> tuple[str, ...]:
    provider = PROVIDERS.get(channel.provider)
    return () if provider is None else provider.analytics


def _days(call: ReceivedCall) -> int:
    days = to_number(call.request.query_values.get("date"))
    return min(int(days), _SEVERAL) if is_number(days) and days == int(days) > 0 else 0


def _series(call: ReceivedCall, key: str, days: int) -> list[dict[str, object]]:
    today = call.state.now // DAY_MS * DAY_MS
    dates = [day_of(today - back * DAY_MS) for back in reversed(range(days))]
    return [
        {
            "label": label,
            "percentageChange": 5,
            "data": [
                {"total": str(_total(f"{call.organization.id}{key}{label}{date}")), "date": date}
                for date in dates
            ],
        }
        for label in _LABELS
    ]


def _total(text: str) -> int:
    return zlib.crc32(text.encode()) % 1000


_LIMIT = 100
_NUMBER = re.compile(r"\s*([+-]?\d+)")


async def list_notifications(call: ReceivedCall) -> object:
    """A page of notifications, newest first."""
    page = _page(call.request.query_values.get("page"))
    newest_first = call.organization.notifications[::-1]
    shown = newest_first[page * _LIMIT : (page + 1) * _LIMIT]
    entries = [
        {
            "id": each.id,
            "content": each.content,
            "link": each.link,
            "createdAt": iso(each.created_at),
        }
        for each in shown
    ]
    answer: dict[str, object] = {"notifications": entries, "total": len(newest_first)}
    answer |= {"page": page, "limit": _LIMIT}
    return answer | {"hasMore": (page + 1) * _LIMIT < len(newest_first)}


def _page(text: str | list[str] | None) -> int:
    """Read the number at the beginning of a text; of several texts, the first."""
    if text is None:
        return 0
    found = _NUMBER.match(text if isinstance(text, str) else text[0])
    too_small = "page must not be less than 0"
    if found is None:
        no_number = "page must be a number conforming to the specified constraints"
        raise refusals.invalid([too_small, no_number])
    page = int(found[1])
    if page < 0:
        raise refusals.invalid([too_small])
    return page


_MOST = 10


async def search_users(call: ReceivedCall) -> object:
    """The first memberships of users whose name, e-mail address or id contains a text."""
    if not any(member.is_super_admin for member in call.organization.members):
        raise refusals.plain(403, "Unauthorized")
    text = call.request.query_values.get("name")
    if isinstance(text, list):  # the database cannot query this value
        raise refusals.internal_error()
    found = [
        _membership(organization, member)
        for organization in call.state.organizations
        for member in organization.members
        if any((text or "") in value for value in (member.name or "", member.email, member.user_id))
    ]
    return found[:_MOST]


def _membership(organization: Organization, member: MemberRow) -> dict[str, object]:
    return {
        "id": member.id,
        "role": member.role,
        "organization": {
            "id": organization.id,
            "name": organization.name,
            "subscription": None,
        },
        "user": {"id": member.user_id, "name": member.name, "email": member.email},
    }
