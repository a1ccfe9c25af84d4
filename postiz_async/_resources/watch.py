"""Watch posts: report when one is published, with its address, or refused, with the reason.

The API has no stream, so the list is polled: when a post is due, then after 2, 4, 8 ... 30
seconds while nothing happens, and once a minute otherwise, for posts that are published at once.
Each poll begins a quarter of an hour before the last one that was answered, and at the date of
the oldest post that is due and not published. So events while Postiz was unavailable, or while
the reader was busy, are reported late and not lost; none is reported again unless the post was
published once more.

The list has only the state of a post; the reason why a network refused one is in a notification,
which names the channel or its network in words, but not the post.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from postiz_async._concurrency import WakeSignal
from postiz_async._logs import log_of
from postiz_async._resources.listing import SEARCHED, Chunks, ListPosts, around, find_post
from postiz_async._scheduler.calls import CallTime
from postiz_async.clock import Clock
from postiz_async.errors import (
    APIConnectionError,
    APIResponseValidationError,
    APITimeoutError,
    NotFoundError,
    PostNotFoundError,
    PublishError,
    QuotaError,
    ServerError,
    StoreError,
)
from postiz_async.models._durations import describe_seconds
from postiz_async.models.insights import Notification
from postiz_async.models.posts import Post, PublishEvent

_log = logging.getLogger("postiz_async.watch")

IDLE_POLL = 60.0
"""Seconds between polls while nothing is due."""

FIRST_OUTAGE, LONGEST_OUTAGE = 5.0, 300.0
"""Seconds between polls while Postiz is unavailable: doubled after each, up to the longest."""

_BACK, _AHEAD = timedelta(minutes=15), timedelta(minutes=10)
"""How far a poll goes back before the last one, and ahead, to see when the next post is due."""

_FORGET = timedelta(days=1)
"""How long to wait for a post that is due, and to remember one that was reported."""

SHORTEST_POLL = 1.0
"""Shortest time in seconds between polls, however many signals arrive."""

LOOK_SHARE = 5
"""The pause after a poll is at least this many times as long as the poll took."""


FIRST_POLL, LONGEST_POLL = 2.0, 30.0
"""Seconds between polls for posts that are about to be published; doubled while nothing happens."""

_AWAY = (APIConnectionError, ServerError, APIResponseValidationError, QuotaError, StoreError)


class ListNotifications(Protocol):
    """The type of `postiz.notifications.list`."""

    def __call__(self, *, since: datetime) -> Awaitable[list[Notification]]:
        """The notifications from then on, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class PostSource:
    """Access to the posts to watch. `now` is the server's time, in seconds since the epoch."""

    list_posts: ListPosts
    notifications: ListNotifications
    clock: Clock
    now: Callable[[], float]
    wake: WakeSignal
    organization: str = ""


async def until_published(
    source: PostSource, post_id: str, at: datetime | None, time: CallTime
) -> Post:
    """The post once it is published; raises what `posts.wait_published` raises."""
    clock, pause = source.clock, FIRST_POLL
    while True:
        seen = source.wake.given
        post = await _found(source, post_id, at)
        at = post.publish_date
        if post.state == "PUBLISHED":
            return post
        if post.state == "ERROR":
            said = await messages_since(source.notifications, [post])
            raise PublishError(reason(post, said), post_id=post_id)
        seconds = max(pause, at.timestamp() - clock.time())
        if seconds > time.left:
            await clock.sleep(time.left)
            after = describe_seconds(time.timeout or 0)
            raise APITimeoutError(f"The post {post_id} is {post.state} after {after}.")
        await sleep_or_wake(clock, source.wake, seen, clock.monotonic() + seconds)
        pause = next_pause(pause)


async def _found(source: PostSource, post_id: str, at: datetime | None) -> Post:
    """The post if it is dated within the second of `at`; else wherever it is now."""
    first, last = around(source.clock.time())
    if at is not None:
        second = at.astimezone(UTC).replace(microsecond=0)
        until = second + timedelta(milliseconds=999)
        with suppress(PostNotFoundError):
            return await find_post(source.list_posts, post_id, second, until)
        first, last = min(first, at - SEARCHED), max(last, at + SEARCHED)
    return await find_post(source.list_posts, post_id, first, last)


async def sleep_or_wake(clock: Clock, wake: WakeSignal, seen: int, until: float) -> None:
    """Sleep until a moment or a signal after the first `seen`, but for `SHORTEST_POLL` at least."""
    earliest = clock.monotonic() + SHORTEST_POLL
    with clock.move_on_after(until - clock.monotonic()):
        await wake.wait(seen)
    await clock.sleep_until(min(earliest, until))


# ------------------------------------------------------------------ what became of posts

_BEFORE = timedelta(minutes=1)
"""How much earlier than a post's date its notification may be dated, as clocks differ."""

UNTOLD = "the network refused it; no notification says why"


def next_pause(pause: float) -> float:
    """The pause after a poll that showed nothing new."""
    return min(LONGEST_POLL, pause * 2)


async def messages_since(
    notifications: ListNotifications, posts: Iterable[Post]
) -> list[Notification]:
    """The notifications that may be about these posts, newest first.

    Servers before v2.18.0 show none, which is not an error.
    """
    since = min((post.publish_date for post in posts), default=None)
    if since is None:
        return []
    try:
        return await notifications(since=since - _BEFORE)
    except NotFoundError:
        return []


def reason(post: Post, messages: Iterable[Notification]) -> str:
    """Why a network refused a post, in the words of the first notification after its date.

    Args:
        post: in the state `ERROR`.
        messages: see `messages_since`.
    """
    channel = post.channel
    names = [channel.name, channel.provider] if channel is not None else []
    words = [name.casefold() for name in names if name]
    about = [
        message
        for message in messages
        if message.created_at >= post.publish_date - _BEFORE and _is_refusal(message, words)
    ]
    return min(about, key=lambda message: message.created_at).content if about else UNTOLD


def _is_refusal(message: Notification, names: Iterable[str]) -> bool:
    text = message.content.casefold()
    return "has been published" not in text and any(name in text for name in names)


async def publish_events(
    posts: Iterable[Post], notifications: ListNotifications
) -> list[PublishEvent]:
    """The events of those posts that are published or refused, in order of date."""
    ended = sorted(
        (post for post in posts if post.state in {"PUBLISHED", "ERROR"}),
        key=lambda post: (post.publish_date, post.id),
    )
    failed = [post for post in ended if post.state == "ERROR"]
    messages = await messages_since(notifications, failed)
    return [
        PublishEvent(post, reason(post, messages) if post.state == "ERROR" else "")
        for post in ended
    ]


async def watch(
    source: PostSource, *, accepts: Callable[[Post], bool], since: datetime | None
) -> AsyncGenerator[PublishEvent]:
    """Yield the events of posts, without an end.

    Args:
        source: access to the posts.
        accepts: whether to report a post.
        since: also yield events for posts dated from then on; None: only from now on.
    """
    watching, outage = _Watch(source, accepts, since), FIRST_OUTAGE
    while True:
        began, seen = source.clock.monotonic(), source.wake.given
        try:
            events = await watching.look()
        except _AWAY as error:
            if watching.is_first:  # whoever begins with a wrong address learns it
                raise
            log = log_of(_log, source.organization)
            log.info("nothing is seen of posts, next look in %g s: %s", outage, error)
            await source.clock.sleep(outage)
            outage = min(LONGEST_OUTAGE, 2 * outage)
            continue
        outage, lasted = FIRST_OUTAGE, source.clock.monotonic() - began
        for event in events:
            yield event
        pause = max(watching.pause(news=bool(events)), LOOK_SHARE * lasted)
        await sleep_or_wake(source.clock, source.wake, seen, source.clock.monotonic() + pause)


class _Watch:
    def __init__(
        self, source: PostSource, accepts: Callable[[Post], bool], since: datetime | None
    ) -> None:
        self._source = source
        self._accepts = accepts
        self._since = since
        self._begin: datetime | None = None
        """The date from which the next poll lists posts; None before the first."""
        self._due: dict[str, datetime] = {}
        self._told: dict[str, tuple[tuple[str, str], datetime]] = {}
        """Reported posts by id: their mark (see `_mark`), and when it was last seen."""
        self._pause = FIRST_POLL
        self._chunks = Chunks(first=_BACK + _AHEAD)

    @property
    def is_first(self) -> bool:
        """Whether no poll was answered yet."""
        return self._begin is None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._source.now(), UTC)

    async def look(self) -> list[PublishEvent]:
        """The events since the last poll."""
        now = self._now()
        start = min([self._begin or min(self._since or now, now - _BACK), *self._due.values()])
        listed: dict[str, Post] = {}
        async for _, posts in self._chunks.lists(self._source.list_posts, start, now + _AHEAD):
            listed.update((post.id, post) for post in posts if self._accepts(post))
        news = [post for post in listed.values() if self._is_news(post)]
        events = await publish_events(news, self._source.notifications)
        self._remember(listed.values(), now)
        return events

    def _is_news(self, post: Post) -> bool:
        if post.id in self._told:
            return self._told[post.id][0] != _mark(post)
        is_asked_for = self._since is not None and post.publish_date >= self._since
        return is_asked_for or not self.is_first

    def _remember(self, posts: Iterable[Post], now: datetime) -> None:
        forgotten = now - _FORGET
        self._told = {id_: told for id_, told in self._told.items() if told[1] > forgotten}
        self._due.clear()
        for post in posts:
            if post.state in {"PUBLISHED", "ERROR"}:
                self._told[post.id] = (_mark(post), now)
            elif post.state == "QUEUE" and post.publish_date > forgotten:
                self._due[post.id] = post.publish_date
        self._begin = now - _BACK

    def pause(self, *, news: bool) -> float:
        """Seconds until the next poll."""
        now = self._now()
        coming = [(date - now).total_seconds() for date in self._due.values()]
        if not any(seconds <= 0 for seconds in coming):
            self._pause = FIRST_POLL
            return max(FIRST_POLL, min([IDLE_POLL, *coming]))
        pause = FIRST_POLL if news else self._pause
        self._pause = next_pause(pause)
        return pause


def _mark(post: Post) -> tuple[str, str]:
    """The mark of a reported event: a post that is published again, as a new item, has another."""
    return post.state, post.release_id or post.release_url or ""
