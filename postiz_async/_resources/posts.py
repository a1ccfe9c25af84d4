"""Posts: create, list, change, delete."""

from __future__ import annotations

import builtins
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial
from typing import cast

import msgspec
from msgspec import UNSET, UnsetType

from postiz_async._concurrency import WakeSignal
from postiz_async._resources.channels import ChannelCache
from postiz_async._resources.create import PostCreation
from postiz_async._resources.insights import Notifications
from postiz_async._resources.keyed import KeyedCreates, check_key
from postiz_async._resources.listing import (
    Listing,
    around,
    check_filter,
    find_post,
    first_occurrences,
    inside,
    list_posts,
    pieces,
    post_id_of,
)
from postiz_async._resources.matching import find_posts, is_on, seen_text, span_of, stored_at
from postiz_async._resources.watch import PostSource, until_published, watch
from postiz_async._scheduler.calls import CallTime
from postiz_async._scheduler.scheduler import BoundScheduler
from postiz_async._wire import encode_body, format_date, parse_date
from postiz_async._wire.endpoints import (
    DELETE_POST,
    DELETE_POST_GROUP,
    LIST_MISSING,
    SET_RELEASE_ID,
    SET_STATUS,
    UPDATE_SETTINGS,
    Call,
)
from postiz_async.errors import (
    InvalidInputError,
    Marks,
    NotFoundError,
    PostNotFoundError,
    Problem,
    ServerError,
    UsageError,
)
from postiz_async.models._durations import read_seconds
from postiz_async.models.channels import Channel, Group
from postiz_async.models.posts import (
    Created,
    MissingRelease,
    Post,
    PostState,
    PublishEvent,
    StoredType,
)


class Posts(PostCreation):
    """`postiz.posts`: the scheduled, drafted and published posts."""

    def __init__(
        self,
        bound: BoundScheduler,
        channels: ChannelCache,
        wake: WakeSignal,
        keyed: Callable[[], KeyedCreates],
        *,
        validates: bool,
    ) -> None:
        super().__init__(bound, channels, keyed, validates=validates)
        self._wake = wake

    # -------------------------------------------------------------- looking

    def list(
        self,
        *,
        start: datetime,
        end: datetime,
        state: PostState | None = None,
        channel: Channel | str | None = None,
        group: Group | str | None = None,
        tag: str | None = None,
        text: str | None = None,
        collapse_repeats: bool = False,
    ) -> Listing[Post]:
        """The posts from `start` to `end`, in order of date.

        Iterating over it fetches a range of any length in pieces that the server can handle, and so
        does the blocking client, for a list; in asynchronous code a list is one request.

        A repeated post is listed once for each occurrence, always with the same id. Media, thread
        parts and posts of deleted channels are not returned.

        Args:
            start: the start of the range, with a time zone.
            end: the end of the range, inclusive.
            state: only posts in this state: `QUEUE`, `PUBLISHED`, `ERROR` or `DRAFT`.
            channel: only this channel: its id, name or provider.
            group: only channels of this group of `channels.groups`, or its id.
            tag: only posts with this tag, by name.
            text: only posts whose text has this in it, in upper or lower case.
            collapse_repeats: a repeated post once, at its first occurrence in the range.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            ChannelNotFoundError: no channel, or several, have this name or provider.
            InvalidInputError: there is no such state, or a part of the filter is blank.
        """
        check_filter(state, channel=channel, group=group, tag=tag, text=text)
        bound = self._bound
        group_id = group if group is None or isinstance(group, str) else group.id

        async def accepting(bound: BoundScheduler) -> Callable[[Post], bool] | None:
            if state is None and channel is None and tag is None and text is None:
                return None
            words = None if text is None else text.casefold()
            wanted = await self._wanted(bound, channel)
            return lambda post: (
                (state is None or post.state == state)
                and (wanted is None or is_on(wanted, post))
                and (tag is None or tag in post.tags)
                and (words is None or words in seen_text(post.content).casefold())
            )

        async def whole() -> builtins.list[Post]:
            once = bound.begun()
            accepts = await accepting(once)
            listed = await list_posts(once, group_id, start=start, end=end)
            posts = inside(listed, start, end, accepts)
            return [*first_occurrences(posts, set())] if collapse_repeats else posts

        async def piecewise() -> AsyncGenerator[builtins.list[Post]]:
            accepts = await accepting(bound)
            found = pieces(partial(list_posts, bound, group_id), start, end, accepts=accepts)
            repeated: set[str] = set()
            async with aclosing(found):
                async for posts in found:
                    yield [*first_occurrences(posts, repeated)] if collapse_repeats else posts
                    del posts

        return Listing(whole, piecewise)

    async def _wanted(self, bound: BoundScheduler, channel: Channel | str | None) -> str | None:
        """The id of the only channel to list; None: all channels."""
        if channel is None:
            return None
        return await self._channels.id_of(bound, channel, "channel")

    async def get(
        self,
        post: Post | Created | str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Post:
        """The post with this id, found in the list, because the server has no route for it.

        Args:
            post: the post or its id, not that of a part of its thread.
            start: where to begin the search; None: a year ago.
            end: where to end it; None: in a year.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            PostNotFoundError: it is not listed there.
        """
        return await _find(self._bound.begun(), post, start, end)

    async def find(self, marks: Marks) -> builtins.list[Post | None]:
        """Which posts of a request whose answer was lost are stored now.

        Call it after a `DeliveryUnknownError`. Posts that are found are stored: do not send them
        again. If a post is not found, it may still be stored later, because the server continues
        after its client has disconnected. Only consider it absent when a create that was sent after
        the loss has been answered, about 12 minutes have passed, and two look-ups agree. A server
        that failed midway leaves the first posts of a request, and the last of these may lack its
        thread or its publishing job: `set_status(id, "schedule")` gives it a job, `delete` lets you
        send it again; do either only while it is far from due. `postiz.campaign` and idempotency
        keys do all of this for you.

        Posts are identified by date, channel and text. If the date has whole seconds, an equal post
        by somebody else may be found; use milliseconds in `at` to avoid that.

        Args:
            marks: `error.marks`.

        Returns:
            A post for each post of the request, in request order; None if it was not found.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            UsageError: `marks` is something else, for example the error itself.
        """
        if not isinstance(cast("object", marks), Marks):
            raise UsageError(
                f"posts.find takes the marks of an error, `error.marks`, not a "
                f"{type(marks).__name__}."
            )
        start, end = span_of(marks)
        return find_posts(marks, await self.list(start=start, end=end))

    async def by_key(self, idempotency_key: str) -> builtins.list[Created] | None:
        """Return the posts that calls with an idempotency key have stored, without creating any.

        Args:
            idempotency_key: the key of `schedule`, `publish_now`, `draft` or `send`; keys of
                `outbox.put` are asked for by `outbox.by_key`.

        Returns:
            The posts, in order; fewer, or none, while a request is under way, its answer is lost,
            or it was refused. None if no request has left with this key.

        Costs no quota: only the store of the keys is asked.

        Raises:
            InvalidPostError: it cannot be a key.
            StoreError: the store cannot be read.
        """
        check_key(idempotency_key)
        return await self._keyed().created(idempotency_key)

    async def wait_published(
        self,
        post: Post | Created | str,
        *,
        at: datetime | None = None,
        timeout: float | timedelta | UnsetType | None = UNSET,
    ) -> Post:
        """Wait until a post is published on its network, even if it is moved meanwhile.

        Args:
            post: the post or its id.
            at: the date that it is scheduled for, where the search begins; None: that of a `Post`.
                If it is not there, the search covers a year before and after today and that date.
            timeout: seconds to wait, including look-ups; None or `math.inf`: as long as necessary.
                Not given: as `with_options` says, by default as long as necessary. The `timeout` of
                the client itself applies to each look-up.

        Costs no quota since v2.19.0.

        Raises:
            PublishError: the network refused it; with the reason if a notification has it.
            PostNotFoundError: it was deleted.
            APITimeoutError: it was not published within `timeout`.
            InvalidInputError: `at` has no time zone.
            UsageError: `timeout` is not a number of seconds.
        """
        bound, clock = self._bound, self._bound.scheduler.clock
        seconds = bound.options.wait_timeout
        if timeout is not UNSET:
            seconds = read_seconds("timeout", timeout, endless=True)
        if at is not None:
            format_date(at, "at")  # refuses one without a zone
        elif isinstance(post, Post):
            at = stored_at(post)
        if seconds is not None and seconds < math.inf:
            bound = bound.begun(timeout=seconds)
        time = bound.shared_time or CallTime.from_now(clock, None)
        return await until_published(self._source(bound), post_id_of(post), at, time)

    def watch(
        self, *, since: datetime | None = None, channel: Channel | str | None = None
    ) -> AsyncGenerator[PublishEvent]:
        """Yield an event whenever a post is published or refused by its network.

            async for event in postiz.posts.watch():
                print(event.post.id, event.link or event.reason)

        It never ends by itself; leave the loop or cancel it. It checks when posts are due and once
        a minute, sooner after `look_again`, and every ten minutes if the server counts such
        requests. While Postiz is down it waits, and then yields what happened meanwhile; only if
        Postiz is down at the first check, it raises. No event is yielded twice, unless a post is
        published again.

        Args:
            since: also yield events for posts dated from then on; None: only from now on.
            channel: only this channel: its id, name or provider.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            AuthenticationError: the key is no longer accepted.
            APIConnectionError: Postiz cannot be reached at the first check; `ServerError` if it
                fails then.
            InvalidInputError: `since` has no time zone; or no channel, or several, have this name
                or provider.
        """
        if since is not None:
            format_date(since, "since")  # refuses one without a zone
        return self._watch(since, channel)

    def _source(self, bound: BoundScheduler) -> PostSource:
        return PostSource(
            list_posts=partial(list_posts, bound),
            notifications=Notifications(bound).list,
            clock=bound.scheduler.clock,
            now=bound.scheduler.server_time,
            wake=self._wake,
            organization=bound.scheduler.identity.organization,
        )

    async def _watch(
        self, since: datetime | None, channel: Channel | str | None
    ) -> AsyncGenerator[PublishEvent]:
        wanted = await self._wanted(self._bound, channel)

        def accepts(post: Post) -> bool:
            return wanted is None or is_on(wanted, post)

        events = watch(self._source(self._bound), accepts=accepts, since=since)
        async with aclosing(events):
            async for event in events:
                yield event

    def look_again(self) -> None:
        """Let each `wait_published` and `watch` check now.

        Call it when something may have been published, for example when a webhook delivery arrives.
        Calls within the same second have no further effect.
        """
        self._wake.give()

    # -------------------------------------------------------------- changing

    async def set_status(self, post: Post | Created | str, status: StoredType) -> str:
        """Turn a scheduled post into a draft or back. Returns the new state.

        `schedule` publishes at once if the date has passed, and publishes a published post again:
        the server does not prevent that. Use the id of the post, not of a part of its thread.

        Args:
            post: the post or its id.
            status: `draft` removes it from the schedule, `schedule` puts it back.

        Costs no quota. Retried only if it is proved that it was not carried out. Since v2.21.7.

        Raises:
            BadRequestError: there is no such post.
        """
        call = Call(
            SET_STATUS, params={"id": post_id_of(post)}, body=encode_body({"status": status})
        )
        return (await self._bound.call(call)).state

    async def update_settings(
        self, post: Post | Created | str, settings: Mapping[str, object]
    ) -> datetime:
        """Merge keys into the settings of a post that is not published. Returns its date.

        The date loses its milliseconds, a `client_ref` goes unless it is sent again, and a
        repetition is removed. Costs no quota. Retried: yes. Since a
        release after v2.23.0.

        Args:
            post: the post or its id.
            settings: the settings to change, with the API's names.

        Raises:
            NotFoundError: there is no such post, or the server is older.
            BadRequestError: it is published or part of a thread, or the settings are refused.
        """
        body = encode_body({"settings": settings})
        answer = await self._bound.call(
            Call(UPDATE_SETTINGS, params={"id": post_id_of(post)}, body=body)
        )
        return parse_date(answer.publish_date)

    async def missing(self, post: Post | Created | str) -> builtins.list[MissingRelease]:
        """Recent items of the channel, to find the one that a post of unknown release id became.

        Args:
            post: the post or its id.

        Costs no quota. Retried: yes. Since v2.19.0.
        """
        return await self._bound.call(Call(LIST_MISSING, params={"id": post_id_of(post)}))

    async def set_release_id(self, post: Post | Created | str, release_id: str) -> None:
        """Tell Postiz which item on the network a post became, if it does not know.

        Args:
            post: the post or its id.
            release_id: the id of the item on the network, one of those that `missing` lists.

        Costs no quota. Retried only if it is proved that it was not carried out. Since v2.19.0.

        Raises:
            InvalidInputError: `release_id` is empty.
            ServerError: there is no such post, or its id on the network is known already.
        """
        if not release_id:
            raise InvalidInputError([Problem("release_id", "is empty")])
        body = encode_body({"releaseId": release_id})
        await self._bound.call(Call(SET_RELEASE_ID, params={"id": post_id_of(post)}, body=body))

    # -------------------------------------------------------------- deleting

    async def delete(self, post: Post | Created | str) -> bool:
        """Delete a post with its thread. A published post stays on its network.

        The server answers 500 for a post that is already gone, newer ones 404. This is not an error
        if the list of a year before and after today confirms it.

        Args:
            post: the post or its id.

        Costs no quota since v2.19.0. Retried: yes. Since v1.26.1.

        Returns:
            True if it was deleted, False if there is none: already gone, or there never was one.

        Raises:
            ServerError: the server failed and the post is still listed.
        """
        bound = self._bound.begun()
        try:
            await bound.call(Call(DELETE_POST, params={"id": post_id_of(post)}))
        except (ServerError, NotFoundError):
            try:
                await _find(bound, post)
            except PostNotFoundError:
                return False
            raise
        return True

    async def delete_group(self, group: str) -> None:
        """Delete a group, which is a post with its thread; an unknown group is not an error.

        Args:
            group: the id that a post and the parts of its thread share, `Post.group`.

        Costs no quota. Retried: yes. Since v2.18.0.
        """
        await self._bound.call(Call(DELETE_POST_GROUP, params={"group": group}))


def prepared_by(posts: Posts, prepare: Callable[[], Awaitable[None]]) -> Posts:
    """A view of `posts` that completes a request, as its client may.

    Its calls await `prepare`, and leave within minutes of it or never.
    """
    view = Posts.__new__(Posts)
    vars(view).update(vars(posts))
    bound = view._bound  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    options = msgspec.structs.replace(bound.options, prepare=prepare, completes=True)
    bound = msgspec.structs.replace(bound, options=options)
    view._bound = bound  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return view


async def _find(
    bound: BoundScheduler,
    post: Post | Created | str,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Post:
    """The post as it is listed now; raises what `Posts.get` raises."""
    first, last = around(bound.scheduler.server_time())
    if isinstance(post, Post):
        first, last = min(first, stored_at(post)), max(last, stored_at(post))
    post_id = post_id_of(post)
    return await find_post(partial(list_posts, bound), post_id, start or first, end or last)
