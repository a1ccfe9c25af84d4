"""`postiz.outbox`: posts of one organisation that are handed over."""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
from msgspec.structs import replace

from postiz_async._delivery.journal_file import RowState
from postiz_async._delivery.matching import CLIENT_REF, client_ref
from postiz_async._outbox.base import OutboxBase
from postiz_async._outbox.file_backend import FileBackend
from postiz_async._outbox.keys import KeyedHandOver
from postiz_async._outbox.tickets import ticket_of
from postiz_async._resources.builder import NewCreate
from postiz_async._resources.create_body import encode_create, refuse_wrong_types
from postiz_async._resources.keyed import check_key
from postiz_async._validation import validate
from postiz_async.errors import (
    APIConnectionError,
    InvalidPostError,
    ServerError,
    StoreError,
)
from postiz_async.models.integrations import Integration

if TYPE_CHECKING:
    from collections import defaultdict
    from collections.abc import Callable, Sequence

    from postiz_async._delivery.client import OutboxClient
    from postiz_async._outbox.store import Ahead, Backend, HandOvers
    from postiz_async._outbox.tickets import OutboxEntry, OutboxOptions, Ticket
    from postiz_async.models.posts import CreatePost, NewPost, PostType


log = logging.getLogger("postiz_async.outbox")


class Outbox(OutboxBase):
    """Posts that were handed over durably, and the task that sends them.

    The client makes, opens and closes it: `Postiz(outbox="outbox.sqlite")`.

    Args:
        postiz: the client.
        made: what keeps and what sends; given what is to be called with each ticket whose state
            changed.
        waiters: the events of those who wait, by ticket, where several outboxes share them.
    """

    def __init__(
        self,
        postiz: OutboxClient,
        made: Callable[[Callable[[str], None]], tuple[HandOvers, Backend]],
        waiters: defaultdict[str, set[anyio.Event]] | None = None,
    ) -> None:
        super().__init__(postiz.clock, waiters)
        self._postiz = postiz
        self._hand_overs, self._backend = made(self.notify)
        self._asked = self._hand_overs

    # -------------------------------------------------------------- handing over

    async def put(
        self,
        *posts: NewPost,
        at: datetime | None = None,
        tags: Sequence[str] = (),
        short_link: bool = False,
        idempotency_key: str | None = None,
        connection: object = None,
    ) -> Ticket:
        """Hand posts over, to be sent in one request as soon as the quota allows.

        When it returns, they are on the disk: a crash of this process or a loss of power does
        not lose them. They are sent as `posts.schedule` sends, after interactive calls. When it is
        cancelled, they are withdrawn, unless they are on their way by then or have a key.

        Args:
            posts: what to post, each on its channel.
            at: when to publish, with a time zone; None: as soon as they are sent.
            tags: names of tags that exist in Postiz.
            short_link: shorten links if the server has a shortener.
            idempotency_key: a text of 1 to 255 characters, such as the number of an order. The
                same call again returns the first ticket in its current state, for as long as
                that is kept (`OutboxOptions(keep=...)`).
            connection: of PostgreSQL, in whose transaction they are handed over: they are sent if
                it commits, and only then. An asynchronous one of psycopg, asyncpg or SQLAlchemy
                (connection or session) to the database of the outbox.

        Costs one of the hourly create requests, later. Sends nothing but a look at the channels
        (as for `posts.validate`). While Postiz cannot be reached that is done without, if all
        channels are given as `Integration` or were listed by this client before.

        Raises:
            InvalidPostError: the server would refuse them; nothing was stored.
            IdempotencyError: the key was used with other arguments; nothing was stored.
            StoreError: it cannot be written down; nothing was stored. When PostgreSQL went away in
                that moment, it says that it may have been, and as which ticket.
            UsageError: the connection is in no transaction, or in one that failed.
            APIConnectionError: Postiz cannot be reached, and a channel is given by an id, a name
                or a provider that this client has not seen in a list yet.
        """
        self._refuse_closed()
        keyed = None
        if idempotency_key is not None:
            keyed = await self._keyed(idempotency_key, posts, at, tags, short_link=short_link)
            known = await self._hand_overs.get(keyed.ticket)
            if known is not None:
                keyed.check(known)
                return await self._told(known)
        body = await self._built(posts, at, tags, short_link=short_link)
        if keyed is None:
            ticket = uuid.uuid4().hex
            refs = [client_ref(ticket, str(place)) for place in range(len(posts))]
        else:
            ticket, refs = keyed.ticket, keyed.refs()
        body = _marked(body, refs)
        encode_create(body)  # raises when it is too large
        due = self._postiz.scheduler.server_time() if at is None else at.timestamp()
        dated, owned = at is not None, self._backend.sends
        try:
            entry, ahead = await self._hand_overs.put(
                ticket, body, due, dated=dated, owned=owned, connection=connection
            )
        except asyncio.CancelledError:  # nobody gets the ticket
            if connection is None and keyed is None:
                with anyio.CancelScope(shield=True):
                    await self._take_back(ticket)
            raise
        if keyed is not None:
            keyed.check(entry)  # a call at the same moment may have been first
        if connection is None:
            self._backend.wake()
        return self._ticket(entry, ahead)

    async def _take_back(self, ticket: str) -> None:
        try:
            await self._hand_overs.withdraw(ticket)
        except StoreError as error:
            log.warning("hand-over %s was cancelled, but may be sent: %s", ticket, error)

    async def _keyed(
        self,
        key: str,
        posts: tuple[NewPost, ...],
        at: datetime | None,
        tags: Sequence[str],
        *,
        short_link: bool,
    ) -> KeyedHandOver:
        """What is asked for, without a look at Postiz where the channels are known."""
        now = datetime.fromtimestamp(self._postiz.scheduler.server_time(), UTC)
        kind: PostType = "now" if at is None else "schedule"
        moment = now if at is None else at
        refuse_wrong_types(moment, tags, posts)
        check_key(key)
        posts = tuple(
            [
                replace(post, channel=await self._channel_id(post.channel, f"posts.{n}.channel"))
                for n, post in enumerate(posts)
            ]
        )
        new = NewCreate(kind, posts, moment, tags, short_link, None)
        return KeyedHandOver(key, self._postiz.quota_name, new)

    async def _channel_id(self, channel: Integration | str, where: str) -> str:
        known = self._postiz.channels.remembered(channel)
        return await self._postiz.channel_id(channel, where) if known is None else known.id

    async def _built(
        self,
        posts: tuple[NewPost, ...],
        at: datetime | None,
        tags: Sequence[str],
        *,
        short_link: bool,
    ) -> CreatePost:
        """The request as it is validated; what goes at once is sent with the time of sending."""
        creating = self._postiz.posts
        now = datetime.fromtimestamp(self._postiz.scheduler.server_time(), UTC)
        kind: PostType = "now" if at is None else "schedule"
        moment = now if at is None else at
        try:
            body = await creating.build(
                *posts, kind=kind, at=moment, tags=tags, short_link=short_link
            )
        except (APIConnectionError, ServerError) as error:
            posts = tuple([self._remembered(post, error) for post in posts])
            known = {p.channel.id: p.channel for p in posts if isinstance(p.channel, Integration)}
            body = await creating.build(
                *posts, kind=kind, at=moment, tags=tags, short_link=short_link, validate=False
            )
            is_time_known = self._postiz.scheduler.knows_server_time()
            problems = validate(body, channels=known, now=now if is_time_known else None)
            errors = [problem for problem in problems if problem.severity == "error"]
            if errors:
                raise InvalidPostError(errors) from None
        return replace(body, type="schedule")

    def _remembered(self, post: NewPost, away: APIConnectionError | ServerError) -> NewPost:
        """A post with its channel as last listed; raises `away` where nobody knows it."""
        channel = self._postiz.channels.remembered(post.channel)
        if channel is not None:
            return replace(post, channel=channel)
        if isinstance(away, ServerError):
            raise away
        hint = (
            f"Nothing was handed over: only Postiz knows which channel {post.channel!r} is. An "
            "Integration can be handed over without it."
        )
        raise type(away)(away.message, delivery=away.delivery, hint=hint) from away

    async def _told(self, entry: OutboxEntry) -> Ticket:
        if entry.state is not RowState.PLANNED:
            return ticket_of(entry, 0.0, "")
        with suppress(StoreError):  # then by what this process saw last
            await self._postiz.scheduler.refresh()
        return self._ticket(entry, await self._hand_overs.ahead(entry))

    def _ticket(self, entry: OutboxEntry, ahead: Ahead) -> Ticket:
        """By the quota's forecast, behind interactive calls and hand-overs that are due before.

        What has time until the next window waits for what is held back for others, too.
        """
        scheduler = self._postiz.scheduler
        place = ahead.before + scheduler.view().queued.interactive + 1
        slot = scheduler.bulk_in(entry.due - scheduler.server_time(), ahead.planned)
        waits = (scheduler.leaves_in(place), slot, self._backend.pauses_for, ahead.rests)
        return ticket_of(entry, max(waits), self.trouble or ahead.trouble)


def backend_of(
    postiz: OutboxClient, options: OutboxOptions, on_step: Callable[[str], None]
) -> tuple[HandOvers, Backend]:
    """What keeps and what sends the hand-overs of an outbox with these options."""
    if options.database is None:
        backend = FileBackend(postiz, options, on_step)
        return backend.hand_overs, backend
    from postiz_async._outbox.postgres_backend import (  # noqa: PLC0415  (an extra)
        backend_for,
        open_database,
    )

    return backend_for(postiz, options, open_database(options.database, options), on_step)


def _marked(body: CreatePost, refs: Sequence[str]) -> CreatePost:
    """The request with a mark in each post."""
    posts = [
        replace(item, settings={**item.settings, CLIENT_REF: ref})
        for item, ref in zip(body.posts, refs, strict=True)
    ]
    return replace(body, posts=posts)
