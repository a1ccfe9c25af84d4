"""The blocking twins of `_outboxes`. Made by `python docs/make_blocking.py`."""

# Methods have no body where a decorator does the work.
# pyright: reportReturnType=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from postiz_async.blocking._base import (
    BlockingIterator,
    Twin,
    awaited,
    iterated,
    looked_up,
    serving,
)

if TYPE_CHECKING:
    from postiz_async._delivery.outcomes import RowState
    from postiz_async._outbox.tickets import Ticket, TicketEvent
    from postiz_async.models.posts import NewPost


class OutboxBase(Twin):
    """The common part of all outboxes: open and close, get, wait for and withdraw tickets."""

    @awaited
    def get(self, ticket: Ticket | str) -> Ticket:
        """Return the current state of a hand-over, whichever process works on it.

        Args:
            ticket: the ticket or its id.

        Raises:
            PostNotFoundError: there is no such ticket, or it was over too long ago.
        """

    @awaited
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

    @iterated
    def events(self, *, after: str | None = None) -> BlockingIterator[TicketEvent]:
        """Iterate over the tickets that ended, in any process, in the order in which they did.

            for event in postiz.outbox.events(after=cursor):
                print(event.ticket.id, event.ticket.state)
                cursor = event.cursor  # store it when you are done with the event

        It waits for further ones, and ends when the client closes. After an error or a cancellation
        the same iterator goes on where it was. Tickets are kept for `OutboxOptions(keep=...)` after
        their end: whoever is away for longer is told, by a `CursorError`.

        Args:
            after: the cursor of the last event that you have seen; None: from the oldest one kept.

        Raises:
            CursorError: `after` is not a cursor of these events, or some after it were removed;
                also from the iterator.
            StoreError: from the iterator, when the store cannot be read.
        """

    @serving(handler="awaited")
    def consume(self, handler: Callable[[TicketEvent], object], *, name: str) -> None:
        """Call a function for each ticket that ended, in order, until the client closes.

        The place is stored in the outbox after each call, so the next process goes on from there:
        each event is handled at least once. Of all processes that do this under the same name one
        works at a time; if it dies, another one takes over after half a minute at most. If the
        function raises an error, it is called again with the same event after a second, then twice
        as long each time, up to five minutes; later events wait. What it has not done when the
        client closes, the next process does again.

        Args:
            handler: the function.
            name: a name for what the function does, such as `billing`. A new name begins with the
                oldest event that is kept.

        Raises:
            CursorError: some events after the place were removed. Choose another name to go on.
            UsageError: `handler` is no function, or `name` is no text.
        """

    @awaited
    def withdraw(self, ticket: Ticket | str) -> bool:
        """Withdraw a hand-over that has not left yet. Returns False if it has left.

        Args:
            ticket: the ticket or its id.

        Raises:
            PostNotFoundError: there is no such ticket.
        """

    @awaited
    def counts(self) -> Mapping[RowState, int]:
        """Count the tickets in each state, of all processes that share store and quota.

        Raises:
            StoreError: the outbox cannot be used, or has tickets of another version.
        """

    @property
    @looked_up
    def trouble(self) -> str:
        """The reason why this process cannot send (server, key or disk); empty if it can.

        It begins with the name of the organisation, if the client has one.
        """


class Outbox(OutboxBase):
    """Posts that were handed over durably, and the task that sends them.

    The client makes, opens and closes it: `Postiz(outbox="outbox.sqlite")`.
    """

    @awaited
    def put(
        self,
        *posts: NewPost,
        at: datetime | None = None,
        tags: Sequence[str] = (),
        short_link: bool = False,
        idempotency_key: str | None = None,
    ) -> Ticket:
        """Hand posts over, to be sent in one request as soon as the quota allows.

        When it returns, they are on the disk: a crash of this process or a loss of power does
        not lose them. They are sent as `posts.schedule` sends, after interactive calls. When it is
        interrupted, they are withdrawn, unless they are on their way by then or have a key.

        Args:
            posts: what to post, each on its channel.
            at: when to publish, with a time zone; None: as soon as they are sent.
            tags: names of tags that exist in Postiz.
            short_link: shorten links if the server has a shortener.
            idempotency_key: a text of 1 to 255 characters, such as the number of an order. The
                same call again returns the first ticket in its current state, for as long as
                that is kept (`OutboxOptions(keep=...)`).

        Costs one of the hourly create requests, later. The only request at once is a list of the
        channels (as for `posts.check`). While Postiz cannot be reached, this is skipped if all
        channels are given as `Channel` or were listed by this client before.

        Raises:
            InvalidPostError: the server would refuse them; nothing was stored.
            IdempotencyError: the key was used with other arguments; nothing was stored.
            StoreError: the hand-over cannot be written down; nothing was stored. If PostgreSQL went
                away in that moment, the error says that it may have been stored, and as which
                ticket.
            UsageError: the connection is in no transaction, or in one that failed.
            APIConnectionError: Postiz cannot be reached, and a channel is given by an id, a name
                or a provider that this client has not seen in a list yet.
        """

    @awaited
    def by_key(self, idempotency_key: str) -> Ticket | None:
        """Return the ticket of an idempotency key of `put`; None if there is none (any more).

        Args:
            idempotency_key: the key.

        Raises:
            InvalidPostError: it cannot be a key.
        """


class PoolOutbox(OutboxBase):
    """Posts of many organisations that were handed over durably, and the task that sends them.

        with PostizPool(store="postgresql://...", credentials=key_of) as pool:
            ticket = pool.outbox.put(NewPost(channel, "Hello"), organization="acme", at=at)

    The pool makes, opens and closes it. Keys are not stored: each sender calls `credentials`.
    """

    @awaited
    def put(
        self,
        *posts: NewPost,
        organization: str,
        at: datetime | None = None,
        tags: Sequence[str] = (),
        short_link: bool = False,
        idempotency_key: str | None = None,
    ) -> Ticket:
        """Hand over posts of an organisation, as `Outbox.put` does.

        Args:
            posts: what to post, each on its channel.
            organization: whose posts they are, as `credentials` knows it.
            at: when to publish, with a time zone; None: as soon as they are sent.
            tags: names of tags that exist in Postiz.
            short_link: shorten links if the server has a shortener.
            idempotency_key: the same call of this organisation again returns the same ticket.

        Raises the errors of `Outbox.put`.
        """

    @awaited
    def look_again(self, organization: str) -> None:
        """End the pause of an organisation whose key was refused, as soon as it has a new one.

        Without this, the new key is used when the pause ends, which may be an hour later.

        Args:
            organization: the organisation, as `credentials` knows it.

        Raises:
            ConfigurationError: `credentials` fails, or returns the key of another organisation.
        """

    @iterated
    def events(
        self, *, after: str | None = None, organization: str | None = None
    ) -> BlockingIterator[TicketEvent]:
        """Iterate over the tickets that ended, as `Outbox.events` does.

        Args:
            after: the cursor of the last event that you have seen; None: from the oldest one kept.
            organization: whose tickets, on the pool's server; None: those of all organisations. A
                cursor is only valid for the same choice.

        Raises the errors of `Outbox.events`.
        """

    @awaited
    def troubles(self) -> Mapping[str, str]:
        """Reasons why organisations cannot send (key, server, credentials), by their names."""
