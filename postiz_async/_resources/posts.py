"""Posts: create, list, change, delete."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Literal, cast

import msgspec

from postiz_async._resources.create import PostCreation
from postiz_async._resources.insights import Notifications
from postiz_async._resources.listing import (
    PublishWatcher,
    around,
    find_post,
    first_occurrences,
    list_posts,
    list_query,
    pieces,
)
from postiz_async._resources.matching import find_posts, is_on, span_of
from postiz_async._resources.watch import PostSource, watch
from postiz_async._scheduler.calls import CallTime
from postiz_async._wire import encode_body, format_date, parse_date
from postiz_async._wire.endpoints import (
    DELETE_POST,
    DELETE_POST_GROUP,
    LIST_MISSING,
    LIST_POSTS,
    SET_RELEASE_ID,
    SET_STATUS,
    UPDATE_SETTINGS,
    Call,
)
from postiz_async.errors import (
    InvalidPostError,
    Marks,
    NotFoundError,
    Problem,
    ServerError,
    UsageError,
)
from postiz_async.models._durations import check_seconds

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from datetime import datetime

    from postiz_async._resources.channel_list import Channels
    from postiz_async._resources.keyed import KeyedCreates
    from postiz_async._resources.listing import WakeSignal
    from postiz_async._scheduler.bound import BoundScheduler
    from postiz_async.models.integrations import Integration
    from postiz_async.models.posts import MissingRelease, Post, PublishEvent

__all__ = ["Posts"]


class _Status(msgspec.Struct):
    status: str


class _ReleaseId(msgspec.Struct, rename="camel"):
    release_id: str


class _Settings(msgspec.Struct):
    settings: Mapping[str, object]


class Posts(PostCreation):
    """`postiz.posts`: the scheduled, drafted and published posts."""

    def __init__(
        self,
        bound: BoundScheduler,
        channels: Channels,
        wake: WakeSignal,
        keyed: Callable[[], KeyedCreates],
        *,
        validates: bool,
    ) -> None:
        super().__init__(bound, channels, keyed, validates=validates)
        self._wake = wake

    # -------------------------------------------------------------- looking

    async def list(
        self, *, start: datetime, end: datetime, customer: str | None = None, retry: bool = True
    ) -> builtins.list[Post]:
        """The posts from `start` to `end`, both included, in no order.

        A repeated post comes once for each occurrence up to `end`, all with the same id, also
        for occurrences before `start`. Media, thread parts and posts of deleted channels are not
        returned.

        Args:
            start: the first moment, with a time zone.
            end: the last moment.
            customer: only channels of this group, by its id (`integrations.groups`). The API has
                this word here; the `group` of a post is another thing.
            retry: False for one attempt, when the caller repeats it by itself.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.
        """
        options = self._bound.options
        if options.retry is not retry:
            options = msgspec.structs.replace(options, retry=retry)
        query = list_query(start, end, customer)
        return (await self._bound.call(Call(LIST_POSTS, query=query), options)).posts

    async def iter(
        self,
        *,
        start: datetime,
        end: datetime,
        state: str | None = None,
        integration: Integration | str | None = None,
        tag: str | None = None,
        collapse_repeats: bool = False,
    ) -> AsyncIterator[Post]:
        """The posts of a range of any length, in order of date, listed in pieces.

        Args:
            start: the first moment, with a time zone.
            end: the last moment.
            state: only `QUEUE`, `PUBLISHED`, `ERROR` or `DRAFT`.
            integration: only this channel: its id, name or provider.
            tag: only posts with this tag, by name.
            collapse_repeats: a repeated post once, at its first occurrence in the range.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            InvalidPostError: no channel, or several, have this name or provider.
        """
        wanted = await self._wanted(integration)

        def accepts(post: Post) -> bool:
            return (
                (state is None or post.state == state)
                and (wanted is None or is_on(wanted, post))
                and (tag is None or any(each.tag.name == tag for each in post.tags))
            )

        takes_all = state is None and wanted is None and tag is None
        repeated: set[str] = set()
        found = pieces(self.list, start, end, accepts=None if takes_all else accepts)
        async with aclosing(found):
            async for posts in found:
                for post in first_occurrences(posts, repeated) if collapse_repeats else posts:
                    yield post
                del posts

    async def _wanted(self, integration: Integration | str | None) -> str | None:
        """The id of the only channel that is asked for."""
        if integration is None:
            return None
        return await self._channels.id_of(self._bound, integration, "integration")

    async def get(
        self, post_id: str, *, start: datetime | None = None, end: datetime | None = None
    ) -> Post:
        """The post with this id, found by listing; the server has no other way.

        Args:
            post_id: the id of the post, not of a part of its thread.
            start: where to begin to look; a year ago if None.
            end: where to stop; in a year if None.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            NotFoundError: it is not listed there.
        """
        return await _find(self._bound.begun(), post_id, start, end)

    async def find(self, marks: Marks) -> builtins.list[Post | None]:
        """Which posts of a request whose answer was lost are stored now.

        Call it after a `DeliveryUnknownError`. What is found is stored: do not send it again.
        That nothing is found proves little: the server goes on working after its caller is gone,
        and may begin late. Believe it only when a create that was sent after the loss has been
        answered, some 12 minutes have passed, and two looks show the same. A server that failed
        in the middle leaves the first posts of a request, and the last of these may lack its
        thread or its publishing job: `set_status(id, "schedule")` gives it a job, `delete` makes
        room to send it again, both only while it is far from due. `postiz.batch` does all of
        that by itself.

        Posts are known by their instant, channel and text. So a moment in whole seconds may show
        an equal post that somebody else made; milliseconds in `at` make it your own.

        Args:
            marks: `error.marks`.

        Returns:
            A post for each post of the request, in request order; None for what is not there.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            UsageError: `marks` are none, but the error itself, for example.
        """
        if not isinstance(cast("object", marks), Marks):
            raise UsageError(
                f"posts.find takes the marks of an error, `error.marks`, not a "
                f"{type(marks).__name__}."
            )
        start, end = span_of(marks)
        return find_posts(marks, await self.list(start=start, end=end))

    async def wait_published(
        self, post_id: str, *, at: datetime | None = None, timeout: float | None = None
    ) -> Post:
        """Wait until a post is published on its network, also when it is moved meanwhile.

        Args:
            post_id: the post.
            at: the moment it is scheduled for, where it is looked for first; None, or where it is
                not there: from a year before today, and that moment, to a year after.
            timeout: seconds to wait, looks included; None for what `with_options` said, else as
                long as it takes. The `timeout` of the client itself is for each look.

        Costs no quota since v2.19.0.

        Raises:
            PublishError: the network refused it; with the reason, as far as a notification of
                that time tells it.
            NotFoundError: it was deleted.
            APITimeoutError: it was not published within `timeout`.
            InvalidPostError: `at` has no time zone.
            UsageError: `timeout` is not a number of seconds.
        """
        check_seconds("timeout", timeout, none=True)
        if at is not None:
            format_date(at, "at")  # refuses one without a zone
        bound, clock = self._bound, self._bound.scheduler.clock
        seconds = bound.options.wait_timeout if timeout is None else timeout
        if seconds is not None:
            bound = bound.begun(timeout=seconds)
        time = bound.shared_time or CallTime.from_now(clock, None)
        messages = Notifications(bound).iter
        watch = PublishWatcher(partial(list_posts, bound), messages, clock, self._wake)
        return await watch.until_published(post_id, at, time)

    def watch(
        self, *, since: datetime | None = None, integration: Integration | str | None = None
    ) -> AsyncGenerator[PublishEvent]:
        """What becomes of posts as it happens: published, or refused by their network.

            async for event in postiz.posts.watch():
                print(event.post.id, event.link or event.reason)

        Never ends by itself; leave the loop or cancel it. Looks when posts are due and once a
        minute, sooner after `look_again`, and every ten minutes at a server that counts looks.
        While Postiz is away it waits, and then tells what happened meanwhile; only at the first
        look that is an error. Nothing is told twice, but a post that was published again.

        Args:
            since: also what became of posts from this moment on; None: from now on.
            integration: only this channel: its id, name or provider.

        Costs no quota since v2.19.0. Retried: yes. Since v2.0.2.

        Raises:
            AuthenticationError: the key is not accepted any more.
            APIConnectionError: Postiz is away at the first look; so does a `ServerError`.
            InvalidPostError: `since` has no time zone; or no channel, or several, have this name
                or provider.
        """
        bound = self._bound
        if since is not None:
            format_date(since, "since")  # refuses one without a zone
        source = PostSource(
            list_posts=partial(list_posts, bound),
            notifications=Notifications(bound).iter,
            clock=bound.scheduler.clock,
            now=bound.scheduler.server_time,
            is_counted=lambda: bound.scheduler.is_counted(LIST_POSTS.name),
            wake=self._wake,
        )
        return self._watch(source, since, integration)

    async def _watch(
        self, source: PostSource, since: datetime | None, integration: Integration | str | None
    ) -> AsyncGenerator[PublishEvent]:
        wanted = await self._wanted(integration)

        def accepts(post: Post) -> bool:
            return wanted is None or is_on(wanted, post)

        async with aclosing(watch(source, accepts=accepts, since=since)) as events:
            async for event in events:
                yield event

    def look_again(self) -> None:
        """Let each `wait_published` and `watch` look now: something was published, perhaps.

        Call it when a webhook delivery arrives; more often than once a second has no effect.
        """
        self._wake.give()

    # -------------------------------------------------------------- changing

    async def set_status(self, post_id: str, status: Literal["draft", "schedule"]) -> str:
        """Turn a scheduled post into a draft or back. Returns the new state.

        `schedule` publishes at once when the date has passed, and publishes a published post
        again: the server has no guard. Give the id of the post, not of a part of its thread.

        Args:
            post_id: the post's id.
            status: `draft` takes it from the schedule, `schedule` puts it there.

        Costs no quota. Retried: only when proved not carried out. Since v2.21.7.

        Raises:
            BadRequestError: there is no such post.
        """
        call = Call(SET_STATUS, params={"id": post_id}, body=encode_body(_Status(status)))
        return (await self._bound.call(call)).state

    async def update_settings(self, post_id: str, settings: Mapping[str, object]) -> datetime:
        """Merge keys into the settings of a post that is not published. Returns its date.

        A repetition of the post is removed by it. Costs no quota. Retried: yes. Since a release
        after v2.23.0.

        Args:
            post_id: the post's id.
            settings: the settings that change, as the provider names them.

        Raises:
            NotFoundError: there is no such post, or the server is older.
            BadRequestError: it is published or part of a thread, or the settings are refused.
        """
        body = encode_body(_Settings(settings))
        answer = await self._bound.call(Call(UPDATE_SETTINGS, params={"id": post_id}, body=body))
        return parse_date(answer.publish_date)

    async def missing(self, post_id: str) -> builtins.list[MissingRelease]:
        """Recent items of the channel, to choose which one a post with unknown id became.

        Args:
            post_id: the post's id.

        Costs no quota. Retried: yes. Since v2.19.0.
        """
        return await self._bound.call(Call(LIST_MISSING, params={"id": post_id}))

    async def set_release_id(self, post_id: str, release_id: str) -> None:
        """Tell Postiz which item on the network a post became, when it does not know.

        Args:
            post_id: the post's id.
            release_id: the id of the item on the network, one of those that `missing` lists.

        Costs no quota. Retried: only when proved not carried out. Since v2.19.0.

        Raises:
            InvalidPostError: `release_id` is empty.
            ServerError: there is no such post, or its id on the network is known already.
        """
        if not release_id:
            raise InvalidPostError([Problem("release_id", "is empty")])
        body = encode_body(_ReleaseId(release_id))
        await self._bound.call(Call(SET_RELEASE_ID, params={"id": post_id}, body=body))

    # -------------------------------------------------------------- deleting

    async def delete(self, post_id: str) -> bool:
        """Delete a post with its thread. What is published already stays on the network.

        The server answers 500 for a post that is gone already. That is not an error when the list
        of the year before and after today confirms it.

        Args:
            post_id: the post's id.

        Costs no quota since v2.19.0. Retried: yes. Since v1.26.1.

        Returns:
            True when it was deleted now, False when it was gone already.

        Raises:
            ServerError: the server failed and the post is still listed.
        """
        bound = self._bound.begun()
        try:
            await bound.call(Call(DELETE_POST, params={"id": post_id}))
        except (ServerError, NotFoundError):
            try:
                await _find(bound, post_id)
            except NotFoundError:
                return False
            raise
        return True

    async def delete_group(self, group: str) -> None:
        """Delete the posts of a group; an unknown group is not an error.

        Args:
            group: the id that the posts of one request have in common, `Post.group`.

        Costs no quota. Retried: yes. Since v2.18.0.
        """
        await self._bound.call(Call(DELETE_POST_GROUP, params={"group": group}))


async def _find(
    bound: BoundScheduler, post_id: str, start: datetime | None = None, end: datetime | None = None
) -> Post:
    """The post with this id; raises what `Posts.get` raises."""
    first, last = around(bound.scheduler.clock.time())
    return await find_post(partial(list_posts, bound), post_id, start or first, end or last)
