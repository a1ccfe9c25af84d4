"""`postiz.outbox`: hand posts over, ask for them, wait for them."""

from __future__ import annotations

import asyncio
import logging
import math
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from msgspec.structs import replace

from postiz_async._concurrency import run_to_completion
from postiz_async._delivery.journal_file import RowState
from postiz_async._delivery.matching import CLIENT_REF, client_ref
from postiz_async._outbox.file import OutboxFile
from postiz_async._outbox.sender import OutboxSender
from postiz_async._outbox.tickets import OVER, OutboxOptions, Ticket
from postiz_async._resources.create_body import encode_create
from postiz_async._validation import validate
from postiz_async.errors import (
    APIConnectionError,
    ConfigurationError,
    InvalidPostError,
    NotFoundError,
    ServerError,
)
from postiz_async.models._durations import check_seconds
from postiz_async.models.integrations import Integration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postiz_async._delivery.client import OutboxClient
    from postiz_async._outbox.tickets import OutboxEntry
    from postiz_async.models.posts import CreatePost, NewPost, PostType

__all__ = ["Outbox"]

log = logging.getLogger("postiz_async.outbox")

FIRST_TICKET_LOOK, LAST_TICKET_LOOK = 0.25, 8.0
"""Seconds between two looks at a ticket that another process works on; doubled each time."""


class Outbox:
    """Posts that were handed over durably, and the task that sends them.

    The client makes, opens and closes it: `Postiz(outbox="outbox.sqlite")`.

    Args:
        postiz: the client.
        options: its file, and what is done in doubt.
    """

    def __init__(self, postiz: OutboxClient, options: OutboxOptions) -> None:
        self._postiz = postiz
        self._clock = postiz.clock
        self._options = options
        self._file = OutboxFile(Path(options.path), postiz.quota_name, uuid.uuid4().hex)
        self._sender = OutboxSender(postiz, self._file, options, self._notify)
        self._waiters: defaultdict[str, set[anyio.Event]] = defaultdict(set)
        self._scope = anyio.CancelScope()
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False

    async def open(self) -> None:
        """Open the file and begin to send what is in it.

        Raises:
            StoreError: the file cannot be used.
        """
        unowned = await self._file.open(self._clock.time() - self._options.keep.total_seconds())
        if unowned:
            log.warning(
                "%d hand-overs in %s are of another key or server, and nobody sends them: start a "
                "client for it. If the key was renewed, say organization= as before",
                unowned,
                self._options.path,
            )
        if self._options.sends:
            self._task = asyncio.create_task(self._run(), name="postiz_async.outbox")

    async def _run(self) -> None:
        with self._scope:
            try:
                await self._sender.run()
            except Exception:
                log.exception("the outbox stopped; what it holds is sent after the next start")
                raise

    async def aclose(self, *, drain: float = 0.0) -> None:
        """Stop sending. What was not sent stays in the file, for others or for the next start.

        Args:
            drain: seconds to wait for what this process has to send. Requests whose first byte
                is out are waited for in any case.
        """
        self._is_closing = True
        try:
            if self._task is not None and drain > 0 and not self._task.done():
                with self._clock.move_on_after(drain):
                    await self._sender.until_idle()
        finally:
            self._scope.cancel()
            try:
                await run_to_completion(self._ended())
            finally:
                await self._file.aclose()

    async def _ended(self) -> None:
        if self._task is not None:
            await self._task

    # -------------------------------------------------------------- handing over

    async def put(
        self,
        *posts: NewPost,
        at: datetime | None = None,
        tags: Sequence[str] = (),
        short_link: bool = False,
    ) -> Ticket:
        """Hand posts over, to be sent in one request as soon as the quota allows.

        When it returns, they are on the disk: a crash of this process or a loss of power does
        not lose them. They are sent as `posts.schedule` sends, after interactive calls. When it is
        cancelled, they are withdrawn, unless they are on their way by then.

        Args:
            posts: what to post, each on its channel.
            at: when to publish, with a time zone; None: as soon as they are sent.
            tags: names of tags that exist in Postiz.
            short_link: shorten links where the server has a shortener.

        Costs one of the hourly create requests, later. Sends nothing but a look at the channels
        (as for `posts.validate`), which is done without while Postiz cannot be reached, if all
        channels are given as `Integration`.

        Raises:
            InvalidPostError: the server would refuse them; nothing was stored.
            StoreError: the file cannot be written; nothing was stored.
            APIConnectionError: the channels are given by id, and Postiz cannot be reached.
        """
        if self._is_closing:
            raise ConfigurationError("The outbox is closed or closing; nothing was stored.")
        ticket = uuid.uuid4().hex
        body = await self._built(posts, at, tags, short_link=short_link)
        body = _marked(body, ticket)
        encode_create(body)  # raises when it is too large
        due = self._postiz.scheduler.server_time() if at is None else at.timestamp()
        owned = self._options.sends
        try:
            entry = await self._file.put(ticket, body, due, dated=at is not None, owned=owned)
        except asyncio.CancelledError:  # nobody gets the ticket
            with anyio.CancelScope(shield=True):
                await self._file.withdraw(ticket, self._clock.time())
            raise
        self._sender.wake()
        return await self._ticket(entry)

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
        except (APIConnectionError, ServerError):
            known = {p.channel.id: p.channel for p in posts if isinstance(p.channel, Integration)}
            if {post.channel_id for post in posts} - known.keys():
                raise
            body = await creating.build(
                *posts, kind=kind, at=moment, tags=tags, short_link=short_link, validate=False
            )
            problems = validate(body, channels=known, now=now)
            errors = [problem for problem in problems if problem.severity == "error"]
            if errors:
                raise InvalidPostError(errors) from None
        return replace(body, type="schedule")

    # -------------------------------------------------------------- asking

    async def get(self, ticket_id: str) -> Ticket:
        """How a hand-over stands, whichever process works on it.

        Args:
            ticket_id: the id of the ticket, `Ticket.id`.

        Raises:
            NotFoundError: there is no such ticket, or it was over too long ago.
        """
        return await self._ticket(await self._entry(ticket_id))

    async def wait(self, ticket_id: str, *, timeout: float | None = None) -> Ticket:
        """Wait until a hand-over is over: stored, refused, late, withdrawn or undecided.

        Args:
            ticket_id: the ticket.
            timeout: seconds after which it returns as it then stands, 0 for at once; None for
                as long as it takes.

        Raises:
            NotFoundError: there is no such ticket.
            ConfigurationError: `timeout` is not a number of seconds.
        """
        check_seconds("timeout", timeout, zero=True, none=True)
        give_up = math.inf if timeout is None else self._clock.monotonic() + timeout
        look = FIRST_TICKET_LOOK
        while True:
            changed = anyio.Event()
            self._waiters[ticket_id].add(changed)
            try:
                entry = await self._entry(ticket_id)
                left = give_up - self._clock.monotonic()
                if entry.state in OVER or left <= 0:
                    return await self._ticket(entry)
                is_mine = entry.owner == self._file.worker
                with self._clock.move_on_after(left if is_mine else min(left, look)):
                    await changed.wait()
                look = min(2 * look, LAST_TICKET_LOOK)
            finally:
                self._forget(ticket_id, changed)

    async def withdraw(self, ticket_id: str) -> bool:
        """End a hand-over that has not left yet. Returns whether it had not.

        Args:
            ticket_id: the id of the ticket, `Ticket.id`.

        Raises:
            NotFoundError: there is no such ticket.
        """
        await self._entry(ticket_id)
        done = await self._file.withdraw(ticket_id, self._clock.time())
        self._notify(ticket_id)
        return done

    async def counts(self) -> Mapping[RowState, int]:
        """How many tickets are in which state, of all processes that share file and quota."""
        return await self._file.counts()

    @property
    def trouble(self) -> str:
        """What holds this process's sending up: the server, the key, the disk; empty: nothing."""
        return self._sender.outage.trouble

    async def _entry(self, ticket_id: str) -> OutboxEntry:
        entry = await self._file.get(ticket_id)
        if entry is None:
            raise NotFoundError(f"there is no ticket {ticket_id!r} in this outbox", status_code=404)
        return entry

    async def _ticket(self, entry: OutboxEntry) -> Ticket:
        waits = entry.state is RowState.PLANNED
        return Ticket(
            id=entry.id,
            state=entry.state,
            at=datetime.fromtimestamp(entry.due, UTC) if entry.is_dated else None,
            leaves_in=await self._leaves_in(entry) if waits else 0.0,
            post_ids=tuple(post_id for post_id in entry.post_ids if post_id is not None),
            reason=self.trouble if waits else entry.note,
        )

    async def _leaves_in(self, entry: OutboxEntry) -> float:
        """By the quota's forecast, behind interactive calls and hand-overs that are due before."""
        scheduler = self._postiz.scheduler
        before = await self._file.ahead(entry) + scheduler.view().queued.interactive
        return max(scheduler.leaves_in(before + 1), self._sender.outage.pauses_for)

    # -------------------------------------------------------------- waiting

    def _notify(self, ticket_id: str) -> None:
        for changed in self._waiters.get(ticket_id, ()):
            changed.set()

    def _forget(self, ticket_id: str, changed: anyio.Event) -> None:
        waiters = self._waiters[ticket_id]
        waiters.discard(changed)
        if not waiters:
            del self._waiters[ticket_id]


def _marked(body: CreatePost, ticket: str) -> CreatePost:
    """The request with the mark of its ticket in each post."""
    posts = [
        replace(item, settings={CLIENT_REF: client_ref(ticket, str(place)), **item.settings})
        for place, item in enumerate(body.posts)
    ]
    return replace(body, posts=posts)
