"""The rows of a campaign as recorded in its journal. PURE."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from postiz_async._delivery.outcomes import FOUND, FOUND_UNSURE, LACKS, RowState

UNSTORED = frozenset(
    {RowState.PLANNED, RowState.REFUSED, RowState.LATE, RowState.SKIPPED, RowState.UNDECIDED}
)
"""States of rows that are not stored and in no request with an unknown outcome."""

NOT_BEGUN = UNSTORED | {RowState.WITHDRAWN}
"""States of rows that are not in Postiz, and on no way there."""

IN_FLIGHT = frozenset({RowState.SENDING, RowState.UNKNOWN})
"""States of rows that are in a request without an answer."""

OPEN_STATES = (RowState.PLANNED, RowState.SENDING, RowState.UNKNOWN)
"""States of rows that a further run would still work on."""


class Finding(StrEnum):
    """A finding about a row, besides its state: changes by people or by the passing of time."""

    NOTHING = ""
    SHIFTED = "shifted"
    """It was late and got a later date."""
    CHANGED = "changed"
    """The campaign file says something else than what is stored."""
    EDITED = "edited"
    """Somebody moved or edited the post in Postiz."""
    DRAFT = "draft"
    """Somebody made the post a draft in Postiz, so that it does not come out."""
    DELETED = "deleted"
    """Somebody deleted the post in Postiz."""
    DOUBLED = "doubled"
    """It is stored more than once."""
    DEDUPLICATED = "deduplicated"
    """It was stored more than once; the others were deleted."""
    EQUAL = "equal"
    """Another post at the same moment says the same, and does not bear the row's mark."""
    HIDDEN = "hidden"
    """Its channel is gone, and Postiz does not list posts of such channels."""
    STUCK = "stuck"
    """Its date is over and Postiz has not published it."""
    UNTAGGED = "untagged"
    """It is stored without a tag that Postiz does not seem to know."""


ADOPTED = "was in Postiz already"
ADOPTED_UNSURE = f"{ADOPTED}; {LACKS}"

UNSURE = {FOUND_UNSURE: FOUND, ADOPTED_UNSURE: ADOPTED}
"""Notes on rows whose post may be incomplete, and their replacements once it is complete."""


_PROVIDER = re.compile(r'"settings":\{"__type":"([^"]*)"')


@dataclass(frozen=True, slots=True)
class RowRecord:
    """A row as recorded in the journal.

    `seconds` is its date since the epoch, and `asked_seconds` the date that the campaign asks for
    if the row goes or went with another; `at` and `moved_from` are the same as datetimes. `note`
    belongs to the state. `finding` and `remark` say what happened beside it. `link` is the address
    of the published post. `name` is what the campaign calls the channel, or Postiz if that is an
    id. `said` is the content of the row when the fingerprint was made, a
    `_campaign.read.rows.SaidRow` as JSON. `change` is the request that is changing its post.
    `may_say` is what the post may say instead, because a change that costs nothing was begun.
    `stays`: what a run was told to keep as it is: the post of a row that is gone from the campaign,
    or a draft that somebody made of it. `version` is new after each change; 0: the row does not
    come from a journal.
    """

    ref: str
    number: int
    fingerprint: str = field(repr=False)
    channel: str
    seconds: float
    state: RowState = RowState.PLANNED
    request: int | None = None
    post_id: str | None = None
    note: str = ""
    finding: Finding = Finding.NOTHING
    remark: str = ""
    link: str = ""
    name: str = ""
    asked_seconds: float | None = None
    said: str = field(default="", repr=False)
    change: int | None = None
    may_say: str = field(default="", repr=False)
    stays: Literal["", "gone", "draft"] = ""
    version: int = field(default=0, compare=False, repr=False)

    @property
    def provider(self) -> str:
        """The provider that its settings name; empty for none."""
        found = _PROVIDER.search(self.said)
        return found[1] if found else ""

    @property
    def at(self) -> datetime:
        """When its post is published."""
        return datetime.fromtimestamp(self.seconds, UTC)

    @property
    def moved_from(self) -> datetime | None:
        """The date that the campaign asks for, if the row goes or went with another."""
        asked = self.asked_seconds
        return None if asked is None else datetime.fromtimestamp(asked, UTC)


@dataclass(frozen=True, slots=True)
class Copy:
    """A post that equals a row's and shall stay beside it; `mark` is its `client_ref`."""

    post_id: str
    ref: str
    mark: str = ""


def day_and_time(moment: datetime) -> str:
    """Format a date for a remark: `2027-01-15 09:00 UTC`, with seconds unless they are 0."""
    at = moment.astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at.second else f"{at:%Y-%m-%d %H:%M} UTC"
