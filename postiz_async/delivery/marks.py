"""By what our requests and posts are recognised in the server's list. PURE.

The server has no idempotency key. But it keeps the milliseconds of a date, which people and the
web page never set, and unknown keys inside `settings`. So a request is marked by the
milliseconds of its date, unique within its second, and a post by its `client_ref`.

The `client_ref` of a campaign's row is made from the campaign's name and from what the row is: its
ref, channel, date and texts. Each host that runs the campaign makes the same one, so they know each
other's posts; another campaign of that name, with other texts or dates under the same refs, makes
others. Servers up to v2.23.0 keep it and do not list it.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

__all__ = ["CLIENT_REF", "MillisecondMarks", "client_ref", "listed_ref", "row_ref"]

CLIENT_REF = "client_ref"
"""The key inside a post's settings that names the row it came from."""


def client_ref(campaign: str, ref: str) -> str:
    """The 12 characters that mark one post of one campaign."""
    digest = hashlib.sha256(f"{campaign}\n{ref}".encode()).digest()
    return base64.b32encode(digest)[:12].decode().lower()


def row_ref(
    campaign: str, ref: str, *, channel: str, date: datetime, texts: Sequence[str], copy: int = 1
) -> str:
    """The `client_ref` of a row, the same on every host.

    Args:
        campaign: its name.
        ref: of the row.
        channel: the id of its channel.
        date: what the row asks for, in UTC, wherever the post may be moved to.
        texts: its content and the parts of its thread, as the campaign gives them.
        copy: 2 and more where the row is stored once more on purpose.
    """
    said = (ref, channel, date.isoformat(), tuple(texts))
    return client_ref(campaign, repr(said if copy == 1 else (*said, copy)))


def listed_ref(settings: str | None) -> str:
    """The `client_ref` in the settings that the server lists; empty where there is none."""
    if settings is None or CLIENT_REF not in settings:
        return ""
    try:
        value = msgspec.json.decode(settings, type=dict[str, object]).get(CLIENT_REF)
    except (msgspec.DecodeError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""


class MillisecondMarks:
    """Hands out dates with milliseconds from 1 to 999 that nobody uses in their second.

    Args:
        used: moments that are in use.
        first: the milliseconds to begin with. Hosts that begin with others do not meet in one
            instant, where the posts of a request are looked for.
    """

    def __init__(self, used: Iterable[datetime] = (), *, first: int = 1) -> None:
        self._order = (*range(first, 1000), *range(1, first))
        self._used: dict[datetime, set[int]] = {}
        for moment in used:
            self.take(moment)

    def take(self, moment: datetime) -> None:
        """Note that the exact moment is in use."""
        second = moment.replace(microsecond=0)
        self._used.setdefault(second, set()).add(moment.microsecond // 1000)

    def mark(self, moment: datetime) -> datetime:
        """The moment, moved to free milliseconds of its second, or of a later one if it is full."""
        second = moment.replace(microsecond=0)
        while True:
            taken = self._used.setdefault(second, set())
            free = next((ms for ms in self._order if ms not in taken), None)
            if free is not None:
                taken.add(free)
                return second.replace(microsecond=free * 1000)
            second += timedelta(seconds=1)
