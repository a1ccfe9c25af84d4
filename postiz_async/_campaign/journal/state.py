"""The state of a campaign as a whole: whether it is paused, or being resumed.

It changes in one transaction, before the first post does, and gets another revision with it. A
request leaves only in the revision in which it was planned, so a run or an update of another host,
which does not know the change, stops at its next request. A command that was killed finds what it
began, and goes on with it.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from postiz_async._campaign.journal.tables import Tables
from postiz_async.errors import CampaignChangedError


class Pause(msgspec.Struct, frozen=True):
    """A pause.

    `at` is when it began, in seconds since the epoch. `refs` are rows that are not drafts by
    themselves. `is_over`: the campaign is being resumed.
    """

    at: float
    refs: frozenset[str]
    is_over: bool = False


class CampaignState(msgspec.Struct, frozen=True):
    """The state of a campaign as a whole."""

    revision: int = 0
    pause: Pause | None = None

    @property
    def is_paused(self) -> bool:
        """Whether nothing is sent until the campaign is resumed."""
        return self.paused_at is not None

    @property
    def paused_at(self) -> datetime | None:
        """When the campaign was paused; None: it is not paused, or is being resumed."""
        if self.pause is None or self.pause.is_over:
            return None
        return datetime.fromtimestamp(self.pause.at, UTC)


def read_state(t: Tables) -> CampaignState:
    """Read the state of the campaign."""
    revision, state = t.execute(_STATE).fetchone()
    kept = msgspec.json.decode(state or "{}", type=CampaignState)
    return msgspec.structs.replace(kept, revision=revision)


def change_state(t: Tables, state: CampaignState) -> None:
    """Change the state of the campaign; requests that were planned before may not leave.

    Args:
        t: the tables.
        state: the new state, made of that of this revision.

    Raises:
        CampaignChangedError: the campaign has another revision by now.
    """
    require_revision(t, state.revision)
    value = msgspec.json.encode(state).decode()
    t.execute(_CHANGE, state=value, revision=state.revision + 1)


def require_revision(t: Tables, revision: int) -> None:
    """Lock the campaign until the end of the transaction.

    Raises:
        CampaignChangedError: it has another revision by now, so that what was planned is stale.
    """
    if not t.execute(_LOCK, revision=revision).rowcount:
        what = "paused" if read_state(t).is_paused else "resumed"
        raise CampaignChangedError(
            f"The campaign was {what} meanwhile, so nothing more is sent. Requests in flight have "
            "ended; run the same command again."
        )


_STATE = "SELECT revision, state FROM {s}campaigns WHERE id = :campaign"

_CHANGE = "UPDATE {s}campaigns SET state = :state, revision = :revision WHERE id = :campaign"

_LOCK = """
UPDATE {s}campaigns SET revision = revision WHERE id = :campaign AND revision = :revision
"""
