"""`postiz.outbox`: the outbox of one organisation."""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import anyio
import msgspec
from msgspec.structs import replace

from postiz_async._delivery.matching import CLIENT_REF, client_ref
from postiz_async._delivery.record import DeliveryPost, DeliveryRecord, write_record
from postiz_async._logs import log_of
from postiz_async._outbox.base import OutboxBase
from postiz_async._outbox.courier import Courier, has_stored
from postiz_async._outbox.hand_over import HandOver, columns_of
from postiz_async._outbox.keys import KeyedHandOver, ticket_of
from postiz_async._resources.builder import NewCreate
from postiz_async._resources.create_body import encode_create, refuse_wrong_types
from postiz_async._resources.keyed import check_key
from postiz_async._validation import validate
from postiz_async.errors import (
    APIConnectionError,
    InvalidPostError,
    PostNotFoundError,
    ServerError,
    StoreError,
)
from postiz_async.models.channels import Channel
from postiz_async.stores._deliveries import NewDelivery

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from postiz_async._outbox.tickets import OutboxOptions, Ticket
    from postiz_async._outbox.waiters import Waiters
    from postiz_async._resources.api import OpenClient
    from postiz_async.models.posts import NewPost, PostRequest, PostType
    from postiz_async.stores._deliveries import Ahead, Deliveries, KeptDelivery, Scope


log = logging.getLogger("postiz_async.outbox")


class Outbox(OutboxBase):
    """Posts that were handed over durably, and the task that sends them.

    The client makes, opens and closes it: `Postiz(outbox="outbox.sqlite")`.

    Args:
        postiz: the client.
        deliveries: the store of the hand-overs; it is closed with the outbox.
        options: how the outbox works, and whether this process sends.
        courier: the courier of a pool, which does the sending; None: the outbox makes its own.
        waiters: those who wait, where several outboxes share them.
    """

    def __init__(
        self,
        postiz: OpenClient,
        deliveries: Deliveries,
        options: OutboxOptions,
        courier: Courier | None = None,
        waiters: Waiters | None = None,
    ) -> None:
        super().__init__(deliveries, postiz.clock, sends=options.sends and courier is None)
        self._postiz = postiz
        self._scope, self._organization = postiz.quota_name, postiz.organization
        postiz.scheduler.witness = partial(has_stored, deliveries, self._scope)
        if waiters is not None:
            self._waiters = waiters

        @asynccontextmanager
        async def client_of(_: Scope) -> AsyncGenerator[OpenClient]:
            yield postiz

        self._courier = courier or Courier(
            deliveries, client_of, options, postiz.clock, self._waiters.notify, only=self._scope
        )

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
            connection: a PostgreSQL connection whose transaction includes them: they are sent if
                it commits, and only then. An asynchronous one of psycopg, asyncpg or SQLAlchemy
                (connection or session) to the database of the outbox.

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
        self._refuse_closed()
        self._postiz.scheduler.require("schedule", *(() if at is not None else ("publish",)))
        keyed = None
        if idempotency_key is not None:
            keyed = await self._keyed(idempotency_key, posts, at, tags, short_link=short_link)
            known = await self._deliveries.get(keyed.ticket, self._postiz.quota_name)
            if known is not None:
                found = HandOver(self._deliveries, known, self._clock)
                keyed.check(found.record)
                return await self._told(found)
        body = await self._built(posts, at, tags, short_link=short_link)
        if keyed is None:
            ticket = uuid.uuid4().hex
            refs = [client_ref(ticket, str(place)) for place in range(len(posts))]
        else:
            ticket, refs = keyed.ticket, keyed.refs()
        body = _marked(body, refs)
        encode_create(body)  # raises when it is too large
        record = DeliveryRecord(
            state="planned",
            posts=tuple(DeliveryPost(item.channel.id) for item in body.posts),
            fingerprint={} if keyed is None else keyed.fingerprint,
            due=self._postiz.scheduler.server_time() if at is None else at.timestamp(),
            is_dated=at is not None,
        )
        kept, ahead = await self._written(ticket, body, record, connection)
        found = HandOver(self._deliveries, kept, self._clock)
        if keyed is not None:
            keyed.check(found.record)  # a simultaneous call may have been first
        if connection is None:
            self._courier.wake(found.scope)
        return self._ticket(found, ahead)

    async def by_key(self, idempotency_key: str) -> Ticket | None:
        """Return the ticket of an idempotency key of `put`; None if there is none (any more).

        Args:
            idempotency_key: the key.

        Raises:
            InvalidPostError: it cannot be a key.
        """
        check_key(idempotency_key)
        with suppress(PostNotFoundError):
            return await self.get(ticket_of(self._postiz.quota_name, idempotency_key))
        return None

    async def _written(
        self, ticket: str, body: PostRequest, record: DeliveryRecord, connection: object
    ) -> tuple[KeptDelivery, Ahead]:
        new = NewDelivery(
            ticket, msgspec.json.encode(body), write_record(record), columns_of(record)
        )
        postiz, deliveries = self._postiz, self._deliveries
        await deliveries.register(postiz.quota_name, postiz.organization, postiz.base_url)
        try:
            return await deliveries.put(postiz.quota_name, new, connection=connection)
        except asyncio.CancelledError:  # the caller does not get the ticket
            if connection is None and not record.fingerprint:
                with anyio.CancelScope(shield=True):
                    await self._take_back(ticket)
            raise
        except StoreError as error:
            if not error.may_be_done:
                raise
            raise StoreError(
                f"{str(error).partition(chr(10))[0]}\n  This hand-over may have been taken "
                f"nevertheless, as ticket {ticket}: ask for it when the database is back, "
                "before you hand it over again."
            ) from None

    async def _take_back(self, ticket: str) -> None:
        try:
            await self.withdraw(ticket)
        except PostNotFoundError:
            log.debug("hand-over %s was cancelled before it was written down", ticket)
        except StoreError as error:
            whose = log_of(log, self._organization)
            whose.warning("hand-over %s was cancelled, but may be sent: %s", ticket, error)

    async def _keyed(
        self,
        key: str,
        posts: tuple[NewPost, ...],
        at: datetime | None,
        tags: Sequence[str],
        *,
        short_link: bool,
    ) -> KeyedHandOver:
        """Build the keyed hand-over, without a request to Postiz if all channels are known."""
        now = self._postiz.scheduler.server_now()
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
        new = NewCreate(kind, posts, moment, tags, short_link)
        return KeyedHandOver(key, self._postiz.quota_name, new)

    async def _channel_id(self, channel: Channel | str, where: str) -> str:
        known = self._postiz.channel_cache.remembered(channel)
        return await self._postiz.channel_id(channel, where) if known is None else known.id

    async def _built(
        self,
        posts: tuple[NewPost, ...],
        at: datetime | None,
        tags: Sequence[str],
        *,
        short_link: bool,
    ) -> PostRequest:
        """Build and validate the request; without a date, it is dated when it is sent."""
        creating = self._postiz.posts
        now = self._postiz.scheduler.server_now()
        kind: PostType = "now" if at is None else "schedule"
        moment = now if at is None else at
        try:
            body = await creating.build(
                *posts, kind=kind, at=moment, tags=tags, short_link=short_link
            )
        except (APIConnectionError, ServerError) as error:
            posts = tuple([self._remembered(post, error) for post in posts])
            known = {p.channel.id: p.channel for p in posts if isinstance(p.channel, Channel)}
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
        """A post with its channel as last listed; raises `away` if the channel is unknown."""
        channel = self._postiz.channel_cache.remembered(post.channel)
        if channel is not None:
            return replace(post, channel=channel)
        if isinstance(away, ServerError):
            raise away
        hint = (
            f"Nothing was handed over: only Postiz knows which channel {post.channel!r} is. A "
            "Channel can be handed over without it."
        )
        raise type(away)(away.message, delivery=away.delivery, hint=hint) from away

    async def _told(self, found: HandOver) -> Ticket:
        if found.record.state != "planned":
            return found.ticket()
        with suppress(StoreError):  # then forecast by the last known quota
            await self._postiz.scheduler.refresh()
        return self._ticket(
            found, await self._deliveries.ahead(found.scope, found.number, found.record.due)
        )

    def _ticket(self, found: HandOver, ahead: Ahead) -> Ticket:
        """The ticket with a forecast: behind interactive calls and hand-overs that are due earlier.

        A hand-over that is not due before the next window does not use slots that are kept free for
        others.
        """
        scheduler, kept = self._postiz.scheduler, found.record
        place = ahead.before + scheduler.view().queued.interactive + 1
        slot = scheduler.bulk_in(kept.due - scheduler.server_time(), ahead.planned)
        rests = max(kept.until - found.now(), ahead.rests)
        pauses = self._courier.pauses_for(found.scope)
        leaves_in = max(scheduler.leaves_in(place), slot, pauses, rests)
        return found.ticket(leaves_in, self._trouble or ahead.trouble or kept.note)


def _marked(body: PostRequest, refs: Sequence[str]) -> PostRequest:
    """The request with a mark in the settings of each post."""
    posts = [
        replace(item, settings={**item.settings, CLIENT_REF: ref})
        for item, ref in zip(body.posts, refs, strict=True)
    ]
    return replace(body, posts=posts)
