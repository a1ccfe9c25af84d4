"""The blocking twin of `OutboxBase`. Made by `python docs/make_blocking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from postiz_async.blocking._base import Twin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from postiz_async._delivery.outcomes import RowState
    from postiz_async._outbox.base import OutboxBase as AsyncOutboxBase
    from postiz_async._outbox.tickets import Ticket


class OutboxBase(Twin):
    """The common part of all outboxes: open and close, get, wait for and withdraw tickets."""

    @property
    def _async(self) -> AsyncOutboxBase:
        return cast("AsyncOutboxBase", self._twin)

    def get(self, ticket: Ticket | str) -> Ticket:
        """Return the current state of a hand-over, whichever process works on it.

        Args:
            ticket: the ticket or its id.

        Raises:
            PostNotFoundError: there is no such ticket, or it was over too long ago.
        """
        return self._portal.call(self._async.get, ticket)

    def wait(self, ticket: Ticket | str, *, timeout: float | timedelta | None = None) -> Ticket:
        """Wait until a hand-over is over: stored, refused, late, withdrawn or undecided.

        Args:
            ticket: the ticket or its id.
            timeout: seconds after which the ticket is returned in any state, 0 for at once; None
                for as long as it takes.

        Raises:
            PostNotFoundError: there is no such ticket.
            StoreError: this process had to send the posts, and its sending task failed.
            UsageError: `timeout` is not a number of seconds, or `ticket` is not one.
        """
        return self._portal.call(self._async.wait, ticket, timeout=timeout)

    def withdraw(self, ticket: Ticket | str) -> bool:
        """Withdraw a hand-over that has not left yet. Returns False if it has left.

        Args:
            ticket: the ticket or its id.

        Raises:
            PostNotFoundError: there is no such ticket.
        """
        return self._portal.call(self._async.withdraw, ticket)

    def counts(self) -> Mapping[RowState, int]:
        """Count the tickets in each state, of all processes that share store and quota.

        Raises:
            StoreError: the outbox cannot be used, or has tickets of another version.
        """
        return self._portal.call(self._async.counts)

    @property
    def trouble(self) -> str:
        """The reason why this process cannot send (server, key or disk); empty if it can."""
        original = self._async
        return self._portal.call_sync(lambda: original.trouble)
