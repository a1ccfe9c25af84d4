"""The list of what happened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postiz_async.sandbox.dates import iso
from postiz_async.sandbox.exchange import Response, json_response
from postiz_async.sandbox.refusals import invalid

if TYPE_CHECKING:
    from postiz_async.sandbox.state import ReceivedCall, SandboxState

__all__ = ["list_notifications"]

_LIMIT = 100
_NUMBER = re.compile(r"\s*([+-]?\d+)")


async def list_notifications(state: SandboxState, call: ReceivedCall) -> Response:  # noqa: ARG001 - one shape
    """A page of notifications, newest first."""
    page = _page(call.request.query_value("page"))
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
    return json_response(200, answer | {"hasMore": (page + 1) * _LIMIT < len(newest_first)})


def _page(text: str | list[str] | None) -> int:
    """Read the number that the text begins with; of several texts, the first."""
    if text is None:
        return 0
    found = _NUMBER.match(text if isinstance(text, str) else text[0])
    if found is None:
        raise invalid(["page must be a number conforming to the specified constraints"])
    page = int(found[1])
    if page < 0:
        raise invalid(["page must not be less than 0"])
    return page
