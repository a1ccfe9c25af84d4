"""By what our requests and posts are recognised in the server's list. PURE.

The server has no idempotency key. But it keeps the milliseconds of a date, which people and the
web page never set, and unknown keys inside `settings`. So a request is marked by the
milliseconds of its date, unique within its second, and a post by its `client_ref`.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

__all__ = ["CLIENT_REF", "MillisecondMarks", "client_ref"]

CLIENT_REF = "client_ref"
"""The key inside a post's settings that names the row it came from."""


def client_ref(campaign: str, ref: str) -> str:
    """The 12 characters that mark the post of one row of one campaign."""
    digest = hashlib.sha256(f"{campaign}\n{ref}".encode()).digest()
    return base64.b32encode(digest)[:12].decode().lower()


class MillisecondMarks:
    """Hands out dates with milliseconds from 1 to 999 that nobody uses in their second."""

    def __init__(self, used: Iterable[datetime] = ()) -> None:
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
            free = next((ms for ms in range(1, 1000) if ms not in taken), None)
            if free is not None:
                taken.add(free)
                return second.replace(microsecond=free * 1000)
            second += timedelta(seconds=1)
